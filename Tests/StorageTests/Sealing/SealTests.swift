import Expvar
import Model
import SQLite
import TestBasics
import Testing

@testable import Storage

/// All that can be asked of a target, in a form that does not tell how it is stored.
struct TargetAnswers: Equatable {
    var target: [String]
    var runs: [RunRecord]
    var scrapes: [ScrapeRecord]
    var bodies: [[UInt8]]
    var series: [[String]]
    var collections: [CollectionRecord]
    var missed: [MissedRecord]
    var others: [String]
}

/// Asks everything of a target, partly at random.
func askEverything(_ path: String, _ name: String, seed: UInt64) throws -> TargetAnswers {
    var generator = SeededGenerator(seed: seed)
    let snapshot = try Vault.openReader(path: path).snapshot()
    let target = try #require(try snapshot.targets().first { $0.name == name })
    var runs = try snapshot.runs(of: target.id)
    // Numbers of runs may differ: whoever seals finds runs anew at other times. Their order does not.
    let places = Dictionary(
        runs.enumerated().map { ($1.id, RunID(Int64($0))) },
        uniquingKeysWith: { a, _ in a }
    )
    func place(_ id: RunID) -> RunID { places[id] ?? RunID(-1) }
    for index in runs.indices { runs[index].id = place(runs[index].id) }
    func record(_ record: ScrapeRecord) -> ScrapeRecord {
        var record = record
        record.run = record.run.map(place)
        return record
    }
    var answers = TargetAnswers(
        target: [
            "\(target.name) \(target.origin) \(String(describing: target.first)) \(String(describing: target.last))",
            "\(target.scrapeCount) \(target.failureCount) \(String(describing: target.lastFailure))",
            "\(target.clockSteps) \(String(describing: target.clockSkewMilliseconds)) \(target.isAlternating)",
        ],
        runs: runs,
        scrapes: [],
        bodies: [],
        series: [],
        collections: [],
        missed: [],
        others: []
    )
    let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
    while let found = try cursor.next() {
        answers.scrapes.append(record(found))
        answers.bodies.append(try cursor.body())
    }
    func row(_ row: SeriesRow) -> String {
        "\(row.seq) \(row.position) \(place(row.run).value) \(row.isAfterStep) \(row.shape)"
    }
    let all = try snapshot.series(of: target.id)
    let blocks = try snapshot.seriesBlocks(of: target.id, series: all.map(\.id), in: .all)
    while let block = try blocks.next() {
        for index in block.rows.indices {
            let values = block.columns.map { $0[index].map { "\($0)" } ?? "-" }
            answers.series.append([row(block.rows[index])] + values)
        }
    }
    try snapshot.forEachCollection(of: target.id, endingIn: .all) {
        answers.collections.append(CollectionRecord(run: place($0.run), collection: $0.collection))
    }
    answers.collections.sort {
        ($0.run, $0.collection.n, $0.collection.endNanoseconds) < (
            $1.run, $1.collection.n, $1.collection.endNanoseconds
        )
    }
    answers.missed = try snapshot.missed(of: target.id, in: .all).map {
        MissedRecord(run: place($0.run), position: $0.position, missed: $0.missed)
    }
    let times = answers.scrapes.map(\.position.time.milliseconds)
    guard let low = times.min(), let high = times.max() else { return answers }
    func end() -> Timestamp? {
        Int.random(in: 0..<4, using: &generator) == 0
            ? nil : Timestamp(milliseconds: Int64.random(in: low - 5...high + 5, using: &generator))
    }
    for _ in 0..<12 {
        let range = TimeRange(since: end(), until: end())
        let after =
            Bool.random(using: &generator) ? 0 : answers.scrapes.randomElement(using: &generator)?.seq ?? 0
        let failures = Bool.random(using: &generator)
        let part = try snapshot.scrapes(of: target.id, in: range, afterSeq: after, failures: failures)
        var seqs: [String] = []
        while let found = try part.next() { seqs.append("\(found.seq)") }
        answers.others.append(seqs.joined(separator: " "))
        let asked = try #require(all.randomElement(using: &generator))
        var values: [String] = []
        let cursor = try snapshot.seriesBlocks(of: target.id, series: [asked.id], in: range)
        while let block = try cursor.next() {
            for index in block.rows.indices {
                values.append("\(row(block.rows[index])) \(String(describing: block.columns[0][index]))")
            }
        }
        answers.others.append(values.joined(separator: "\n"))
        var ended: [String] = []
        try snapshot.forEachCollection(of: target.id, endingIn: range) { ended.append("\($0.collection)") }
        answers.others.append(ended.sorted().joined(separator: "\n"))
        let missed = try snapshot.missed(of: target.id, in: range).map { "\($0.position) \($0.missed)" }
        answers.others.append(missed.joined(separator: "\n"))
        let position = try #require(answers.scrapes.randomElement(using: &generator)).position
        let newest = try snapshot.newestScrape(of: target.id, atOrBefore: position.time, failures: failures)
        answers.others.append("\(newest?.0.seq ?? -1) \(newest?.body.count ?? -1)")
        let ids = places.keys.sorted { place($0) < place($1) }
        for run in ids.prefix(3) {
            let before = try snapshot.scrape(of: target.id, before: position, in: run)
            let last = try snapshot.lastSample(of: asked.id, target: target.id, in: run, before: position)
            let first = try snapshot.firstSample(
                of: asked.id,
                target: target.id,
                in: run,
                atOrAfter: position
            )
            answers.others.append("\(before?.0.seq ?? -1) \(last.map { "\(row($0.0)) \($0.1)" } ?? "-")")
            answers.others.append(first.map { "\(row($0.0)) \($0.1)" } ?? "-")
        }
        let last = try snapshot.lastSample(of: asked.id, target: target.id, in: nil, before: position)
        answers.others.append(last.map { "\(row($0.0)) \($0.1)" } ?? "-")
    }
    return answers
}

