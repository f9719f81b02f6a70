import HostFiles
package import Model
import Query
import SQLite
package import Storage

/// Writes a recording into a plain SQLite database, which any tool reads: pandas, Datasette, Grafana, DuckDB, the shell.
///
/// Tables `targets`, `runs`, `scrapes`, `series`, `samples`, `gc_pauses`, and the view `samples_named`; times are Unix
/// milliseconds, as in `expvault sql`. The file has its name once it is whole and on disk, or is not there.
package struct PlainDatabase {
    /// What was written.
    package struct Summary: Hashable, Sendable {
        package var targets = 0
        package var series = 0
        package var scrapes: Int64 = 0
        package var samples: Int64 = 0
        package var collections: Int64 = 0
        /// The size of the file.
        package var bytes: Int64 = 0
    }

    /// What is called now and then.
    package typealias Progress = (Summary, _ target: String) -> Void

    /// So many series are gone over together: more at a time are faster, and take more memory.
    private static let seriesPerPass = 64
    /// So many rows are in a transaction: with nothing to roll back to it only bounds what is not written yet.
    private static let rowsPerTransaction: Int64 = 100_000

    private let vault: Vault
    private let range: TimeRange
    private let selectors: [String]
    private let targets: [TargetRecord]
    private let hosts: [TargetID: String]
    private let lastSeq: Int64
    private let connection: Connection
    private let progress: Progress
    private var summary = Summary()
    private var rows: Int64 = 0
    private var nextSeries: Int64 = 1

    /// Writes these targets' scrapes of `range`, and the series that `selectors` match (all where empty), to `destination`.
    ///
    /// - Parameters:
    ///   - vault: Where they are.
    ///   - source: The database's path, which with all beside it is never written over.
    ///   - destination: Where the new one goes.
    ///   - selectors: Names and globs of series.
    ///   - targets: The targets.
    ///   - range: The times of scrapes; collections count where they ended.
    ///   - replaces: Whether what is there already is replaced.
    ///   - begins: Called once before anything is written, with all paths that are only there until the file is whole.
    ///   - progress: Called now and then.
    /// - Returns: What was written.
    /// - Throws: `HandoverError`, `StorageError`, `QueryError`, `CancellationError`.
    package static func write(
        _ vault: Vault,
        source: String,
        to destination: String,
        selectors: [String],
        targets: [TargetRecord],
        range: TimeRange,
        replaces: Bool,
        begins: ([String]) -> Void,
        progress: @escaping Progress = { _, _ in }
    ) throws -> Summary {
        try HandoverError.wrapping(destination) {
            let place = try OutputPlace(destination, replaces: replaces, protecting: Vault.files(at: source))
            guard try place.admit() != .stream else { throw place.refusal("it is no regular file") }
            let draft = try DraftFile(
                for: place,
                further: [".db", ".db-journal", ".db-wal", ".db-shm"],
                begins: begins
            )
            defer { draft.abandon() }
            let connection = try Connection(
                path: draft.path + ".db",
                role: .writer(create: true),
                busyMilliseconds: 0
            )
            var database = try PlainDatabase(vault, connection, selectors, targets, range, progress)
            do {
                try database.run()
            } catch {
                connection.close()
                throw error
            }
            connection.close()
            database.summary.bytes = try draft.publish(".db")
            return database.summary
        }
    }

    private init(
        _ vault: Vault,
        _ connection: Connection,
        _ selectors: [String],
        _ targets: [TargetRecord],
        _ range: TimeRange,
        _ progress: @escaping Progress
    ) throws {
        let snapshot = try vault.snapshot()
        self.vault = vault
        self.connection = connection
        self.selectors = selectors
        self.targets = targets
        self.range = range
        self.progress = progress
        lastSeq = snapshot.lastSeq
        hosts = Dictionary(
            targets.map { ($0.id, $0.origin.recorder?.host ?? snapshot.recordingHost) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    private static let schema = """
        CREATE TABLE targets(
            target TEXT NOT NULL, host TEXT NOT NULL, url TEXT, labels TEXT NOT NULL, first INTEGER, last INTEGER,
            scrapes INTEGER NOT NULL, failures INTEGER NOT NULL, PRIMARY KEY(target, host));
        CREATE TABLE runs(
            target TEXT NOT NULL, host TEXT NOT NULL, run INTEGER PRIMARY KEY, started INTEGER, first INTEGER NOT NULL,
            last INTEGER NOT NULL, scrapes INTEGER NOT NULL, cmdline TEXT NOT NULL);
        CREATE TABLE scrapes(
            target TEXT NOT NULL, host TEXT NOT NULL, seq INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, t INTEGER NOT NULL,
            run INTEGER, url TEXT, duration_ms REAL, status INTEGER, failure TEXT);
        CREATE TABLE series(
            series_id INTEGER PRIMARY KEY, target TEXT NOT NULL, host TEXT NOT NULL, series TEXT NOT NULL, kind TEXT,
            unit TEXT);
        CREATE TABLE samples(series_id INTEGER NOT NULL, t INTEGER NOT NULL, value NOT NULL, value_text TEXT);
        CREATE TABLE gc_pauses(
            target TEXT NOT NULL, host TEXT NOT NULL, run INTEGER NOT NULL, n INTEGER NOT NULL, end_ns INTEGER NOT NULL,
            pause_ns INTEGER NOT NULL);
        CREATE VIEW samples_named AS
            SELECT target, host, series, t, value FROM samples JOIN series USING (series_id);
        """

    private static let indexes = """
        CREATE INDEX samples_series_t ON samples(series_id, t);
        CREATE INDEX series_name ON series(series, target);
        CREATE INDEX scrapes_t ON scrapes(target, t);
        CREATE INDEX gc_pauses_end ON gc_pauses(target, end_ns);
        """

    private mutating func run() throws {
        // Nothing is to be rolled back: until it is whole nobody sees it, and it is synced when it is published.
        try connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_spill = ON")
        try connection.execute("PRAGMA cache_size = -8192; PRAGMA temp_store = FILE; PRAGMA user_version = 1")
        try connection.execute(Self.schema)
        try connection.execute("BEGIN")
        for target in targets {
            try Task.checkCancellation()
            try write(target)
            try writeScrapes(of: target)
            try writeCollections(of: target)
        }
        try writeSamples()
        try connection.execute("COMMIT")
        try connection.execute(Self.indexes)
        try connection.execute("ANALYZE")
    }

    private mutating func count(_ target: TargetRecord) throws {
        rows += 1
        guard rows % Self.rowsPerTransaction == 0 else { return }
        try connection.execute("COMMIT")
        try Task.checkCancellation()
        progress(summary, target.name)
        try connection.execute("BEGIN")
    }

    private func host(of target: TargetRecord) -> String { hosts[target.id] ?? "" }

    // MARK: Rows

    private mutating func write(_ target: TargetRecord) throws {
        summary.targets += 1
        let labels = target.origin.labels.sorted { $0.key < $1.key }.map {
            "\(Self.quoted($0)):\(Self.quoted($1))"
        }
        try connection.statement("INSERT INTO targets VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(1, target.name).bind(2, host(of: target)).bind(3, target.origin.url)
            .bind(4, "{\(labels.joined(separator: ","))}").bind(5, target.first?.time.milliseconds)
            .bind(6, target.last?.time.milliseconds).bind(7, target.scrapeCount).bind(8, target.failureCount)
            .run()
        for run in try vault.snapshot().runs(of: target.id) {
            let words = run.commandLine.map(Self.quoted).joined(separator: ",")
            try connection.statement("INSERT INTO runs VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(1, target.name).bind(2, host(of: target)).bind(3, run.id.value)
                .bind(4, run.startedNanoseconds.map { Int64($0 / 1_000_000) })
                .bind(5, run.first.time.milliseconds).bind(6, run.last.time.milliseconds)
                .bind(7, run.scrapeCount).bind(8, "[\(words)]").run()
        }
    }

    /// A text as JSON has it; SQLite knows no better than to believe it.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private mutating func writeScrapes(of target: TargetRecord) throws {
        let cursor = try vault.snapshot().scrapes(of: target.id, in: range, failures: true)
        while let scrape = try cursor.next() {
            guard scrape.seq <= lastSeq else { continue }
            try connection.statement("INSERT INTO scrapes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(1, target.name).bind(2, host(of: target)).bind(3, scrape.seq)
                .bind(4, scrape.position.epoch).bind(5, scrape.position.time.milliseconds)
                .bind(6, scrape.run?.value).bind(7, scrape.origin.url)
                .bind(8, real: scrape.durationNanoseconds.map { Double($0) / 1e6 })
                .bind(9, scrape.status.map(Int64.init)).bind(10, scrape.failure).run()
            summary.scrapes += 1
            try count(target)
        }
    }

    private mutating func writeCollections(of target: TargetRecord) throws {
        let host = host(of: target)
        let snapshot = try vault.snapshot()
        var written = self
        try snapshot.forEachCollection(of: target.id, endingIn: range) { record in
            try written.connection.statement("INSERT INTO gc_pauses VALUES(?, ?, ?, ?, ?, ?)")
                .bind(1, target.name).bind(2, host).bind(3, record.run.value)
                .bind(4, Int64(clamping: record.collection.n))
                .bind(5, Int64(clamping: record.collection.endNanoseconds))
                .bind(6, Int64(clamping: record.collection.pauseNanoseconds)).run()
            written.summary.collections += 1
            try written.count(target)
        }
        self = written
    }

    // MARK: Samples

    private mutating func writeSamples() throws {
        guard !targets.isEmpty else { return }
        let all = try QueryEngine(vault.snapshot()).sampleSeries(
            selectors,
            targets: targets.map(\.name),
            range: range,
            showsKinds: true
        )
        for target in targets {
            var rest = all.filter { $0.target == target.name }[...]
            while !rest.isEmpty {
                try write(Array(rest.prefix(Self.seriesPerPass)), of: target)
                rest = rest.dropFirst(Self.seriesPerPass)
            }
        }
    }

    private mutating func write(_ series: [SampleSeries], of target: TargetRecord) throws {
        let first = nextSeries
        for one in series {
            try connection.statement("INSERT INTO series VALUES(?, ?, ?, ?, ?, ?)")
                .bind(1, nextSeries).bind(2, target.name).bind(3, host(of: target)).bind(4, one.name)
                .bind(5, one.kind?.rawValue).bind(6, one.unit?.rawValue).run()
            nextSeries += 1
            summary.series += 1
        }
        var written = self
        try QueryEngine(vault.snapshot()).forEachSample(of: series, in: range, upToSeq: lastSeq) {
            index,
            position,
            value in
            let statement = try written.connection.statement("INSERT INTO samples VALUES(?, ?, ?, ?)")
                .bind(1, first + Int64(index)).bind(2, position.time.milliseconds)
            switch value {
            case .integer(let number): try statement.bind(3, number).run()
            case .real(let number): try statement.bind(3, real: number).run()
            // SQLite's integers end at 2^63 − 1.
            case .unsigned(let number):
                try statement.bind(3, real: Double(number)).bind(4, String(number)).run()
            }
            written.summary.samples += 1
            try written.count(target)
        }
        self = written
        progress(summary, target.name)
    }
}
