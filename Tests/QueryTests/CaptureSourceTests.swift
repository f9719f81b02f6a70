import Model
import TestBasics
import Testing

@testable import Query
@testable import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Captures of a source that changes meanwhile, that is not settled, or that goes beyond what is looked at.
@Suite struct CaptureSourceTests {
    /// 300 scrapes in two chunks, which `merge` makes one of.
    private static func chunkedDatabase() async throws -> TemporaryDatabase {
        let database = try TemporaryDatabase()
        let session = try WriterSession(path: database.path, create: true)
        var process = MadeUpProcess("a")
        for part in 0..<2 as Range<Int64> {
            _ = try session.insert(
                (part * 150..<(part + 1) * 150).map { t in
                    if t % 50 == 0 {
                        let end = UInt64(t) * 1_000_000 + 3
                        process.collect(endNanoseconds: end, pauseNanoseconds: UInt64(t) + 1)
                    }
                    return imported(t, process.body(["\"n\": \(t * 3)"]))
                }
            )
            let target = try #require(session.targets["api"])
            try session.transaction { try session.seal(target) }
        }
        try session.close()
        return database
    }

    private static func imported(_ t: Int64, _ body: String) -> ImportedScrape {
        ImportedScrape(target: "api", epoch: 0, origin: Origin(url: nil), scrape: Scrape(at: t, body))
    }

    /// Seals and merges as `compact` does, without returning space, which waits for readers.
    private static func mergeAll(_ session: WriterSession) throws {
        try session.loadTargets()
        let target = try #require(session.targets["api"])
        if !target.history.tail.isEmpty { try session.transaction { try session.seal(target) } }
        while try session.mergeStep(.compact) {}
    }

    private static func chunkCount(_ path: String) throws -> Int {
        let snapshot = try Vault.openReader(path: path).snapshot()
        return try snapshot.targetRows().reduce(0) { try $0 + snapshot.history(of: $1.id).chunks.count }
    }

