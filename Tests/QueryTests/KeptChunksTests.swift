import Model
import Storage
import TestBasics
import Testing

@testable import Query

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Answers through a cache of opened chunks, as the server has one, against answers of a database just opened.
@Suite struct KeptChunksTests {
    private static let start: Int64 = 1_700_006_400_000
    private static let hour: Int64 = 3_600_000

    /// A process that is scraped, with restarts; the next scrapes follow from those before.
    private struct Recording {
        var generator: SeededGenerator
        var process = MadeUpProcess("p0")
        var t: Int64 = KeptChunksTests.start
        var seconds = 0.0
        var count = 0

        mutating func next(_ scrapes: Int, every distance: Int64 = 57_600) -> [(epoch: Int64, scrape: Scrape)]
        {
            (0..<scrapes).map { _ -> (epoch: Int64, scrape: Scrape) in
                count += 1
                t += distance + Int64.random(in: -20...20, using: &generator)
                if generator.oneIn(200) { (process, seconds) = (MadeUpProcess("p\(count)"), 0) }
                for index in 0..<UInt64.random(in: 0...2, using: &generator) {
                    process.collect(
                        endNanoseconds: UInt64(t) * 1_000_000 - 2_000_000 + index,
                        pauseNanoseconds: .random(in: 1...1_000_000, using: &generator)
                    )
                }
                seconds += Double.random(in: 0...1, using: &generator)
                let body = process.body(["\"seconds\": \(seconds)", "\"level\": \(count % 1000)"])
                let outcome: ScrapeOutcome =
                    generator.oneIn(90)
                    ? .failure(reason: "no answer", body: []) : .document(Array(body.utf8))
                return (
                    0,
                    Scrape(
                        time: Timestamp(milliseconds: t),
                        durationNanoseconds: .random(in: 1...9_000_000, using: &generator),
                        outcome: outcome
                    )
                )
            }
        }
    }

    /// All that the page asks, of a range.
    private struct Answers: Equatable {
        var values: [ValuesAnswer]
        var rates: [RateAnswer]
        var collections: CollectionsAnswer
        var pauses: [PausesAnswer]
        var scrapes: ScrapesAnswer

        init(_ engine: QueryEngine, _ range: TimeRange, _ step: StepGrid?) throws {
            let percentiles = try ["50", "99"].map { try DecimalPercentile($0) }
            values = try engine.values(["*"], range: range, step: step)
            rates = try engine.rate(["*"], range: range, step: step)
            collections = try engine.collections(
                target: "api",
                range: range,
                percentiles: percentiles,
                step: step,
                shownMax: 40
            )
            pauses = try engine.pauses(range: range, percentiles: percentiles, step: step)
            scrapes = try engine.scrapes(target: "api", range: range, listMax: 20)
        }
    }

