import JSON
import TestBasics
import TestSupport
import Testing

/// The contract of the command line, on recordings made by hand.
@Suite struct CommandLineTests {
    /// A body with a counter, a gauge and a ring with `collections` collections.
    static func body(requests: Int, collections: Int = 0) -> String {
        let pauses = (0..<256).map { $0 < collections ? String(1000 * ($0 + 1)) : "0" }.joined(separator: ",")
        let ends = (0..<256).map { $0 < collections ? String(1_767_323_045_000_000_000 + $0) : "0" }
            .joined(separator: ",")
        let total = (0..<collections).reduce(0) { $0 + 1000 * ($1 + 1) }
        return """
            {
            "cmdline": ["api"],
            "memstats": {"HeapAlloc":\(1000 + requests),"TotalAlloc":\(requests * 10),"NumGC":\(collections),\
            "PauseTotalNs":\(total),"PauseNs":[\(pauses)],"PauseEnd":[\(ends)]},
            "requests": \(requests)
            }

            """
    }

    /// Raw lines of one target: a scrape every 10 s from 2026-01-02T03:04:00Z on.
    static func lines(_ bodies: [String], target: String = "api") -> String {
        bodies.enumerated().map { index, body in
            var json = JSONWriter()
            json.beginObject()
            json.key("ts")
            json.integer(1_767_323_040_000 + index * 10_000)
            json.key("target")
            json.string(target)
            json.key("body")
            json.string(body)
            json.endObject()
            return String(decoding: json.bytes, as: UTF8.self) + "\n"
        }.joined()
    }

    private func database(_ directory: TemporaryDirectory, _ bodies: [String]) async throws -> String {
        let file = try directory.write(Self.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("hand.db")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    @Test("rate prints the members of the contract, exact and in order")
    func rateFormats() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(
            directory,
            [Self.body(requests: 5), Self.body(requests: 25), Self.body(requests: 35)]
        )
        let json = try await Expvault.output("rate", "requests", "--db", db, "--format", "json")
        #expect(
            json == """
                [{"target":"api","series":"requests","unit":null,"from":"2026-01-02T03:04:00.000Z",\
                "to":"2026-01-02T03:04:20.000Z","increase":30,"rate":1.5,"resets":0,"covered_s":20}]

                """
        )
        let csv = try await Expvault.output(
            "rate",
            "requests",
            "--step",
            "10s",
            "--db",
            db,
            "--format",
            "csv"
        )
        #expect(
            csv == """
                target,series,unit,t,increase,rate,covered_s
                api,requests,,2026-01-02T03:04:00.000Z,20,2,10
                api,requests,,2026-01-02T03:04:10.000Z,10,1,10
                api,requests,,2026-01-02T03:04:20.000Z,,,0

                """
        )
    }

    @Test("values and pauses print the members of the contract")
    func otherFormats() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(
            directory,
            [Self.body(requests: 5, collections: 1), Self.body(requests: 25, collections: 4)]
        )
        #expect(
            try await Expvault.output("values", "memstats.HeapAlloc", "--db", db, "--format", "json") == """
                [{"target":"api","series":"memstats.HeapAlloc","unit":"B","count":2,"min":1005,"max":1025,\
                "mean":1015,"first":1005,"last":1025}]

                """
        )
        #expect(
            try await Expvault.output("pauses", "--percentile", "50,99.9", "--db", db, "--format", "json")
                == """
                [{"target":"api","count":4,"missed":0,"unknown_ends":0,"total_ns":10000,"missed_ns":0,\
                "min_ns":1000,"max_ns":4000,"mean_ns":2500,"percentiles":{"50":2000,"99.9":4000}}]

                """
        )
    }

    /// Arguments that are wrong, and the status that says how.
    static let wrongUses: [([String], Int32)] = [
        (["rate", "memstats.HeapAlloc"], 64),
        (["rate", "nothing.like.it"], 66),
        (["rate"], 64),
        (["frobnicate"], 64),
        (["values", "requests", "--since", "some day"], 64),
        (["values", "requests", "--since", "2000-01-01", "--step", "1ms"], 64),
        (["pauses", "--percentile", "101"], 64),
        (["show", "--target", "nobody"], 66),
        (["export", "file", "--out", "/nonexistent/directory/x"], 73),
        (["import", "/nonexistent/file"], 66),
    ]

    @Test("wrong use is one line on standard error and the right status", arguments: wrongUses)
    func wrongUse(_ arguments: [String], status: Int32) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory, [Self.body(requests: 1), Self.body(requests: 2)])
        let outcome = try await ChildProcess.run(Expvault.binary, arguments, environment: ["EXPVAULT_DB": db])
        #expect(outcome.status == status, "\(arguments): \(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
        #expect(outcome.output.isEmpty)
    }

    @Test("a missing, a foreign and a damaged database each have their status")
    func databases() async throws {
        let directory = try TemporaryDirectory()
        #expect(try await Expvault.run("targets", "--db", directory.file("none.db")).status == 66)
        let text = try directory.write(
            "this is not a database, it is a text of some length\n".utf8,
            to: "text.db"
        )
        #expect(try await Expvault.run("targets", "--db", text).status == 65)
        #expect(
            try await Expvault.run("record", "--count", "1", "--db", text, "a=http://127.0.0.1:1").status
                == 65
        )
        #expect(TemporaryDirectory.contents(of: text).map { $0.count } == 52, "left untouched")
    }

    @Test("a bad line is reported with its number, and the good ones are kept")
    func badLines() async throws {
        let directory = try TemporaryDirectory()
        let good = Self.lines([Self.body(requests: 1), Self.body(requests: 2)])
        let file = try directory.write(("{nonsense\n" + good + "{\"ts\":1}\n").utf8, to: "lines.ndjson")
        let db = directory.file("bad.db")
        let outcome = try await Expvault.run("import", "--db", db, file)
        #expect(outcome.status == 65)
        #expect(outcome.error.contains("lines.ndjson:1:"))
        #expect(outcome.error.contains("lines.ndjson:4:"))
        let targets = try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json"))
        #expect(targets.first?["scrapes"]?.integer == 2)
    }

    @Test("names that a target made up reach neither terminal nor spreadsheet as they are")
    func hostileNames() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            Self.lines([#"{"\u001b[2Jx": 1, "=cmd()": 2, "\u202eevil": 3}"#]).utf8,
            to: "lines.ndjson"
        )
        let db = directory.file("names.db")
        _ = try await Expvault.output("import", "--db", db, file)
        let table = try await Expvault.output("series", "--db", db)
        #expect(!table.contains("\u{1b}") && !table.contains("\u{202e}"))
        let csv = try await Expvault.output("series", "--db", db, "--format", "csv")
        #expect(csv.contains("'=cmd()"))
    }

    @Test("every command explains itself with examples")
    func help() async throws {
        for command in [
            "record", "targets", "series", "rate", "values", "pauses", "show", "import", "check", "compact",
        ] {
            let outcome = try await Expvault.run(command, "--help")
            #expect(outcome.status == 0)
            #expect(outcome.text.contains("EXAMPLES"), "\(command)")
            #expect(outcome.error.isEmpty)
        }
    }
}