/// Compares two files, and says where they part.
func expectSameAnswers(_ a: String, _ b: String, names: [String], seed: UInt64, _ words: String) throws {
    for name in names {
        let (left, right) = try (askEverything(a, name, seed: seed), askEverything(b, name, seed: seed))
        #expect(left.target == right.target, "\(words)")
        #expect(left.runs == right.runs, "\(words)")
        #expect(left.scrapes == right.scrapes, "\(words)")
        #expect(left.bodies == right.bodies, "\(words)")
        #expect(left.series == right.series, "\(words)")
        #expect(left.collections == right.collections, "\(words)")
        #expect(left.missed == right.missed, "\(words)")
        #expect(left.others == right.others, "\(words)")
    }
}

@Suite("Sealing and merging")
struct SealTests {
    let directory: TemporaryDirectory
    let plain: String
    let sealed: String

    init() throws {
        directory = try TemporaryDirectory()
        plain = directory.file("plain.db")
        sealed = directory.file("sealed.db")
    }

    /// What two files are given, one of which seals at random in between.
    private func run(seed: UInt64, steps: Int, outOfOrder: Bool) throws {
        var generator = SeededGenerator(seed: seed)
        var chance = SeededGenerator(seed: ~seed)
        var a = try WriterSession(path: plain, create: true)
        var b = try WriterSession(path: sealed, create: true)
        // The same runs, found in many steps instead of one.
        b.refreshScrapesMax = 3
        var processes = (0..<3).map { SampleProcess(arguments: ["/bin/sample", "\($0)"]) }
        var time: Int64 = 1_000_000
        var boot: Int64 = 0
        for _ in 0..<steps {
            let pick = Int.random(in: 0..<10, using: &generator)
            let which = pick < 7 ? 0 : Int.random(in: 0..<3, using: &generator)
            let apart = Int64.random(in: 1...20_000, using: &generator)
            boot += apart
            time += apart
            if Int.random(in: 0..<40, using: &generator) == 0 {
                time += Int64.random(in: -500_000...900_000, using: &generator)
            }
            if Int.random(in: 0..<25, using: &generator) == 0 {
                processes[which] = SampleProcess(arguments: ["/bin/sample", "\(which)"])
            }
            let collections = [0, 1, 2, 300].randomElement(using: &generator) ?? 0
            processes[which].run(
                collections: collections,
                until: UInt64(max(1, time)) * 1_000_000,
                using: &generator
            )
            processes[which].variables = [
                ("requests", "\(boot)"), ("load", "\(boot % 7).5"), ("text", "\"\(boot % 3)\""),
            ]
            if boot % 5 == 0 { processes[which].variables.append(("sometimes", "\(boot)")) }
            processes[which].hasMemStats = Int.random(in: 0..<15, using: &generator) > 0
            var made = scrape(time, processes[which].body, boot: "boot", bootMilliseconds: boot)
            if boot % 3 == 0 { made.serverDate = Timestamp(milliseconds: time / 1000 * 1000) }
            let isFailure = Int.random(in: 0..<8, using: &generator) == 0
            if isFailure { made.outcome = .failure(reason: "reason \(boot % 2)", body: Array("no".utf8)) }
            let name = Int.random(in: 0..<5, using: &generator) == 0 ? "other" : "sample"
            if outOfOrder, Int.random(in: 0..<2, using: &generator) == 0 {
                let back = Int.random(in: 0..<3, using: &generator) == 0
                made.time = Timestamp(
                    milliseconds: back ? time - Int64.random(in: 0...400_000, using: &generator) : time
                )
                made.bootID = nil
                made.bootNanoseconds = nil
                let line = ImportedScrape(target: name, origin: origin, scrape: made)
                let (left, right) = (try a.insert([line]), try b.insert([line]))
                #expect(left == right, "seed \(seed)")
            } else {
                let description = TargetDescription(name: name, origin: origin)
                let (left, right) = (try a.append([(description, made)]), try b.append([(description, made)]))
                #expect(left == right, "seed \(seed)")
            }
            switch Int.random(in: 0..<30, using: &chance) {
            case 0: try b.sealAll()
            case 1: _ = try b.mergeStep(.compact)
            case 2:
                try b.close()
                b = try WriterSession(path: sealed, create: false)
                b.refreshScrapesMax = 3
            case 3: _ = try b.maintain(RetentionPolicy())
            case 4 where Int.random(in: 0..<3, using: &chance) == 0:
                try a.close()
                a = try WriterSession(path: plain, create: false)
            default: break
            }
        }
        try b.close()
        try a.close()
    }

