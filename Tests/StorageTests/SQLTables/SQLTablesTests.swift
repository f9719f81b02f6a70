import Expvar
import Model
import TestBasics
import Testing

@testable import SQLite
@testable import Storage

@Suite("SQL")
struct SQLTablesTests {
    let directory: TemporaryDirectory
    var path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("test.db")
    }

    /// One recording for all tests that only read it.
    private static let recorded = Task {
        let directory = try TemporaryDirectory()
        try await record(directory.file("test.db"))
        return directory
    }

    private mutating func useRecording() async throws {
        path = try await Self.recorded.value.file("test.db")
    }

    private static let busy = TargetDescription(
        name: "busy",
        origin: Origin(url: "http://127.0.0.1:1/", labels: ["env": "a\"b\\\n", "b": "c"])
    )
    private static let quiet = TargetDescription(name: "quiet's \u{202e}x", origin: Origin(url: nil))

    /// Two targets: one with 700 scrapes (two blocks), a restart, a series that comes late and failed scrapes; one
    /// whose names are hostile.
    private static func record(_ path: String) async throws {
        var generator = SeededGenerator(seed: 7)
        var process = SampleProcess()
        process.variables = [("requests", "0"), ("big", "18446744073709551615"), ("ratio", "0.25")]
        let writer = try await VaultWriter.open(path: path, create: true)
        var scrapes: [(TargetDescription, Scrape)] = []
        for index in 0..<700 {
            let t = Int64(1_700_000_000_000 + index * 1000)
            if index == 400 {
                process = SampleProcess()
                process.arguments = ["/bin/sample", "-v x"]
            }
            process.run(collections: 1, until: UInt64(t) * 1_000_000, using: &generator)
            process.variables[0].text = String(index)
            if index == 650 { process.variables.append(("late", "true")) }
            if index % 100 == 50 {
                let outcome = ScrapeOutcome.failure(reason: "refused\u{7}", body: [0xff, 0])
                scrapes.append((busy, Scrape(time: Timestamp(milliseconds: t), outcome: outcome)))
            } else {
                scrapes.append((busy, scrape(t, process.body)))
            }
            if index % 70 == 0 {
                let body = Array("{\n\"a\\u0000b%_*\": \(index),\n\"up\": 5,\n\"\\u202e'--\": -0.5\n}\n".utf8)
                scrapes.append((quiet, scrape(t, body)))
            }
        }
        _ = try await writer.append(scrapes)
        try await writer.close()
    }

    private func rows(_ sql: String, milliseconds: Int64 = 30_000) throws -> [[SQLCell]] {
        let tables = try SQLTables(Vault.openReader(path: path).snapshot(), milliseconds: milliseconds)
        let rows = try tables.rows(sql)
        var all: [[SQLCell]] = []
        while let row = try rows.next() { all.append(row) }
        return all
    }

    private func plan(_ sql: String) throws -> String {
        try rows("EXPLAIN QUERY PLAN " + sql).map { "\($0[3])" }.joined(separator: "\n")
    }

    /// Every sample, read without SQL.
    private func everySample() throws -> Set<[SQLCell]> {
        let snapshot = try Vault.openReader(path: path).snapshot()
        var samples: Set<[SQLCell]> = []
        for target in try snapshot.targets() {
            let series = try snapshot.series(of: target.id)
            let blocks = try snapshot.seriesBlocks(of: target.id, series: series.map(\.id), in: .all)
            while let block = try blocks.next() {
                for (row, place) in block.rows.enumerated() {
                    for (column, series) in zip(block.columns, series) {
                        guard let value = column[row] else { continue }
                        samples.insert(sample(target.name, series.name, place.position, value, place.seq))
                    }
                }
            }
            let scrapes = try snapshot.scrapes(of: target.id, in: .all, failures: true)
            while let scrape = try scrapes.next() {
                let up = Number.integer(scrape.failure == nil ? 1 : 0)
                samples.insert(sample(target.name, "up", scrape.position, up, scrape.seq))
                if let nanoseconds = scrape.durationNanoseconds {
                    let seconds = Number.real(Double(nanoseconds) / 1e9)
                    samples.insert(
                        sample(target.name, "scrape.duration_seconds", scrape.position, seconds, scrape.seq)
                    )
                }
            }
        }
        return samples
    }

    private func sample(
        _ target: String,
        _ series: String,
        _ position: ScrapePosition,
        _ value: Number,
        _ seq: Int64
    ) -> [SQLCell] {
        let cell: SQLCell =
            if case .integer(let integer) = value { .integer(integer) } else { .real(value.double) }
        return [.text(target), .text(series), .integer(position.time.milliseconds), cell, .integer(seq)]
    }

    @Test("samples are all values of all series of all targets, the added ones too, each once")
    mutating func samples() async throws {
        try await useRecording()
        let expected = try everySample()
        let rows = try rows("SELECT target, series, t, value, seq FROM samples")
        #expect(rows.count == expected.count)
        #expect(Set(rows) == expected)
        #expect(rows.count > 700 * 10)
    }

    /// Each condition once taken over and once hidden from the planner by a `+`: both must find the same rows.
    @Test(
        "what is pushed down finds what SQLite finds by itself",
        arguments: [
            "target = 'busy' AND series = 'requests'", "series = 'requests'",
            "series IN ('requests', 'up', 'late')",
            "target IN ('busy', 'nobody') AND series = 'late'", "series LIKE 'MEMSTATS.%alloc'",
            "series GLOB 'memstats.[TA]*'", "series GLOB 'r*' AND t > 1700000000500", "target GLOB 'q*'",
            "t = 1700000140000", "t >= 1700000140000 AND t < 1700000141000",
            "t > 1700000600000.5 AND target = 'busy'",
            "t <= 1.7e12", "t < -1e300", "t > 1e300", "series = 'big' AND t > 0",
            "t IN (1700000140000, 1700000210000)", "t BETWEEN 1700000400000 AND 1700000402000",
            "t > 9223372036854775807", "t < -9223372036854775808",
            "t >= -9223372036854775808 AND series = 'ratio'",
            "target = 'BUSY' COLLATE NOCASE AND series = 'ratio'", "series = NULL", "series = x'7570'",
            "series = 5",
            "series IN ('up', NULL)", "series LIKE NULL", "t > NULL", "series = 'requests' OR series = 'up'",
            "target = 'busy' OR t = 1700000140000", "series GLOB 'a*'", "series = '\\up'",
            "series LIKE '%\u{202e}%'",
            "target > 'c'", "series < 'memstats'",
            "series = (SELECT 'requests') AND t > unix_ms('2023-11-14T22:20:00Z')",
        ]
    )
    mutating func pushdown(condition: String) async throws {
        try await useRecording()
        // A + before a column keeps SQLite from passing the condition on; https://sqlite.org/optoverview.html.
        var unaided = condition
        for column in ["target", "series", "t", "run"] {
            unaided = unaided.replacing(word: column, by: "+\(column)")
        }
        let select = "SELECT target, series, t, value, seq FROM samples WHERE "
        let found = try rows(select + condition)
        let expected = try rows(select + unaided)
        #expect(found.count == expected.count, "\(unaided)")
        #expect(Set(found) == Set(expected))
        let scrapes = condition.contains("series") ? "" : condition
        if !scrapes.isEmpty {
            let sql = "SELECT * FROM scrapes WHERE "
            #expect(try Set(rows(sql + condition)) == Set(rows(sql + unaided)))
        }
    }

    @Test("a condition on t with a text counts as a number, as the column's type has it")
    mutating func textTimes() async throws {
        try await useRecording()
        let count = "SELECT count(*) FROM scrapes WHERE target = 'busy' AND "
        #expect(try rows(count + "t = '1700000140000'") == [[.integer(1)]])
        #expect(try rows(count + "t >= '1700000690000.5'") == [[.integer(9)]])
        #expect(try rows(count + "t < x'00'") == [[.integer(700)]])
    }

    @Test("a plan tells which conditions the table took over, and whether the order")
    mutating func plans() async throws {
        try await useRecording()
        let one = try plan(
            "SELECT * FROM samples WHERE target = 'busy' AND series = 'up' AND t >= 5 AND t < 9 ORDER BY t"
        )
        #expect(one.contains("target= series= t>= t< ordered"))
        #expect(!one.contains("B-TREE"))
        #expect(try plan("SELECT * FROM samples WHERE series IN ('up', 'x')").contains("series in"))
        #expect(try plan("SELECT * FROM samples WHERE series GLOB 'a*'").contains("series glob"))
        #expect(!(try plan("SELECT * FROM samples ORDER BY target, series, t").contains("B-TREE")))
        #expect(try plan("SELECT * FROM samples ORDER BY series, t").contains("B-TREE"))
        let groups = try plan("SELECT series, max(value) FROM samples WHERE target = 'busy' GROUP BY series")
        #expect(!groups.contains("B-TREE"))
        #expect(
            !(try plan("SELECT * FROM samples WHERE series = 'up' ORDER BY target, t").contains("B-TREE"))
        )
        #expect(!(try plan("SELECT * FROM scrapes ORDER BY target, t").contains("B-TREE")))
        let window = """
            SELECT t, value - lag(value) OVER (PARTITION BY target ORDER BY t) FROM samples \
            WHERE target = 'busy' AND series = 'requests'
            """
        #expect(!(try plan(window).contains("B-TREE")))
    }

    @Test("rows of one series come in the order of time without being sorted")
    mutating func order() async throws {
        try await useRecording()
        let times = try rows("SELECT t FROM samples WHERE series = 'up' AND target = 'busy' ORDER BY t").map {
            $0[0]
        }
        #expect(times == (0..<700).map { .integer(1_700_000_000_000 + $0 * 1000) })
        let targets = try rows("SELECT target, t FROM scrapes ORDER BY target, t").map { $0[0] }
        #expect(targets.prefix(700).allSatisfy { $0 == .text("busy") })
    }

    @Test("all series come one after the other in order, where that is asked for")
    mutating func orderOfSeries() async throws {
        try await useRecording()
        // `+t` is no column to the planner, so that SQLite sorts by itself.
        let select = "SELECT target, series, t, value FROM samples ORDER BY target, series, "
        let found = try rows(select + "t")
        #expect(try found == rows(select + "+t"))
        #expect(found.count > 700 * 10)
        let late =
            "SELECT series, t FROM samples WHERE series > 'm' AND t > 1700000500000 ORDER BY target, series, "
        #expect(try rows(late + "t") == rows(late + "+t"))
    }

    @Test("where the clock stepped back, rows are sorted by time after all")
    func epochs() async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        let lines = [(5_000_000, 0), (9_000_000, 0), (1_000_000, 1), (7_000_000, 1)].map { time, epoch in
            ImportedScrape(
                target: "a",
                epoch: Int64(epoch),
                origin: Origin(url: nil),
                scrape: Scrape(time: Timestamp(milliseconds: Int64(time)), outcome: .document(body(time)))
            )
        }
        _ = try await writer.insert(lines)
        try await writer.close()
        let sql = "SELECT t, epoch FROM samples WHERE target = 'a' AND series = 'number' ORDER BY "
        #expect(
            try rows(sql + "t").map { $0[0] }
                == [1_000_000, 5_000_000, 7_000_000, 9_000_000].map { .integer($0) }
        )
        #expect(
            try rows(sql + "epoch, t").map { $0[0] }
                == [5_000_000, 9_000_000, 1_000_000, 7_000_000].map { .integer($0) }
        )
        #expect(try plan(sql + "t").contains("B-TREE"))
        #expect(!(try plan(sql + "epoch, t").contains("B-TREE")))
    }

    @Test("an integer above Int64 is REAL, and exact as value_text")
    mutating func exactness() async throws {
        try await useRecording()
        let row = try rows(
            "SELECT value, value_text, typeof(value) FROM samples WHERE series = 'big' LIMIT 1"
        )
        #expect(row == [[.real(0x1p64), .text("18446744073709551615"), .text("real")]])
        let texts = try rows(
            "SELECT DISTINCT value_text, typeof(value) FROM samples WHERE series IN ('ratio', 'late')"
        )
        #expect(Set(texts) == [[.text("0.25"), .text("real")], [.text("1"), .text("integer")]])
    }

    @Test("targets and runs say what the snapshot says")
    mutating func lists() async throws {
        try await useRecording()
        #expect(
            try rows("SELECT * FROM targets") == [
                [
                    .text("busy"), .text("http://127.0.0.1:1/"), .text(#"{"b":"c","env":"a\"b\\\u000a"}"#),
                    .integer(1_700_000_000_000), .integer(1_700_000_699_000), .integer(693), .integer(7),
                ],
                [
                    .text("quiet's \u{202e}x"), .null, .text("{}"), .integer(1_700_000_000_000),
                    .integer(1_700_000_630_000), .integer(10), .integer(0),
                ],
            ]
        )
        let hidden = try rows(
            "SELECT last_failure_t, last_failure, clock_steps, alternating, labels ->> 'env' FROM targets LIMIT 1"
        )
        #expect(
            hidden == [
                [
                    .integer(1_700_000_650_000), .text("refused\u{7}"), .integer(0), .integer(0),
                    .text("a\"b\\\n"),
                ]
            ]
        )
        let runs = try rows(
            "SELECT scrapes, cmdline ->> 1, json_array_length(cmdline) FROM runs WHERE target = 'busy' ORDER BY first"
        )
        #expect(runs == [[.integer(396), .null, .integer(1)], [.integer(297), .text("-v x"), .integer(2)]])
    }

    @Test("a scrape's body is text that JSON functions take, and a broken one bytes")
    mutating func bodies() async throws {
        try await useRecording()
        #expect(
            try rows("SELECT body ->> '$.requests' FROM scrapes WHERE target = 'busy' AND t = 1700000007000")
                == [[.integer(7)]]
        )
        #expect(
            try rows("SELECT failure, body, run, duration_ms FROM scrapes WHERE failure IS NOT NULL LIMIT 1")
                == [[.text("refused\u{7}"), .blob([0xff, 0]), .null, .null]]
        )
        #expect(
            try rows("SELECT duration_ms, status FROM scrapes LIMIT 1") == [[.real(1.234567), .integer(200)]]
        )
        #expect(
            try rows("SELECT count(*) FROM scrapes WHERE seq > 700")
                == rows("SELECT count(*) FROM scrapes WHERE +seq > 700")
        )
    }

    @Test("pauses are the collections of the snapshot, and a range of ends is exact to the nanosecond")
    mutating func pauses() async throws {
        try await useRecording()
        let snapshot = try Vault.openReader(path: path).snapshot()
        var expected: Set<[SQLCell]> = []
        for target in try snapshot.targets() {
            try snapshot.forEachCollection(of: target.id, endingIn: .all) { record in
                expected.insert([
                    .text(target.name), .integer(record.run.value), .integer(Int64(record.collection.n)),
                    .integer(Int64(record.collection.endNanoseconds)),
                    .integer(Int64(record.collection.pauseNanoseconds)),
                ])
            }
        }
        #expect(try Set(rows("SELECT * FROM gc_pauses")) == expected)
        #expect(expected.count == 700)
        for condition in [
            "end_ns >= 1700000100000000000 AND end_ns < 1700000101000000000", "end_ns > 1700000100000000000",
            "t BETWEEN 1700000100000 AND 1700000200000", "end_ns <= 1.7e18", "end_ns < 0",
        ] {
            let unaided = condition.replacing(word: "end_ns", by: "+end_ns").replacing(word: "t", by: "+t")
            let count = "SELECT count(*) FROM gc_pauses WHERE "
            #expect(try rows(count + condition) == rows(count + unaided), "\(condition)")
        }
    }

    @Test("bucket, rfc3339 and unix_ms agree with the steps and times of other commands")
    mutating func functions() async throws {
        try await useRecording()
        let row = try rows(
            """
            SELECT bucket(1700000012345, '1m'), bucket(-1, '1s'), bucket(NULL, '1m'), rfc3339(1700000012345),
            unix_ms('2023-11-14T22:13:32.345Z'), unix_ms('2023-11-14'), rfc3339(NULL), bucket(1500.9, '1s')
            """
        )
        #expect(
            row == [
                [
                    .integer(1_699_999_980_000), .integer(-1000), .null, .text("2023-11-14T22:13:32.345Z"),
                    .integer(1_700_000_012_345), .integer(1_699_920_000_000), .null, .integer(1000),
                ]
            ]
        )
        for call in [
            "bucket(1, '0s')", "bucket(1, 'x')", "bucket(1, 60)", "bucket('1', '1m')", "rfc3339('x')",
            "unix_ms('yesterday')", "unix_ms(1)", "bucket(1e300, '1s')", "bucket(1, '-1m')",
        ] {
            #expect(throws: SQLStatementError.self, "\(call)") { try rows("SELECT \(call)") }
        }
    }

    @Test("nothing of the file's own tables is there, and the file stays as it was")
    mutating func isolation() async throws {
        try await useRecording()
        let before = contents(of: path)
        for sql in [
            "SELECT * FROM meta", "SELECT * FROM bodies", "ATTACH '\(path)' AS x", "DELETE FROM samples",
            "SELECT * FROM samples; DROP TABLE scrapes", "PRAGMA database_list", "SELECT * FROM", "",
        ] {
            #expect(throws: SQLStatementError.self, "\(sql)") { try rows(sql) }
        }
        #expect(try rows("SELECT * FROM sqlite_master").isEmpty)
        #expect(contents(of: path) == before)
    }

    @Test("a statement that takes too long is told so, in whatever part of it the time passes")
    mutating func deadline() async throws {
        try await useRecording()
        for sql in [
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
            "SELECT count(*) FROM samples a, samples b, samples c",
        ] {
            #expect(throws: SQLStatementError.deadlinePassed(milliseconds: 60)) {
                try rows(sql, milliseconds: 60)
            }
        }
        #expect(throws: SQLStatementError.deadlinePassed(milliseconds: 0)) {
            try rows("SELECT * FROM samples WHERE series = 'late'", milliseconds: 0)
        }
    }

    @Test("tables join one another")
    mutating func joins() async throws {
        try await useRecording()
        let joined = try rows(
            """
            SELECT r.run, count(*), max(value) FROM runs r JOIN samples s ON s.target = r.target AND s.run = r.run
            WHERE s.series = 'requests' AND r.target = 'busy' GROUP BY r.run ORDER BY r.first
            """
        )
        #expect(joined.map { $0[1] } == [.integer(396), .integer(297)])
        #expect(joined.map { $0[2] } == [.integer(399), .integer(699)])
    }

    @Test("a file without scrapes has tables without rows")
    func empty() async throws {
        try await VaultWriter.open(path: path, create: true).close()
        for table in ["targets", "runs", "scrapes", "samples", "gc_pauses"] {
            #expect(try rows("SELECT * FROM \(table)").isEmpty)
        }
    }
}

extension String {
    /// The text with a word replaced where it stands alone and outside quotes.
    fileprivate func replacing(word: String, by other: String) -> String {
        var result = ""
        var current = ""
        var isQuoted = false
        for character in self + " " {
            if character.isLetter || character == "_" || character.isNumber {
                current.append(character)
                continue
            }
            result += !isQuoted && current == word ? other : current
            current = ""
            if character == "'" { isQuoted.toggle() }
            result.append(character)
        }
        return String(result.dropLast())
    }
}