    private static func expectSame(_ source: String, _ capture: String, _ range: TimeRange) throws {
        let whole = QueryEngine(try Vault.openReader(path: source).snapshot())
        let vault = try Vault.openReader(path: capture)
        let part = QueryEngine(try vault.snapshot())
        #expect(IntegrityCheck(snapshot: try vault.snapshot()).findings().isEmpty)
        let step = StepGrid(stepMilliseconds: 7)
        #expect(try whole.rate(["*"], range: range, step: step) == part.rate(["*"], range: range, step: step))
        #expect(
            try whole.values(["*"], range: range, step: step) == part.values(["*"], range: range, step: step)
        )
        #expect(try whole.series(range: range) == part.series(range: range))
        let percentiles = [try DecimalPercentile("50"), try DecimalPercentile("99")]
        #expect(
            try whole.pauses(range: range, percentiles: percentiles)
                == part.pauses(range: range, percentiles: percentiles)
        )
        #expect(try CaptureTests.lines(whole, range) == CaptureTests.lines(part, range))
    }

    private static func leftovers(_ path: String) -> [String] {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let name = path[path.index(after: slash)...]
        return TemporaryDirectory.names(in: String(path[..<slash])).filter { $0.hasPrefix(name + ".partial") }
    }

    private static func range(_ since: Int64, _ until: Int64) -> TimeRange {
        TimeRange(since: Timestamp(milliseconds: since), until: Timestamp(milliseconds: until))
    }

    /// One snapshot sees the chunks; the next one, taken after the first chunk was copied, sees what they became.
    @Test(
        "a chunk that the recorder merges away between two snapshots begins its target anew, and nothing is missing"
    )
    func mergedMeanwhile() async throws {
        let database = try await Self.chunkedDatabase()
        #expect(try Self.chunkCount(database.path) == 2)
        let path = database.path + "-capture"
        let range = Self.range(100, 280)
        let recorder = try WriterSession(path: database.path, create: false)
        var merges = 0
        let summary = try Capture.run(
            from: database.path,
            to: path,
            range: range,
            snapshotMax: .zero,
            progress: { _, _, _ in
                guard merges == 0 else { return }
                merges += 1
                do { try Self.mergeAll(recorder) } catch { Issue.record(error) }
            }
        )
        try recorder.close()
        #expect(merges == 1)
        #expect(try Self.chunkCount(database.path) == 1)
        #expect(summary.scrapes == 180)
        try Self.expectSame(database.path, path, range)
    }

    @Test("a source whose chunks go again and again is given up with an error, and leaves no file")
    func alwaysMerged() async throws {
        let database = try TemporaryDatabase()
        let recorder = try WriterSession(path: database.path, create: true)
        var t: Int64 = 0
        // Two days apart: two chunks, of which each further scrape makes the second anew.
        for _ in 0..<2 {
            try Self.insertAndMerge(recorder, at: t)
            t += 2 * 86_400_000
        }
        t -= 2 * 86_400_000
        #expect(try Self.chunkCount(database.path) == 2)
        let path = database.path + "-capture"
        let error = #expect(throws: StorageError.self) {
            try Capture.run(
                from: database.path,
                to: path,
                snapshotMax: .zero,
                progress: { done, total, _ in
                    guard done < total else { return }
                    t += 1
                    do { try Self.insertAndMerge(recorder, at: t) } catch { Issue.record(error) }
                }
            )
        }
        try recorder.close()
        #expect(
            error?.description.contains("changed under the reader") == true,
            "\(String(describing: error))"
        )
        #expect(Self.leftovers(path).isEmpty)
    }

    private static func insertAndMerge(_ session: WriterSession, at t: Int64) throws {
        _ = try session.insert([imported(t, #"{"cmdline": ["a"], "n": \#(t)}"#)])
        try mergeAll(session)
    }

    /// An import that goes on, or was cut off, leaves runs that hold for the time being; readers and captures alike
    /// may come at that moment.
    @Test("a capture of a source whose runs are stale has the runs that the source has once they are found")
    func staleRuns() async throws {
        let database = try TemporaryDatabase()
        func scrape(_ t: Int64) -> ImportedScrape {
            // Another process from 500 on, and a third from 800 on.
            let run: Int64 = t < 500 ? 0 : t < 800 ? 1 : 2
            let n = t - [0, 500, 800][Int(run)]
            let body = #"{"cmdline": ["a"], "memstats": {"Mallocs": \#(n), "NumGC": 0}, "n": \#(n * 2)}"#
            return Self.imported(t, body)
        }
        let session = try WriterSession(path: database.path, create: true)
        let late = stride(from: Int64(0), to: 1000, by: 10).filter { $0 % 30 != 0 }.map(scrape)
        _ = try session.insert(late)
        _ = try session.insert(stride(from: Int64(0), to: 1000, by: 30).map(scrape))
        #expect(session.targets["api"]?.staleFrom != nil)
        let path = database.path + "-capture"
        let ranges = [Self.range(255, 905), Self.range(505, 795), .all]
        for (index, range) in ranges.enumerated() {
            _ = try Capture.run(from: database.path, to: path + "\(index)", range: range)
        }
        try session.refreshRuns(of: #require(session.targets["api"]).id)
        try session.close()
        for (index, range) in ranges.enumerated() {
            try Self.expectSame(database.path, path + "\(index)", range)
        }
    }

    /// Days with a variable of their own each, so that every chunk has to be read; the rare one is there on the first.
    @Test(
        "the margin reaches over 64 chunks that have to be read; beyond, only a series that none of them has lacks its pair",
        arguments: [(63, true), (66, false)]
    )
    func marginLimit(days: Int, isReached: Bool) async throws {
        let database = try TemporaryDatabase()
        let day: Int64 = 86_400_000
        func body(_ index: Int) -> String {
            let rare = index == 0 || index > days ? #", "rare": \#(index * 7)"# : ""
            return #"{"cmdline": ["a"], "n": \#(index * 3), "v\#(index)": 1\#(rare)}"#
        }
        let session = try WriterSession(path: database.path, create: true)
        for index in 0...days + 1 {
            _ = try session.insert([Self.imported(Int64(index) * 2 * day, body(index))])
            // The last one stays in the tail.
            if index <= days { try Self.mergeAll(session) }
        }
        try session.close()
        #expect(try Self.chunkCount(database.path) == days + 1)
        // Its last scrape alone; the pairs that end with it begin before.
        let last = Int64(days + 1) * 2 * day
        let range = Self.range(last - day, last + 1)
        let path = database.path + "-capture"
        _ = try Capture.run(from: database.path, to: path, range: range)
        let whole = try database.engine()
        let part = QueryEngine(try Vault.openReader(path: path).snapshot())
        for name in ["n", "rare"] {
            let expected = try whole.rate([name], range: range)
            #expect((expected.first?.coveredSeconds ?? 0) > 0)
            let found = try part.rate([name], range: range)
            #expect((found == expected) == (name == "n" || isReached), "\(name)")
        }
        #expect(try whole.values(["*"], range: range) == part.values(["*"], range: range))
        #expect(try CaptureTests.lines(whole, range) == CaptureTests.lines(part, range))
    }
}