    private func findings(_ path: String) throws -> [Finding] {
        try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings()
    }

    @Test("whatever is sealed and merged, and when, all answers are those of a file that is all tail")
    func anyTime() async throws {
        for round in 0..<(ProcessEnvironment.integer("EXPVAULT_TEST_SEALS") ?? 2) {
            let seed = UInt64.random(in: 0...(.max))
            for path in [plain, sealed] {
                for suffix in ["", "-wal", "-shm"] { write([], to: path + suffix) }
            }
            try run(
                seed: seed,
                steps: ProcessEnvironment.integer("EXPVAULT_TEST_STEPS") ?? 60,
                outOfOrder: round % 2 == 1
            )
            let words = "seed \(seed), out of order: \(round % 2 == 1)"
            try expectSameAnswers(plain, sealed, names: ["sample", "other"], seed: seed, words)
            #expect(try findings(plain).isEmpty, "\(words)")
            #expect(try findings(sealed).isEmpty, "\(words)")
            let writer = try await VaultWriter.open(path: sealed, create: false)
            try await writer.compact()
            try await writer.close()
            try expectSameAnswers(
                plain,
                sealed,
                names: ["sample", "other"],
                seed: seed,
                "compacted, " + words
            )
            #expect(try findings(sealed).isEmpty, "\(words)")
            let snapshot = try Vault.openReader(path: sealed).snapshot()
            #expect(try snapshot.store.tailIndex().places.isEmpty)
            // What is stored of collections is what a pass over all bodies finds.
            for target in try snapshot.targets() {
                var anew: [CollectionRecord] = []
                try snapshot.forEachScrape(of: target.id) { run, _, found in
                    anew += found.seen.map { CollectionRecord(run: run, collection: $0) }
                }
                var stored: [CollectionRecord] = []
                try snapshot.forEachCollection(of: target.id, endingIn: .all) { stored.append($0) }
                #expect(stored == anew, "\(words)")
            }
        }
    }

