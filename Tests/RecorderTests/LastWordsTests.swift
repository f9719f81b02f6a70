import Model
import Storage
import TestBasics
import Testing

@testable import Recorder

/// What a recording says and stores that ends while nothing can be stored.
@Suite struct LastWordsTests {
    private func ended(room: Int?) async throws -> (bench: ServiceBench, summary: RecordingSummary) {
        let targets = [("a", "http://a"), ("b", "http://b")]
        let bench = ServiceBench(
            try ServiceBench.configuration(targets, intervalMilliseconds: 20, count: 10)
        ) { _ in ServiceBench.scrape() }
        bench.sink.fail(.diskFull(path: "x"))
        bench.sink.keepRoom(room)
        return (bench, try await bench.service.run())
    }

    @Test(
        "ended on a full disk, that the scrapes were and why there is no more of them goes into the room kept back"
    )
    func bodies() async throws {
        let (bench, summary) = try await ended(room: 1000)
        #expect(summary.notStored == 20 && summary.scrapes == 0 && summary.failures == 0)
        #expect(bench.sink.scrapes.count == 20)
        for pending in bench.sink.scrapes {
            let reason = pending.scrape.reason ?? ""
            #expect(
                reason.hasPrefix("it could not be stored before the recording ended: no space is left"),
                "\(reason)"
            )
        }
        #expect(bench.log.lines(with: "target a: 10 scrapes could not be stored (").count == 1)
        #expect(bench.log.lines(with: "target b: 10 scrapes could not be stored (").count == 1)
    }

    @Test("where that is too little for all, the newest of each target tells of the others")
    func newest() async throws {
        let (bench, summary) = try await ended(room: 2)
        #expect(summary.notStored == 20)
        #expect(Set(bench.sink.scrapes.map(\.target.name)) == ["a", "b"] && bench.sink.scrapes.count == 2)
        for pending in bench.sink.scrapes {
            #expect(pending.scrape.reason?.hasSuffix("; nor could 9 before it") == true)
        }
    }

    @Test("where there is none at all, the log and the count tell")
    func none() async throws {
        let (bench, summary) = try await ended(room: nil)
        #expect(summary.notStored == 20 && bench.sink.scrapes.isEmpty)
        #expect(bench.log.lines(with: "10 scrapes could not be stored (").count == 2)
    }
}
