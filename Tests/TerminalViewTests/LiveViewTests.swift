import Model
import Testing

@testable import Query
@testable import TerminalView

/// What keys do.
@Suite struct LiveViewTests {
    private let now = SampleReadings.now

    private func names(_ view: inout LiveView) -> [String] {
        view.follow(now)
        return view.list.sorted(view.targets, now: now).map(\.target.target)
    }

    @Test(
        "each letter sorts by its column, the greatest first; what has no value comes last; again the other way round"
    )
    func sorting() {
        var view = SampleReadings.view(columns: 80, rows: 24)
        #expect(names(&view) == ["api", "db", "leaky", "old"])
        let expected: [(Unicode.Scalar, [String], [String])] = [
            ("h", ["leaky", "api", "db", "old"], ["api", "leaky", "db", "old"]),
            ("a", ["api", "leaky", "db", "old"], ["leaky", "api", "db", "old"]),
            ("s", ["db", "old", "api", "leaky"], ["api", "leaky", "old", "db"]),
            ("p", ["api", "db", "leaky", "old"], ["api", "db", "leaky", "old"]),
            ("l", ["old", "api", "db", "leaky"], ["api", "db", "leaky", "old"]),
            ("f", ["db", "api", "leaky", "old"], ["api", "leaky", "old", "db"]),
            ("t", ["leaky", "api", "db", "old"], ["api", "db", "old", "leaky"]),
            ("n", ["api", "db", "leaky", "old"], ["old", "leaky", "db", "api"]),
        ]
        for (key, first, second) in expected {
            #expect(view.press(.text(key), now: now) == .draw)
            #expect(names(&view) == first, "\(key)")
            #expect(view.press(.text(key), now: now) == .draw)
            #expect(names(&view) == second, "\(key) again")
        }
    }

    @Test("the chosen target stays chosen where sorting moves it")
    func choice() {
        var view = SampleReadings.view(columns: 80, rows: 24)
        _ = view.frame(now: now)
        for key in [Key.down, .down, .text("h")] { _ = view.press(key, now: now) }
        #expect(view.list.chosen == "leaky")
        #expect(view.frame(now: now).lines[3].hasPrefix("> leaky"))
        #expect(view.press(.enter, now: now) == .read)
        #expect(view.request(now: now).subject == .target("leaky"))
    }

    @Test("a long list scrolls with the chosen line, and only what is seen is asked for first")
    func scrolling() {
        var view = LiveView(database: "x", window: 900_000)
        view.resize(columns: 80, rows: 12)
        let many = (0..<1000).map { SampleReadings.target("t\(1000 + $0)") }
        view.take(SampleReadings.reading(of: many, view))
        _ = view.press(.end, now: now)
        #expect(view.frame(now: now).lines[10].hasPrefix("> t1999"))
        guard case .targets(let first) = view.request(now: now).subject else {
            Issue.record("the list asks for targets")
            return
        }
        #expect(first == (1992..<2000).map { "t\($0)" })
        _ = view.press(.pageUp, now: now)
        #expect(view.list.chosen == "t1992")
    }

    @Test("a search narrows with every character, takes globs, and Escape leads back")
    func search() {
        var view = SampleReadings.view(columns: 80, rows: 24)
        #expect(view.press(.text("/"), now: now) == .read)
        let keys = ["requests_total", "memstats.HeapAlloc", "cache.Hits", "cache.misses", "q"].map {
            SeriesKey(target: "api", series: $0)
        }
        var reading = LiveReading(request: view.request(now: now))
        reading.names = SeriesNames(keys)
        view.take(reading)
        #expect(view.search.matches.count == 5)
        for scalar in "hits".unicodeScalars { #expect(view.press(.text(scalar), now: now) == .read) }
        #expect(view.seenSeries.map(\.series) == ["cache.Hits"])
        _ = view.press(.erase, now: now)
        for scalar in "c*s".unicodeScalars { _ = view.press(.text(scalar), now: now) }
        #expect(view.seenSeries.map(\.series) == ["cache.Hits", "cache.misses"])
        _ = view.press(.down, now: now)
        _ = view.press(.enter, now: now)
        #expect(view.page == .series(SeriesKey(target: "api", series: "cache.misses")))
        _ = view.press(.escape, now: now)
        #expect(view.search.query == "c*s")
        _ = view.press(.escape, now: now)
        #expect(view.page == .targets)
        #expect(view.press(.text("q"), now: now) == .quit)
    }

    @Test(
        "a search over 10 000 names of three targets finds each of them once, by a part or by a glob",
        arguments: [
            ("", 30_000), ("status3", 3 * 1_429), ("path99", 3 * 111), ("*path99*6", 3 * 15), ("nothing", 0),
        ]
    )
    func searchOfMany(query: String, count: Int) {
        let names = SeriesNames(
            (0..<10_000).flatMap { index in
                ["a", "b", "c"].map {
                    SeriesKey(target: $0, series: "requests.path\(index).status\(index % 7)")
                }
            }
        )
        let found = names.matches(query)
        #expect(found.count == count)
        #expect(Set(found).count == count)
    }

    @Test("a failed reading is shown, what was read before stays, and the next one takes the words away")
    func failure() {
        var view = SampleReadings.view(columns: 80, rows: 24)
        view.fail("there is no database at x")
        #expect(view.frame(now: now).lines[1] == "trying again: there is no database at x")
        #expect(view.frame(now: now).lines[3].contains("api"))
        view.take(SampleReadings.reading(of: [], view))
        #expect(view.frame(now: now).lines[1].hasPrefix("nothing is recorded yet"))
    }

    @Test("a target is late by what was there when somebody looked, not because nobody looked for a while")
    func late() {
        let view = SampleReadings.view(columns: 80, rows: 24)
        func state(after seconds: Int64) -> String {
            var view = view
            let line = view.frame(now: now.advanced(byMilliseconds: seconds * 1000)).lines[3]
            return line.contains("late") ? "late" : line.contains("up") ? "up" : line
        }
        // Scraped every 10 s, the last time 3 s before; late is what is older than 30 s.
        #expect(state(after: 0) == "up")
        #expect(state(after: 50) == "up")
        #expect(state(after: 88) == "late")
    }

    @Test("any keys in any order leave a view that can be drawn", arguments: [UInt64(7), 8, 9])
    func anyKeys(seed: UInt64) {
        var state = seed
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let keys: [Key] =
            [
                .up, .down, .left, .right, .pageUp, .pageDown, .home, .end, .enter, .escape, .tab, .backspace,
                .erase,
            ]
            + "/?hagplftsnr<>+-jkGb *".unicodeScalars.map { .text($0) }
        var view = SampleReadings.view(columns: 80, rows: 24)
        for _ in 0..<500 {
            if random(20) == 0 { view.resize(columns: random(120), rows: random(40)) }
            if random(10) == 0 {
                var reading = LiveReading(request: view.request(now: now))
                reading.targets = Array(SampleReadings.targets.prefix(random(5)))
                reading.names = SeriesNames(
                    (0..<random(50)).map { SeriesKey(target: "api", series: "s\($0)") }
                )
                view.take(reading)
            }
            _ = view.press(keys[random(keys.count)], now: now)
            _ = view.frame(now: now)
        }
    }
}