    @Test("a kill between two steps of finding runs anew leaves a file that the next writer finishes")
    func interruptedSteps() throws {
        let seed = UInt64.random(in: 0...(.max))
        let lines = makeHistory(150, seed: seed).map {
            ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body))
        }
        let whole = try WriterSession(path: plain, create: true)
        _ = try whole.insert(lines)
        try whole.close()
        // Each third line first, sealed in chunks of ten, then all others, which lie among them.
        let session = try WriterSession(path: sealed, create: true)
        let first = stride(from: 0, to: lines.count, by: 3).map { lines[$0] }
        for start in stride(from: 0, to: first.count, by: 10) {
            _ = try session.insert(Array(first[start..<min(start + 10, first.count)]))
            try session.sealAll()
        }
        _ = try session.insert(lines)
        session.refreshScrapesMax = 30
        let target = try #require(session.targets["sample"]).id
        var steps = 0
        while let from = try session.connection.integer("SELECT t FROM stale_runs") {
            let copy = directory.file("copy\(steps).db")
            for suffix in ["", "-wal"] { write(contents(of: sealed + suffix), to: copy + suffix) }
            try WriterSession(path: copy, create: false).close()
            let words = "seed \(seed), step \(steps)"
            #expect(
                try askEverything(copy, "sample", seed: seed).scrapes.map(\.position)
                    == askEverything(plain, "sample", seed: seed).scrapes.map(\.position),
                "\(words)"
            )
            #expect(
                try askEverything(copy, "sample", seed: seed).runs.map(\.scrapeCount)
                    == askEverything(plain, "sample", seed: seed).runs.map(\.scrapeCount),
                "\(words)"
            )
            #expect(try findings(copy).isEmpty, "\(words)")
            let position = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: from))
            try session.transaction { try session.refreshStep(of: target, from: position) }
            steps += 1
        }
        #expect(steps > 3)
        try session.close()
        #expect(try findings(sealed).isEmpty)
    }

    @Test("lines that are imported in order are sealed at once, and importing them again stores nothing")
    func directly() async throws {
        let history = makeHistory(500, seed: 5)
        let lines = history.map {
            ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body))
        }
        let writer = try await VaultWriter.open(path: sealed, create: true)
        for start in stride(from: 0, to: lines.count, by: 250) {
            _ = try await writer.insert(Array(lines[start..<min(start + 250, lines.count)]))
        }
        let snapshot = try Vault.openReader(path: sealed).snapshot()
        #expect(try snapshot.store.tailIndex().places.isEmpty)
        #expect(try snapshot.store.connection.integer("SELECT count(*) FROM chunks") == 2)
        let again = try await writer.insert(lines)
        #expect(again.allSatisfy { $0 == .skipped })
        var changed = lines[7]
        changed.scrape.outcome = .document(body(1))
        #expect(try await writer.insert([changed]) == [.conflict])
        try await writer.close()
        #expect(try everything(sealed).map(\.body) == history.map(\.body))
        #expect(try findings(sealed).isEmpty)
    }
}

