import JSON
import TestBasics
import TestSupport
import Testing

/// Documents as real programs have them, that are not what one would expect, through the built binary.
@Suite struct FieldTests {
    private static let start = 1_790_000_000_000

    private func line(_ t: Int, _ body: String) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("ts")
        json.integer(t)
        for (key, value) in [("target", "api"), ("url", "http://api/debug/vars"), ("body", body)] {
            json.key(key)
            json.string(value)
        }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    private func imported(_ bodies: [String]) async throws -> (directory: TemporaryDirectory, db: String) {
        let directory = try TemporaryDirectory()
        let file = directory.file("lines.ndjson")
        let lines = bodies.enumerated().map { line(Self.start + $0 * 1000, $1) }
        try TemporaryDirectory.write(lines.joined(), to: file)
        let db = directory.file("a.db")
        let outcome = try await Expvault.run("import", "--db", db, file)
        try #require(outcome.status == 0, "\(outcome.error)")
        return (directory, db)
    }

    private func json(_ arguments: String...) async throws -> [JSONValue] {
        let outcome = try await ChildProcess.run(Expvault.binary, arguments + ["--format", "json"])
        try #require(outcome.status == 0, "\(outcome.error)")
        return try JSONText.array(outcome.text)
    }

    // MARK: What cannot be read

