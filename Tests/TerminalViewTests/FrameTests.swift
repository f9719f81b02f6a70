import Model
import Testing

@testable import Query
@testable import TerminalView

/// The pictures of a fixed state, cell by cell.
@Suite struct FrameTests {
    private func lines(_ columns: Int, _ rows: Int, _ keys: [Key] = []) -> String {
        var view = SampleReadings.view(columns: columns, rows: rows)
        for key in keys { _ = view.press(key, now: SampleReadings.now) }
        return view.frame(now: SampleReadings.now).lines.joined(separator: "\n")
    }

    @Test("the list at 80 × 24")
    func theListAt8024() {
        #expect(
            lines(80, 24) == """
                expvault top  ./expvault.db                                 last 15m · 12:00:00Z
                4 targets: 2 up, 1 down, 1 late
                  TARGET▲  STATE      HEAP               ALLOC/S               GC/S    P99  LAST
                > api      up     24.5 MiB ████████████ 4.85 MiB ██▆██▇███▆█▅  4.68 3.8 ms    3s
                  db       down          –                     –                  –      –    3s
                  leaky    up      178 MiB ▂▃▄▅▆▆▇▇▄▆██  761 KiB ████████████     –      –    3s
                  old      late          –                     –                  –      –    2h
















                Enter target  / series  < > sort  r reverse  + - window  ? help  q quit
                """
        )
    }

    @Test("the list at 40 × 10")
    func theListAt4010() {
        #expect(
            lines(40, 10) == """
                expvault top  ./expvault.db
                4 targets: 2 up, 1 down, 1 late
                  TARGET▲  STATE      HEAP  ALLOC/S
                > api      up     24.5 MiB 4.85 MiB
                  db       down          –        –
                  leaky    up      178 MiB  761 KiB
                  old      late          –        –


                Enter target  / series  < > sort
                """
        )
    }

    @Test("the list at 200 × 60")
    func theListAt20060() {
        #expect(
            lines(200, 60) == """
                expvault top  ./expvault.db                                                                                                                                                         last 15m · 12:00:00Z
                4 targets: 2 up, 1 down, 1 late
                  TARGET▲   STATE       HEAP                                 ALLOC/S                                 GC/S                                   P99                                 LAST   FAILED   RESTARTS
                > api       up      24.5 MiB  ▆▇██▇▇█▆▇██▇██▇▇█▆▇██         4.85 MiB  ▂▆█▅█▃▇█▆█▅█▃▇█▆█▅█▃▅          4.68  ▃█▅█▆██▅█▆██▅█▆██▅█▆█         3.8 ms  ▁▁▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁            3s        0          0
                  db        down           –                                       –                                    –                                     –                                   3s        3          0
                  leaky     up       178 MiB  ▁▂▂▃▃▄▄▅▅▆▆▇▇▇▂▃▄▅▇██          761 KiB  █████████████████████             –                                     –                                   3s        0          1
                  old       late           –                                       –                                    –                                     –                                   2h        0          0




















































                Enter target  / series  < > sort  r reverse  + - window  ? help  q quit
                """
        )
    }

    @Test("a target at 80 × 24")
    func aTargetAt8024() {
        #expect(
            lines(80, 24, [.enter]) == """
                expvault top  api                                           last 15m · 12:00:00Z
                http://127.0.0.1:6060/debug/vars
                up  last 3s ago · every 10 s · 90 scrapes, 0 failed · this run 1d
                Heap        24.5 MiB   in use 30 MiB · next GC at – · system –
                  ▁▂▂▃▄▅▆▆▇█▁▂▂▃▄▅▆▆▇█▁▂▂▃▄▅▆▆▇█▁▂▂▃▄▅▆▆▇█▁▂▂▃▄▅▆▆▇█▁▂▂▃▄▅▆▆▇█ 27.7 MiB
                  ████████████████████████████████████████████████████████████
                  ████████████████████████████████████████████████████████████ 0 B
                Allocation  4.85 MiB/s   4.67 MiB/s over 15m · 81234 objects live
                       ▄█     ▄█     ▄█     ▄█     ▄█     ▄█     ▄█     ▄█     6 B/s
                    ▁▅███  ▁▅███  ▁▅███  ▁▅███  ▁▅███  ▁▅███  ▁▅███  ▁▅███  ▁▅
                  ▁▅█████▁▅█████▁▅█████▁▅█████▁▅█████▁▅█████▁▅█████▁▅█████▁▅██ 0 B/s
                GC          4.68/s   4.5/s over 15m · – % of the CPU
                     ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█   ▂█ 4/s
                    ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██  ▅██
                  ▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███▁▇███ 0/s
                Pauses      max 4.04 ms   p50 53.4 µs · p90 112 µs · p99 3.8 ms · 2 missed
                                                █                              4.04 ms
                                                █
                  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ 0 ns
                  15m ago                                                      now



                Esc back  / its series  + - window  ? help  q quit
                """
        )
    }

    @Test("a target that fails, at 80 × 24")
    func aTargetThatFailsAt8024() {
        #expect(
            lines(80, 24, [.down, .enter]) == """
                expvault top  db                                            last 15m · 12:00:00Z
                http://127.0.0.1:6060/debug/vars
                down  last 3s ago · every 10 s · 87 scrapes, 3 failed · this run 1d
                Heap        –   in use – · next GC at – · system –


                Allocation  –   – over 15m · – objects live


                GC          –   – over 15m · – % of the CPU


                Pauses      max –   0 seen


                   now
                Failures    2 × connection refused, 1 × timed out after 5 s
                  2026-01-02 11:59:57Z  connection refused
                  2026-01-02 11:59:47Z  timed out after 5 s
                  2026-01-02 11:59:37Z  connection refused



                Esc back  / its series  + - window  ? help  q quit
                """
        )
    }

    @Test("what is said of a target is never cut, be its numbers as long as they get, from 60 columns on")
    func wholeWords() {
        var huge = SampleReadings.target("api", restartedAgo: 400_000)
        huge.gauges = Dictionary(
            uniqueKeysWithValues: ["HeapAlloc", "HeapInuse", "HeapSys", "HeapObjects", "NextGC"].map {
                ($0, .integer(1_098_437_885_952))
            }
        )
        huge.gauges["GCCPUFraction"] = .real(0.012345678)
        huge.allocation = Speed(recent: 1_072_693_248, mean: 1_072_693_248, course: .none)
        huge.pauses = PauseSummary(
            count: 123_456,
            missed: .integer(123_456),
            totalNanoseconds: .integer(1),
            missedNanoseconds: .integer(1),
            minNanoseconds: 1,
            maxNanoseconds: 1_234_000_000,
            meanNanoseconds: 1,
            percentiles: [123_400, 123_400_000, 1_234_000_000]
        )
        for columns in 60...200 {
            for keys in [[Key.enter], [.text("?")]] {
                var view = SampleReadings.view(columns: columns, rows: 40)
                view.take(SampleReadings.reading(of: [huge], view))
                for key in keys { _ = view.press(key, now: SampleReadings.now) }
                let lines = view.frame(now: SampleReadings.now).lines
                #expect(!lines.contains { $0.contains("…") }, "\(columns): \(lines)")
                guard keys == [.enter] else { continue }
                let pauses = lines.first { $0.hasPrefix("Pauses") } ?? ""
                #expect(pauses.contains("p99 1.23 s · 123456 missed"), "\(columns): \(pauses)")
                #expect(lines.contains { $0.contains("in use 1023 GiB") }, "\(columns)")
                #expect(columns < 80 || lines.contains { $0.contains("system 1023 GiB") }, "\(columns)")
            }
        }
    }

    @Test("a target at 40 × 10")
    func aTargetAt4010() {
        #expect(
            lines(40, 10, [.enter]) == """
                expvault top  api
                http://127.0.0.1:6060/debug/vars
                up  last 3s ago · 90 scrapes, 0 failed
                Heap        24.5 MiB    ▆▇█▇██▇█▇██▇█▇██
                Allocation  4.85 MiB/s  ▃█▅█▆█▇██▅█▆█▇█▅
                GC          4.68/s      ▅███▆████▆████▆█
                Pauses      max 4.04 ms  ▁▁▁▁▁▁█▁▁▁▁▁▁▁▁


                Esc back  / its series  + - window
                """
        )
    }

    @Test("the list at 20 × 5")
    func theListAt205() {
        #expect(
            lines(20, 5) == """
                expvault top  ./exp…
                4 targets: 2 up, 1 …
                  TARGET▲  STATE
                > api      up
                  db       down
                """
        )
    }

    @Test(
        "every size from nothing to beyond the largest gives a picture of that size",
        arguments: [[], [Key.enter], [.text("/")], [.text("?")]]
    )
    func allSizes(_ keys: [Key]) {
        for (columns, rows) in [(0, 0), (1, 1), (2, 1), (1, 50), (9, 3), (33, 7), (79, 23), (10_000, 10_000)]
        {
            var view = SampleReadings.view(columns: columns, rows: rows)
            for key in keys { _ = view.press(key, now: SampleReadings.now) }
            let frame = view.frame(now: SampleReadings.now)
            #expect(frame.columns == max(1, min(columns, Frame.columnsMax)))
            #expect(frame.rows == max(1, min(rows, Frame.rowsMax)))
        }
    }
}