@Suite("Sealing that is cut off, and retention of chunks")
struct SealFailureTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    private struct Stop: Error {}

    /// 300 lines of a target, 100 a chunk, the rest in the tail.
    private func fill(_ session: WriterSession, _ history: [(time: Int64, body: [UInt8])]) throws {
        for start in stride(from: 0, to: history.count, by: 100) {
            let part = history[start..<min(start + 100, history.count)]
            _ = try session.insert(
                part.map {
                    ImportedScrape(target: "sample", origin: origin, scrape: scrape($0.time, $0.body))
                }
            )
            if start < 200 { try session.sealAll() }
        }
    }

    @Test("a seal or merge that fails at any statement leaves all as it was, and the next one works")
    func cutOff() throws {
        let history = makeHistory(300, seed: 11)
        var session = try WriterSession(path: path, create: true)
        try fill(session, history)
        try session.close()
        let seed: UInt64 = 1
        let right = try askEverything(path, "sample", seed: seed)
        // A file that may not grow stops the transaction at another page each time.
        for isMerge in [false, true] {
            for room in Int64(0)..<60 {
                session = try WriterSession(path: path, create: false)
                let pages = try #require(try session.connection.integer("PRAGMA page_count"))
                _ = try session.connection.integer("PRAGMA max_page_count = \(pages + room)")
                let result = Result {
                    if isMerge { _ = try session.mergeStep(.compact) } else { try session.sealAll() }
                }
                _ = try session.connection.integer("PRAGMA max_page_count = 1000000")
                try session.close()
                #expect(try askEverything(path, "sample", seed: seed) == right)
                if case .success = result { break }
            }
        }
        let snapshot = try Vault.openReader(path: path).snapshot()
        #expect(try snapshot.store.tailIndex().places.isEmpty)
        #expect(IntegrityCheck(snapshot: snapshot).findings().isEmpty)
    }

    @Test("a transaction that is rolled back after sealing leaves rows and memory as they were")
    func rolledBack() throws {
        let session = try WriterSession(path: path, create: true)
        try fill(session, makeHistory(250, seed: 12))
        let before = try askEverything(path, "sample", seed: 2)
        #expect(throws: StorageError.self) {
            try session.transaction {
                try session.seal(#require(session.targets["sample"]))
                throw Stop()
            }
        }
        #expect(try askEverything(path, "sample", seed: 2) == before)
        try session.sealAll()
        #expect(try askEverything(path, "sample", seed: 2) == before)
        try session.close()
    }

    @Test("a size limit drops whole chunks, the oldest first, and never the newest")
    func size() async throws {
        let session = try WriterSession(path: path, create: true)
        var generator = SeededGenerator(seed: 3)
        for start in stride(from: 0, to: 1000, by: 250) {
            let lines = (start..<start + 250).map { index in
                let noise = (0..<100).map { _ in String(generator.next()) }.joined()
                return ImportedScrape(
                    target: "sample",
                    origin: origin,
                    scrape: scrape(Int64(index) * 10_000, Array("{\n\"noise\": \"\(noise)\"\n}\n".utf8))
                )
            }
            _ = try session.insert(lines)
        }
        let chunks = try #require(session.targets["sample"]).history.chunks
        #expect(chunks.count == 4)
        var policy = RetentionPolicy(bytesMax: Int64(chunks.reduce(0) { $0 + $1.size }) * 3 / 4)
        var summary = try session.prune(policy)
        while summary.isUnfinished { summary = try session.prune(policy) }
        try session.close()
        let left = try everything(path).map(\.record.seq)
        #expect(left == Array(501...1000) || left == Array(751...1000))
        policy.bytesMax = 1
        let writer = try await VaultWriter.open(path: path, create: false)
        while try await writer.prune(policy).isUnfinished {}
        try await writer.close()
        #expect(try everything(path).map(\.record.seq) == Array(751...1000))
        #expect(try IntegrityCheck(snapshot: Vault.openReader(path: path).snapshot()).findings().isEmpty)
    }

    @Test("a damaged chunk is told of by what reads it, and the others are read all the same")
    func damagedChunk() throws {
        let session = try WriterSession(path: path, create: true)
        try fill(session, makeHistory(300, seed: 13))
        try session.connection.execute(
            "UPDATE chunk_bytes SET bytes = zeroblob(length(bytes)) WHERE id = (SELECT min(id) FROM chunks)"
        )
        let chunks = try #require(session.targets["sample"]).history.chunks
        try session.close()
        let snapshot = try Vault.openReader(path: path).snapshot()
        let target = try #require(try snapshot.targets().first)
        let later = TimeRange(since: chunks[1].first.time, until: nil)
        let cursor = try snapshot.scrapes(of: target.id, in: later, failures: true)
        var count = 0
        while try cursor.next() != nil { count += try cursor.body().isEmpty ? 0 : 1 }
        #expect(count == 200)
        #expect(throws: StorageError.self) { try everything(path) }
        #expect(!IntegrityCheck(snapshot: snapshot).findings().isEmpty)
    }

    @Test("a snapshot that read chunks lets go of the file with its last owner")
    func letsGo() throws {
        let session = try WriterSession(path: path, create: true)
        try fill(session, makeHistory(300, seed: 14))
        weak var store: RowStore?
        do {
            let snapshot = try Vault.openReader(path: path).snapshot()
            store = snapshot.store
            let target = try #require(try snapshot.targets().first)
            let cursor = try snapshot.scrapes(of: target.id, in: .all, failures: true)
            while try cursor.next() != nil { _ = try cursor.body() }
            let blocks = try snapshot.seriesBlocks(of: target.id, series: [], in: .all)
            while try blocks.next() != nil {}
        }
        #expect(store == nil)
        try session.close()
        #expect(contents(of: path + "-wal").isEmpty)
    }
}

extension VaultSnapshot {
    /// What each scrape was the first to show, from the bodies alone: each after all before it.
    fileprivate func forEachScrape(
        of target: TargetID,
        _ body: (RunID, ScrapePosition, NewCollections) throws -> Void
    ) throws {
        var reader = try reading {
            CollectionReader(stepStarts: try stepStarts(of: target))
        }
        let rows = try reading {
            try HistoryRows(history(of: target), range: .all, failures: false)
        }
        var document = ScannedDocument()
        while let row = try reading({ try rows.next() }) {
            guard let run = row.run else { continue }
            let (shape, bytes) = try reading { try store.understand(row, into: &document) }
            let state = ProcessState(shape: shape, document: document, body: bytes)
            try body(run, row.position, reader.collections(in: state, run: run, at: row.position))
        }
    }
}