    private static func range(_ generator: inout SeededGenerator, hours: Int64) -> (TimeRange, StepGrid?) {
        let ends = [0, 0].map { _ in
            start + Int64.random(in: -1...hours + 1, using: &generator) * hour
                + (generator.oneIn(2) ? 0 : Int64.random(in: 0..<hour, using: &generator))
        }.sorted()
        let range = TimeRange(
            since: generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[0]),
            until: generator.oneIn(4) ? nil : Timestamp(milliseconds: ends[1])
        )
        let step: Int64 = [1, 6, 12, 24].randomElement(using: &generator) ?? 1
        return (range, generator.oneIn(4) ? nil : StepGrid(stepMilliseconds: step * hour))
    }

    @Test(
        "chunks that are kept answer as those just opened do, while scrapes come and chunks are merged",
        arguments: 0..<4 as Range<UInt64>
    )
    func equal(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let database = try TemporaryDatabase()
        var recording = Recording(generator: SeededGenerator(seed: seed &+ 100))
        try await database.insert(recording.next(500))
        // Half of them so small that most chunks must go.
        let cache = ChunkCache(
            ChunkCache.Limits(
                chunksMax: seed % 2 == 0 ? 1000 : 3,
                bytesMax: seed % 2 == 0 ? 10 << 20 : 60_000,
                decodedBytesMax: seed % 2 == 0 ? 10 << 20 : 50_000
            )
        )
        let kept = try Vault.openReader(path: database.path, keeping: cache)
        for round in 0..<6 {
            switch round % 4 {
            case 1: try await database.insert(recording.next(.random(in: 1...120, using: &generator)))
            case 3: try await database.compact()
            default: break
            }
            let (range, step) = Self.range(&generator, hours: 16)
            let fresh = QueryEngine(
                try Vault.openReader(path: database.path).snapshot(),
                sumsUp: !generator.oneIn(3)
            )
            let label: Comment = "seed \(seed) round \(round) \(range) step \(String(describing: step))"
            let want = try Answers(fresh, range, step)
            for _ in 0..<2 {
                #expect(try Answers(QueryEngine(kept.snapshot()), range, step) == want, label)
            }
        }
        if seed % 2 == 0 { #expect(cache.holding.chunks > 0 && cache.holding.decodedBytes > 0) }
        #expect(cache.holding.bytes <= 10 << 20 && cache.holding.decodedBytes <= 10 << 20)
        cache.dropUnused(for: .zero)
        #expect(cache.holding.chunks == 0 && cache.holding.bytes == 0 && cache.holding.decodedBytes == 0)
    }

    @Test(
        "damage behind chunks that are kept gives the right answer or an error, never a wrong one",
        arguments: 0..<3 as Range<UInt64>
    )
    func damage(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let database = try TemporaryDatabase()
        var recording = Recording(generator: SeededGenerator(seed: seed))
        try await database.insert(recording.next(600))
        try await database.compact()
        let questions = (0..<2).map { _ in Self.range(&generator, hours: 10) }
        let fresh = try questions.map { range, step in
            try Answers(QueryEngine(Vault.openReader(path: database.path).snapshot()), range, step)
        }
        let cache = ChunkCache(.init(chunksMax: 100, bytesMax: 10 << 20, decodedBytesMax: 10 << 20))
        let kept = try Vault.openReader(path: database.path, keeping: cache)
        var answered = 0
        var refused = 0
        // Until some of it was met.
        for round in 0..<200 where round < 16 || refused == 0 {
            // Warm, but not with everything: what is read later meets the damage.
            cache.dropUnused(for: .zero)
            let warm = try QueryEngine(kept.snapshot())
            _ = try round % 2 == 0 ? warm.rate(["seconds"]).count : Answers(warm, .all, nil).values.count
            let place = try Self.flip(database.path, &generator)
            for ((range, step), want) in zip(questions, fresh) {
                do {
                    let answers = try Answers(QueryEngine(kept.snapshot()), range, step)
                    #expect(answers == want, "seed \(seed) round \(round) byte \(place.offset)")
                    answered += 1
                } catch is StorageError {
                    refused += 1
                }
            }
            try Self.flip(database.path, place)
        }
        #expect(answered > 0 && refused > 0, "\(answered) \(refused)")
    }

    /// Changes a bit of a file, and says which.
    private static func flip(
        _ path: String,
        _ generator: inout SeededGenerator
    ) throws -> (offset: Int, mask: UInt8) {
        var status = stat()
        try #require(stat(path, &status) == 0)
        let place = (
            offset: Int.random(in: 0..<Int(status.st_size), using: &generator),
            mask: UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
        )
        try flip(path, place)
        return place
    }

    private static func flip(_ path: String, _ place: (offset: Int, mask: UInt8)) throws {
        // Through another name: closing a descriptor would drop the locks of this process on the file.
        let file = try #require(fopen(path, "r+b"))
        defer { fclose(file) }
        var byte: UInt8 = 0
        fseek(file, place.offset, SEEK_SET)
        try #require(fread(&byte, 1, 1, file) == 1)
        byte ^= place.mask
        fseek(file, place.offset, SEEK_SET)
        try #require(fwrite(&byte, 1, 1, file) == 1)
    }

    @Test("a database that takes the place of another, an earlier state of it too, is answered from itself")
    func replaced() async throws {
        let database = try TemporaryDatabase()
        var recording = Recording(generator: SeededGenerator(seed: 1))
        try await database.insert(recording.next(300))
        let backup = try Self.bytes(of: database.path)
        try await database.insert(recording.next(300))
        try await database.compact()
        let cache = ChunkCache(.init(chunksMax: 100, bytesMax: 10 << 20, decodedBytesMax: 10 << 20))
        let kept = try Vault.openReader(path: database.path, keeping: cache)
        let before = try Answers(QueryEngine(kept.snapshot()), .all, nil)
        // Another future of the same past: the same numbers for other chunks.
        try Self.write(backup, to: database.path)
        var other = Recording(generator: SeededGenerator(seed: 2), t: Self.start + 40 * Self.hour)
        try await database.insert(other.next(300))
        try await database.compact()
        let after = try Answers(QueryEngine(kept.snapshot()), .all, nil)
        let want = try Answers(QueryEngine(Vault.openReader(path: database.path).snapshot()), .all, nil)
        #expect(after != before)
        #expect(after == want)
    }

    private static func bytes(of path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "rb"))
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: ftell(file))
        rewind(file)
        try #require(fread(&bytes, 1, bytes.count, file) == bytes.count)
        return bytes
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
        let file = try #require(fopen(path + "-other", "wb"))
        try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
        try #require(rename(path + "-other", path) == 0)
    }

    @Test(
        "collections and times go on in a newer snapshot while chunks are merged, each once and none that came later"
    )
    func renewal() async throws {
        let database = try TemporaryDatabase()
        var recording = Recording(generator: SeededGenerator(seed: 5))
        try await database.insert(recording.next(400))
        func vault() throws -> Vault { try Vault.openReader(path: database.path) }
        let target = try #require(try vault().snapshot().targets().first).id
        func ends(_ cursor: PauseCursor, _ between: () async throws -> Void) async throws -> [Int64] {
            var ends: [Int64] = []
            var isFirst = true
            while case .columns(let found)? = try cursor.next() {
                ends += found.ends
                if isFirst { try await between() }
                isFirst = false
            }
            return ends
        }
        func times(_ timeline: ScrapeTimeline, _ between: () async throws -> Void) async throws -> [Int64] {
            var times: [Int64] = []
            var isFirst = true
            while case .rows(let rows)? = try timeline.next() {
                times += rows.times
                if isFirst { try await between() }
                isFirst = false
            }
            return times
        }
        let wantEnds = try await ends(vault().snapshot().pauses(of: target, endingIn: .all)) {}
        let wantTimes = try await times(vault().snapshot().timeline(of: target, in: .all)) {}
        #expect(wantEnds.count > 200 && wantTimes.count == 400)
        let cursor = try vault().snapshot().pauses(of: target, endingIn: .all, renewal: .zero)
        let timeline = try vault().snapshot().timeline(of: target, in: .all, renewal: .zero)
        let gotEnds = try await ends(cursor) {
            let gotTimes = try await times(timeline) {
                try await database.insert(recording.next(100))
                try await database.compact()
            }
            #expect(gotTimes == wantTimes)
        }
        #expect(gotEnds == wantEnds)
        let now = try #require(try vault().snapshot().targets().first)
        #expect(now.scrapeCount + now.failureCount == 500)
    }

    @Test("one scrape and one pause of a year are seen, in the first answer and in those that follow")
    func spike() async throws {
        let database = try TemporaryDatabase()
        var process = MadeUpProcess("p")
        let every = 8 * Self.hour
        let count = 1100
        let scrapes = (0..<count).map { index -> (epoch: Int64, scrape: Scrape) in
            let t = Self.start + Int64(index) * every
            for part in 0..<8 {
                process.collect(
                    endNanoseconds: UInt64(t - every + Int64(part) * Self.hour + 1) * 1_000_000,
                    pauseNanoseconds: index == 617 && part == 2 ? 77_000_000 : UInt64(50_000 + index % 100)
                )
            }
            let body = process.body(["\"level\": \(index == 493 ? 5_000_000 : index % 10)"])
            return (0, Scrape(at: t, body))
        }
        try await database.insert(scrapes)
        try await database.compact()
        let cache = ChunkCache(.init(chunksMax: 100, bytesMax: 10 << 20, decodedBytesMax: 10 << 20))
        let kept = try Vault.openReader(path: database.path, keeping: cache)
        let range = TimeRange(
            since: Timestamp(milliseconds: Self.start - every),
            until: Timestamp(milliseconds: Self.start + Int64(count) * every)
        )
        let week = StepGrid(stepMilliseconds: 7 * 24 * Self.hour)
        let percentiles = try ["50", "99.9"].map { try DecimalPercentile($0) }
        let pauses = try database.engine().pauses(range: range, percentiles: percentiles, step: week)
        for _ in 0..<3 {
            let engine = try QueryEngine(kept.snapshot())
            let level = try #require(try engine.values(["level"], range: range, step: week).first)
            #expect(level.max == .integer(5_000_000))
            #expect(level.points?.count { $0.max == .integer(5_000_000) } == 1)
            let found = try engine.collections(
                target: "api",
                range: range,
                percentiles: [],
                step: week,
                shownMax: 400
            )
            #expect(found.summary.count == 8 * count && found.shown.count <= 400)
            #expect(found.shown.count { $0.pauseNanoseconds == 77_000_000 } == 1)
            #expect(found.points?.count { $0.summary.maxNanoseconds == 77_000_000 } == 1)
            #expect(found.shown.contains { $0.pauseNanoseconds == 50_000 })
            #expect(try engine.pauses(range: range, percentiles: percentiles, step: week) == pauses)
        }
    }

    @Test("what doubles rose by is the last less the first, rounded once")
    func exact() async throws {
        let database = try TemporaryDatabase()
        try await database.insert(
            [0.3, 1.7, 5.1].enumerated().map { index, value in
                (0, Scrape(at: Self.start + Int64(index) * 10_000, "{\"seconds\": \(value)}"))
            }
        )
        let rate = try #require(try database.engine().rate(["seconds"]).first)
        #expect(rate.increase == .real(5.1 - 0.3) && (1.7 - 0.3) + (5.1 - 1.7) != 5.1 - 0.3)
    }
}
