import Logging
import Model
import Storage
import TestBasics
import Testing

@testable import Recorder

/// What the recorder notices of itself.
@Suite struct SelfWatchTests {
    private func body(_ count: Int64) -> [UInt8] {
        Array(#"{"NumGC": 7, "memstats": {"NumForcedGC":1,"NumGC":\#(count),"Lookups":0}}"#.utf8)
    }

    @Test("a ring that nearly overruns between two scrapes is warned of once, with an interval that is safe")
    func nearOverrun() {
        var watch = CollectionWatch()
        #expect(watch.event(body(100), at: 0, interval: 10_000) == nil)
        #expect(watch.event(body(291), at: 10_000, interval: 10_000) == nil, "191 are not near")
        #expect(
            watch.event(body(491), at: 20_000, interval: 10_000)
                == "200 collections between two scrapes, and memstats keeps no more than 256; an interval of 6s would be safe"
        )
        #expect(watch.event(body(691), at: 30_000, interval: 10_000) == nil, "said already")
        #expect(watch.event(body(991), at: 40_000, interval: 10_000)?.contains("memstats keeps 256") == true)
        #expect(watch.event(body(1001), at: 45_000, interval: 10_000) == nil)
        #expect(
            watch.event(body(1513), at: 55_000, interval: 10_000)
                == "512 collections between two scrapes, of which memstats keeps 256; an interval of 2s would be safe"
        )
    }

    @Test("a restart, a failed scrape in between and a body without memstats are no reason to warn")
    func noReason() {
        var watch = CollectionWatch()
        #expect(watch.event(body(1000), at: 0, interval: 1000) == nil)
        #expect(watch.event(body(1), at: 1000, interval: 1000) == nil, "a restart")
        #expect(watch.event(Array("{}".utf8), at: 2000, interval: 1000) == nil)
        #expect(watch.event(body(300), at: 20_000, interval: 1000) == nil, "nineteen scrapes failed")
        #expect(
            watch.event(Array(#"{"memstats":{"NumGC":99999999999}}"#.utf8), at: 21_000, interval: 1) == nil
        )
        #expect(watch.event(Array(#"{"memstats":{"NumGC":"#.utf8), at: 22_000, interval: 1) == nil)
    }

    @Test("an interval is rounded down to what one would write, and none is named below 10 ms")
    func safeIntervals() {
        #expect(CollectionWatch.safeInterval(collections: 200, in: 10_000) == 6_000)
        #expect(CollectionWatch.safeInterval(collections: 256, in: 1_000) == 500)
        #expect(CollectionWatch.safeInterval(collections: 200, in: 600_000) == 360_000)
        #expect(CollectionWatch.safeInterval(collections: 100_000, in: 1_000) == nil)
    }

    @Test("room on the disk and a grown WAL are told when they change, and not again")
    func room() {
        var watch = RoomWatch()
        func levels(_ database: Int64, _ wal: Int64, _ free: Int64) -> [Logger.Level] {
            watch.event(
                RoomWatch.Reading(databaseBytes: database << 20, walBytes: wal << 20, freeBytes: free << 20)
            ).map(\.level)
        }
        #expect(levels(1, 0, 1000) == [.info])
        #expect(levels(50, 0, 1000) == [])
        #expect(levels(64, 0, 1000) == [.info])
        #expect(levels(127, 0, 1000) == [])
        #expect(levels(128, 0, 255) == [.info, .warning])
        #expect(levels(128, 65, 300) == [.warning])
        #expect(levels(128, 33, 512) == [.notice])
        #expect(levels(128, 32, 512) == [.notice])
        #expect(levels(128, 32, 512) == [])
    }

    @Test(
        "what a full disk kept out of the store is stored without its body once there is room, and counted once"
    )
    func givenUp() async throws {
        let large = [UInt8](repeating: 0x20, count: 1 << 20)
        let bench = ServiceBench(
            try ServiceBench.configuration([("a", "http://a")], intervalMilliseconds: 20, count: 60)
        ) { _ in ServiceBench.scrape(large) }
        bench.sink.fail(.diskFull(path: "x"))
        let task = Task { try await bench.service.run() }
        #expect(await Waiting.until { !bench.log.lines(with: "lose their bodies").isEmpty })
        bench.sink.fail(nil)
        let summary = try await task.value
        #expect(summary.notStored > 0)
        #expect(summary.failures == 0)
        #expect(summary.scrapes + summary.notStored == 60)
        let stored = bench.sink.scrapes(of: "a")
        #expect(Int64(stored.count) == summary.scrapes + summary.notStored)
        let empty = stored.filter { $0.reason == ScrapeCommitter.noRoomReason }
        #expect(Int64(empty.count) == summary.notStored)
        #expect(stored.map(\.time) == stored.map(\.time).sorted())
        #expect(bench.log.lines(with: "lose their bodies").count == 1)
        #expect(bench.log.lines(with: "target a failed").isEmpty)
    }
}
