import Export
import JSON
import Model
import Storage
import TestBasics
import Testing

@Suite("Going over a recording")
struct DocumentStreamTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A line of a history: seconds since its beginning, the body, and the epoch.
    private struct Line {
        var second: Int64
        var body: String
        var epoch: Int64 = 0
    }

    private func vault(_ lines: [Line]) async throws -> Vault {
        let path = directory.file("db")
        let writer = try await VaultWriter.open(path: path, create: true)
        // One by one, so that the order of `seq` is that of `lines`.
        for line in lines {
            let outcomes = try await writer.insert([
                ImportedScrape(
                    target: "api",
                    epoch: line.epoch,
                    origin: Origin(url: nil),
                    scrape: Scrape(
                        time: Timestamp(milliseconds: start + line.second * 1000),
                        outcome: .document(Array(line.body.utf8))
                    )
                )
            ])
            #expect(outcomes == [.stored])
        }
        try await writer.close()
        return try Vault.openReader(path: path)
    }

    private let start: Int64 = 1_700_000_000_000

    private func nanoseconds(second: Int64) -> UInt64 { UInt64(start + second * 1000) * 1_000_000 }

    private func scrapes(
        _ vault: Vault,
        _ selection: ExportSelection = ExportSelection(),
        snapshotMax: Duration = .seconds(5)
    ) throws -> [ExportedScrape] {
        let target = try #require(try vault.snapshot().targets().first)
        let stream = DocumentStream(
            vault: vault,
            target: target,
            selection: selection,
            snapshotMax: snapshotMax
        )
        var scrapes: [ExportedScrape] = []
        while let scrape = try stream.next() { scrapes.append(scrape) }
        #expect(try stream.next() == nil)
        return scrapes
    }

    private func documents(_ scrapes: [ExportedScrape]) -> [String] {
        var maker = DocumentMaker(context: testContext)
        return scrapes.flatMap { scrape in
            let made = maker.documents(for: scrape)
            return [text(made.heap), text(made.expvar)]
        }
    }

    private func counts(_ scrapes: [ExportedScrape]) throws -> [Int64?] {
        var maker = DocumentMaker(context: testContext)
        return try scrapes.map { scrape in
            // Without memstats there is none.
            guard let heap = maker.documents(for: scrape).heap else { return nil }
            let document = try JSONReader.value(of: heap)
            return document[path: ["golang", "heap", "gc", "pause", "count"]]?.integer
        }
    }

    /// Runs, a gap, processes that take turns, scrapes without memstats.
    private func history() -> [Line] {
        var lines: [Line] = []
        var first = SampleProcess()
        first.collect(pause: 3, end: nanoseconds(second: -5))
        lines.append(Line(second: 0, body: first.body))
        first.collect(pause: 5, end: nanoseconds(second: 4))
        first.collect(pause: 5, end: nanoseconds(second: 6))
        lines.append(Line(second: 10, body: first.body))
        lines.append(Line(second: 20, body: "{\n\"cmdline\": [\"x\"],\n\"memstats\": null\n}\n"))
        for second in 20..<23 { first.collect(pause: 7, end: nanoseconds(second: Int64(second))) }
        lines.append(Line(second: 30, body: first.body))
        // Restarted.
        var second = SampleProcess()
        for pause in 1...4 {
            second.collect(pause: UInt64(pause), end: nanoseconds(second: 31 + Int64(pause)))
        }
        lines.append(Line(second: 40, body: second.body))
        // The old one answers once more: the two take turns.
        first.collect(pause: 9, end: nanoseconds(second: 45))
        lines.append(Line(second: 50, body: first.body))
        second.collect(pause: 2, end: nanoseconds(second: 55))
        lines.append(Line(second: 60, body: second.body))
        // After a gap a third one, whose first collection ended before the last scrape.
        var third = SampleProcess()
        third.collect(pause: 1, end: nanoseconds(second: 59))
        third.collect(pause: 2, end: nanoseconds(second: 61))
        third.collect(pause: 3, end: nanoseconds(second: 400))
        lines.append(Line(second: 500, body: third.body))
        return lines
    }

    @Test(
        "each scrape has the collections since the one before it in its run, runs begin whole, gaps only what ended in them"
    )
    func pauses() async throws {
        let scrapes = try scrapes(try await vault(history()))
        #expect(try counts(scrapes) == [nil, 2, nil, 3, 4, 1, 1, 2])
        #expect(scrapes.map(\.predecessor).first == ScrapePredecessor.none)
        #expect(scrapes.last?.predecessor == .gap(since: Timestamp(milliseconds: start + 60_000)))
    }

    @Test("a clock step is a gap, also where only a failed scrape right after it shows it")
    func clockStep() async throws {
        for failsFirst in [false, true] {
            let path = directory.file("steps-\(failsFirst)")
            let writer = try await VaultWriter.open(path: path, create: true)
            let api = TargetDescription(name: "api", origin: Origin(url: nil))
            func append(_ wall: Int64, boot: Int64, _ outcome: ScrapeOutcome) async throws {
                _ = try await writer.append([
                    (
                        api,
                        Scrape(
                            time: Timestamp(milliseconds: start + wall * 1000),
                            bootID: "b",
                            bootNanoseconds: boot * 1_000_000_000,
                            outcome: outcome
                        )
                    )
                ])
            }
            try await append(0, boot: 0, .document(Array(SampleProcess(pauses: [1]).body.utf8)))
            // 10 s later by the boot clock, 250 s by the wall clock; and another process.
            if failsFirst { try await append(245, boot: 5, .failure(reason: "refused", body: [])) }
            var process = SampleProcess()
            process.collect(pause: 5, end: nanoseconds(second: -1))
            process.collect(pause: 7, end: nanoseconds(second: 249))
            try await append(250, boot: 10, .document(Array(process.body.utf8)))
            try await writer.close()
            let scrapes = try scrapes(try Vault.openReader(path: path))
            #expect(scrapes.last?.predecessor == .gap(since: Timestamp(milliseconds: start)))
            #expect(try counts(scrapes) == [nil, 1])
        }
    }

    @Test("where export goes on after any seq, the documents are those of the whole")
    func afterSeq() async throws {
        let vault = try await vault(history())
        let whole = try scrapes(vault)
        for seq in 0...whole.count {
            let rest = try scrapes(vault, ExportSelection(afterSeq: Int64(seq)))
            #expect(documents(rest) == documents(Array(whole.dropFirst(seq))), "after \(seq)")
            let head = try scrapes(vault, ExportSelection(upToSeq: Int64(seq)))
            #expect(documents(head) == documents(Array(whole.prefix(seq))), "up to \(seq)")
        }
    }

    @Test(
        "imported old scrapes are exported with the neighbours that they have in time, and change nobody else's"
    )
    func oldScrapes() async throws {
        let history = history()
        var late = history
        // The second and the fourth come last.
        late.append(late.remove(at: 3))
        late.append(late.remove(at: 1))
        let vault = try await vault(late)
        let whole = try scrapes(vault)
        #expect(
            whole.map(\.record.position.time)
                == history.map { Timestamp(milliseconds: start + $0.second * 1000) }
        )
        let rest = try scrapes(vault, ExportSelection(afterSeq: Int64(history.count - 2)))
        #expect(documents(rest) == documents([whole[1], whole[3]]))
    }

    @Test("a range cuts nothing off a document")
    func ranges() async throws {
        let vault = try await vault(history())
        let whole = try scrapes(vault)
        for first in 0...whole.count {
            for last in first...whole.count {
                let time = { (index: Int) in
                    index < whole.count ? whole[index].record.position.time : Timestamp(milliseconds: .max)
                }
                let range = TimeRange(since: time(first), until: time(last))
                let part = try scrapes(vault, ExportSelection(range: range))
                #expect(documents(part) == documents(Array(whole[first..<last])), "\(first)..<\(last)")
            }
        }
    }

    @Test("a new snapshot for each scrape yields what one snapshot does, epochs too")
    func snapshots() async throws {
        var lines = history()
        // The clock steps back: a new epoch whose times lie before and between the old ones.
        var process = SampleProcess(pauses: [1])
        for second in stride(from: Int64(-20), to: 80, by: 10) {
            process.collect(pause: 2, end: nanoseconds(second: second))
            lines.append(Line(second: second, body: process.body, epoch: 1))
        }
        let vault = try await vault(lines)
        let whole = try scrapes(vault)
        #expect(whole.count == lines.count)
        #expect(try documents(scrapes(vault, snapshotMax: .zero)) == documents(whole))
        for seq in 0...whole.count {
            let rest = try scrapes(vault, ExportSelection(afterSeq: Int64(seq)), snapshotMax: .zero)
            #expect(documents(rest) == documents(Array(whole.dropFirst(seq))), "after \(seq)")
        }
        let range = TimeRange(
            since: Timestamp(milliseconds: start + 10_000),
            until: Timestamp(milliseconds: start + 50_000)
        )
        let part = try scrapes(vault, ExportSelection(range: range), snapshotMax: .zero)
        #expect(documents(part) == documents(whole.filter { range.contains($0.record.position.time) }))
    }
}
