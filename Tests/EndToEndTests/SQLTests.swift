import JSON
import TestBasics
import TestSupport
import Testing

/// `expvault sql` on a recording made by hand: two services, one of which restarts, and some failed scrapes.
@Suite struct SQLTests {
    private let directory: TemporaryDirectory
    private var db: String { directory.file("sql.db") }

    init() async throws {
        directory = try TemporaryDirectory()
        var lines = CommandLineTests.lines(
            (0..<20).map { CommandLineTests.body(requests: ($0 % 10) * 10, collections: $0 % 10 + 1) }
        )
        lines += CommandLineTests.lines(
            ["{\"x\": 18446744073709551615, \"=cmd()\": 1, \"\\u001b[2J\": 2.5}"],
            target: "\u{202e}db"
        )
        lines += #"{"ts":1767323500000,"target":"api","body":"","error":"refused"}"# + "\n"
        let file = try directory.write(lines.utf8, to: "lines.ndjson")
        _ = try await Expvault.output("import", "--db", db, file)
    }

    private func json(_ sql: String) async throws -> String {
        try await Expvault.output("sql", sql, "--db", db, "--format", "json")
    }

    @Test("json is an array of objects with exact integers, and names that differ")
    func jsonFormat() async throws {
        #expect(
            try await json("SELECT 9007199254740993 AS a, 0.5 AS a, NULL AS b, 'x\u{1}' AS c, x'00ff' AS d")
                == """
                [{"a":9007199254740993,"a_2":0.5,"b":null,"c":"x\\u0001","d":"AP8="}]

                """
        )
        // Two lives: the ring of the later one shows what the earlier one no longer has among its newest.
        #expect(
            try await json("SELECT n FROM gc_pauses WHERE target = 'api' AND n < 3 ORDER BY n") == """
                [{"n":1},
                {"n":1},
                {"n":2},
                {"n":2}]

                """
        )
        #expect(try await json("SELECT 1 WHERE 0") == "[]\n")
    }

    @Test("csv has the names first, and cells that no spreadsheet runs")
    func csvFormat() async throws {
        let csv = try await Expvault.output(
            "sql",
            "SELECT series, value, value_text FROM samples WHERE series IN ('=cmd()', 'x') ORDER BY series",
            "--db",
            db,
            "--format",
            "csv"
        )
        #expect(
            csv == "series,value,value_text\n'=cmd(),1,1\nx,1.8446744073709552e+19,18446744073709551615\n"
        )
    }

    @Test("a table is aligned and shows no control character of a target")
    func tableFormat() async throws {
        let table = try await Expvault.output("sql", "SELECT target, series, value FROM samples", "--db", db)
        #expect(table.hasPrefix("TARGET"))
        #expect(!table.contains("\u{1b}") && !table.contains("\u{202e}"))
        #expect(table.contains("\\u{1b}[2J"))
        #expect(
            try await Expvault.output("sql", "SELECT 1767323040000 AS t", "--db", db).contains(
                "\n1767323040000\n"
            )
        )
        let none = try await Expvault.run("sql", "SELECT 1 WHERE 0", "--db", db)
        #expect(none.status == 0 && none.output.isEmpty && none.error == "no rows\n")
    }

    @Test("the contract's tables have the contract's columns")
    func columns() async throws {
        for (table, columns) in [
            ("targets", "target,url,labels,first,last,scrapes,failures"),
            ("runs", "target,run,started,first,last,scrapes,cmdline"),
            ("scrapes", "target,seq,epoch,t,run,url,duration_ms,status,failure"),
            ("samples", "target,series,t,value"), ("gc_pauses", "target,run,n,end_ns,pause_ns"),
        ] {
            let csv = try await Expvault.output(
                "sql",
                "SELECT * FROM \(table)",
                "--db",
                db,
                "--format",
                "csv"
            )
            #expect(csv.split(separator: "\n").first.map(String.init) == columns)
            #expect(csv.split(separator: "\n").count > 1, "\(table)")
        }
    }

    @Test("values agree with what other commands answer")
    func agreement() async throws {
        let values = try JSONText.array(
            try await Expvault.output("values", "requests", "--target", "api", "--db", db, "--format", "json")
        )
        let rows = try JSONText.array(
            try await json(
                "SELECT count(*) AS count, max(value) AS max, avg(value) AS mean FROM samples "
                    + "WHERE target = 'api' AND series = 'requests'"
            )
        )
        for name in ["count", "max", "mean"] { #expect(rows.first?[name] == values.first?[name]) }
        let pauses = try JSONText.array(
            try await Expvault.output(
                "pauses",
                "--percentile",
                "99.9",
                "--target",
                "api",
                "--db",
                db,
                "--format",
                "json"
            )
        )
        let own = try JSONText.array(
            try await json(
                "SELECT percentile(pause_ns, 99.9) AS p, count(*) AS n FROM gc_pauses WHERE target = 'api'"
            )
        )
        #expect(own.first?["p"] == pauses.first?["percentiles"]?["99.9"])
        #expect(own.first?["n"] == pauses.first?["count"])
    }

    @Test(
        "a statement that is wrong, or wants to write, is wrong use",
        arguments: [
            "SELEKT 1", "SELECT * FROM nothing", "SELECT 1; SELECT 2", "", "DELETE FROM samples",
            "ATTACH '/tmp/expvault-attached.db' AS x", "PRAGMA user_version = 3",
            "SELECT load_extension('x')",
            "CREATE TABLE t(x)", "VACUUM INTO '/tmp/expvault-vacuumed.db'", "SELECT bucket(1, 'week')",
            "SELECT ?",
        ]
    )
    func refusals(sql: String) async throws {
        let outcome = try await Expvault.run("sql", sql, "--db", db)
        #expect(outcome.status == 64, "\(sql): \(outcome.error)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
        #expect(try await Expvault.run("check", "--db", db).status == 0)
    }

    @Test("there must be a database")
    func noDatabase() async throws {
        #expect(try await Expvault.run("sql", "SELECT 1", "--db", directory.file("none.db")).status == 66)
    }

    @Test("every statement in docs/sql.md runs and finds something")
    func documentedQuestions() async throws {
        let bytes = try #require(TemporaryDirectory.contents(of: Repository.root + "/docs/sql.md"))
        let parts = String(decoding: bytes, as: UTF8.self).components(between: "```sql\n", and: "```")
        #expect(parts.count == 5)
        for sql in parts {
            let rows = try JSONText.array(try await json(sql))
            #expect(!rows.isEmpty, "\(sql)")
        }
        // 10 requests each 10 s, in both runs.
        let rates = try JSONText.array(try await json(parts[1]))
        #expect(rates.allSatisfy { $0["per_second"]?.integer == 1 })
        let runs = try JSONText.array(try await json(parts[3]))
        #expect(runs.map { $0["mean_heap_bytes"]?.integer } == [1045, 1045])
    }
}

extension String {
    /// What stands between each `begin` and the next `end`.
    fileprivate func components(between begin: String, and end: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let start = rest.firstRange(of: begin) {
            rest = rest[start.upperBound...]
            guard let stop = rest.firstRange(of: end) else { break }
            parts.append(String(rest[..<stop.lowerBound]))
            rest = rest[stop.upperBound...]
        }
        return parts
    }
}