    @Test("a broken value costs itself, and targets and the log say which and why")
    func broken() async throws {
        let body =
            "{\n\"cache\": {\"hits\": 7, \"ratio\": NaN, \"per\": 12,345 ops/s},\n\"config\": ,\n"
            + "\"load\": +Inf,\n\"users\": {\"orders.bob\\.smith.Select\": 20311, \"name\": \"\\xc4\\xd1\"}\n}\n"
        let (directory, db) = try await imported([body, body])
        let names = try await json("series", "--db", db)
        let lines = names.map { "\($0["series"]?.string ?? "") \($0["points"]?.integer ?? -1)" }
        #expect(
            lines
                == [
                    "cache.hits 2", "cache.ratio 0", "load 0", "scrape.duration_seconds 0", "up 2",
                    "users.orders\\.bob\\.smith\\.Select 2",
                ].filter { !$0.hasPrefix("scrape") }
        )
        #expect(try await json("series", "load", "--db", db).first?["value"] == JSONValue.null)
        let target = try #require(try await json("targets", "--db", db).first)
        let unread = try #require(target["unread"])
        #expect(unread["scrapes"]?.integer == 2 && unread["paths"]?.integer == 4)
        #expect(unread["first_path"]?.string == "cache.per")
        #expect(unread["reason"]?.string == "12,345 ops/s is no value of JSON")
        let words = try await Expvault.output("targets", "--db", db)
        #expect(words.contains("cache.per and 3 more could not be read in 2 scrapes"), "\(words)")
        let raw = try await Expvault.output("show", "--target", "api", "--db", db)
        #expect(raw == body)
        let documents = try JSONText.lines(
            try await Expvault.output("export", "file", "--db", db, "--out", "-")
        )
        let custom = documents.first?[path: ["golang", "expvar", "custom"]]
        #expect(custom?[path: ["cache", "hits"]]?.integer == 7)
        #expect(custom?[path: ["cache", "ratio"]] == nil && custom?["config"] == nil)
        _ = directory
    }

    @Test("the log says once what cannot be read")
    func logged() async throws {
        let server = try await ExpvarServer.start {
            .body("{\n\"n\": {\"a\": NaN, \"b\": \($0.number)}\n}\n")
        }
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let outcome = try await Expvault.run(
            "record",
            "--db",
            db,
            "--interval",
            "100ms",
            "--timeout",
            "60s",
            "--count",
            "5",
            "api=\(server.url())"
        )
        await server.stop()
        #expect(outcome.status == 0, "\(outcome.error)")
        #expect(
            outcome.error.components(of: "n.a cannot be read: NaN is no value of JSON") == 1,
            "\(outcome.error)"
        )
        #expect(try await json("values", "n.b", "--db", db).first?["count"]?.integer == 5)
    }

    // MARK: Rings without Unix time

    @Test(
        "where PauseEnd is the time since boot nothing is of 1970, and the collections count where they were seen"
    )
    func oldGo() async throws {
        func body(_ collections: Int) -> String {
            var pauses = [Int](repeating: 0, count: 256)
            var ends = pauses
            for n in 1...collections { (pauses[n - 1], ends[n - 1]) = (1000 * n, 60_000_000_000 * n) }
            return "{\n\"cmdline\": [\"old\"],\n\"memstats\": {\"TotalAlloc\":\(collections),"
                + "\"PauseTotalNs\":\(pauses.reduce(0, +)),\"PauseNs\":\(pauses),\"PauseEnd\":\(ends),\"NumGC\":\(collections)}\n}\n"
        }
        let (directory, db) = try await imported([body(37), body(39), body(39), body(42)])
        let whole = try #require(try await json("pauses", "--db", db).first)
        #expect(whole["count"]?.integer == 42 && whole["unknown_ends"]?.integer == 42)
        let late = try #require(
            try await json(
                "pauses",
                "--db",
                db,
                "--since",
                String(Self.start + 1000),
                "--until",
                String(Self.start + 3000)
            ).first
        )
        #expect(late["count"]?.integer == 2 && late["unknown_ends"]?.integer == 2)
        let steps = try #require(try await json("pauses", "--db", db, "--step", "1s").first)
        #expect(steps["points"]?.elements?.map { $0["count"]?.integer } == [37, 2, 0, 3])
        let target = try #require(try await json("targets", "--db", db).first)
        #expect(target["runs"]?.elements?.first?["started"] == JSONValue.null)
        let rows = try await json("sql", "select end_ns from gc_pauses where end_ns is not null", "--db", db)
        #expect(rows.isEmpty)
        for command in [
            ["targets"], ["series"], ["pauses", "--step", "1s"], ["sql", "select *, t from gc_pauses"],
        ] {
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                command + ["--db", db, "--format", "json"]
            )
            #expect(outcome.status == 0 && !outcome.text.contains("1970-"), "\(command)")
        }
        _ = directory
    }

    @Test("a ring of another length, and memstats that lack fields, are answered without collections")
    func otherRings() async throws {
        let body =
            "{\n\"memstats\": {\"NumGC\":5,\"PauseNs\":[1,2,3,4,5,0,0,0],\"PauseEnd\":[1,2,3,4,5,0,0,0],\"Alloc\":77}\n}\n"
        let (directory, db) = try await imported([body, body])
        #expect(try await json("pauses", "--db", db).first?["count"]?.integer == 0)
        #expect(try await json("pauses", "--db", db, "--step", "1s").first?["points"]?.elements?.count == 2)
        #expect(try await json("values", "memstats.Alloc", "--db", db).first?["last"]?.integer == 77)
        let pauses = try await json("pauses", "--db", db, "--since", "1h").first
        #expect(pauses?["unknown_ends"]?.integer == 0)
        _ = directory
    }

    // MARK: Documents without memstats

    @Test("a document without memstats is exported once, and not as a heap without a field")
    func noMemstats() async throws {
        let body =
            "{\n\"runtime\": {\"name\": \"runtime\", \"values\": {\"Alloc\": 6187664, \"NumGC\": 5}}\n}\n"
        let (directory, db) = try await imported([body, body, body])
        let documents = try JSONText.lines(
            try await Expvault.output("export", "file", "--db", db, "--out", "-")
        )
        #expect(documents.count == 3)
        #expect(documents.allSatisfy { $0[path: ["golang", "expvar"]] != nil })
        let target = try #require(try await json("targets", "--db", db).first)
        #expect(target["runs"]?.elements?.count == 1)
        _ = directory
    }

    // MARK: Names

    @Test("a counter that comes after thousands of names is answered at once")
    func lateCounter() async throws {
        // 21 arrays that grow by one each time, and a counter that comes with the 60th scrape.
        let bodies = (0..<90).map { k in
            let array = "[" + (0...min(k, 179)).map { "\($0).5" }.joined(separator: ",") + "]"
            let rates = (0..<21).map { "\"plan\($0)\": \(array)" }.joined(separator: ",\n  ")
            let counts = k < 60 ? "" : "\"orders.Select\": \((k - 59) * 7)"
            return "{\n\"QPS\": {\n  \(rates)\n},\n\"QueryCounts\": {\(counts)}\n}\n"
        }
        let (directory, db) = try await imported(bodies)
        let rate = try await json("rate", "QueryCounts.orders\\.Select", "--db", db)
        #expect(rate.first?["increase"]?.integer == 210)
        #expect(try await json("series", "QueryCounts.*", "--db", db).count == 1)
        // What no list has is found in the bodies, and said to be.
        let name = "QPS.plan20.88"
        let outcome = try await Expvault.run("values", name, "--db", db, "--format", "json")
        #expect(try JSONText.array(outcome.text).first?["count"]?.integer == 2, "\(outcome.error)")
        if outcome.error.contains("note") {
            #expect(
                outcome.error.contains("no list of series has \(name); found in 2 stored bodies"),
                "\(outcome.error)"
            )
        }
        let rows = try await json(
            "sql",
            "select count(*) as n from samples where series = '\(name)'",
            "--db",
            db
        )
        #expect(rows.first?["n"]?.integer == 2)
        let unknown = try await Expvault.run("rate", "QPS.plan99.1", "--db", db)
        #expect(unknown.status == 66)
        _ = directory
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
