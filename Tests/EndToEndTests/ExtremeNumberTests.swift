import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The built binary given numbers from the ends of their types, wherever it takes one from outside.
///
/// Each must end with a status of the contract, and where that is an error with one line; a trap would be a signal.
@Suite struct ExtremeNumberTests {
    /// The statuses of docs/exit-status.md.
    private static let statuses: Set<Int32> = [0, 1, 64, 65, 66, 69, 73, 74, 75, 77, 78]

    static let extremeTimes = [
        "-9223372036854775808", "9223372036854775807", "18446744073709551616", "-62167219200000",
        "253402300800000",
        "9223372036854775807ms", "106751991167d", "9999-12-31T23:59:59-23:59", "1e308",
    ]
    private static let durations = [
        "9223372036854775807ms", "9223372036854775808d", "36600d", "1e308s", "-1ms",
    ]
    private static let sizes = ["9223372036854775807", "8388608TiB", "8192TiB", "-1", "1e308KiB"]
    private static let counts = [
        "-9223372036854775808", "9223372036854775807", "18446744073709551616", "nan",
    ]

    /// A database of two scrapes, and one at each end of the years that a line may have.
    private func database(_ directory: TemporaryDirectory) async throws -> String {
        let body = CommandLineTests.body(requests: 1, collections: 3)
        let first = #"{"ts":-62135596800000,"target":"late","body":"{\"n\":1}"}"#
        let last = #"{"ts":253402300799999,"target":"late","body":"{\"n\":18446744073709551615}"}"#
        let lines = CommandLineTests.lines([body, body]) + first + "\n" + last + "\n"
        let db = directory.file("extreme.db")
        _ = try await Expvault.output(
            "import",
            "--db",
            db,
            try directory.write(lines.utf8, to: "lines.ndjson")
        )
        return db
    }

    private func expectOrderly(_ arguments: [String], isLogging: Bool = false) async throws {
        let outcome = try await ChildProcess.run(Expvault.binary, arguments)
        #expect(Self.statuses.contains(outcome.status), "\(arguments): \(outcome.status) \(outcome.error)")
        guard outcome.status != 0, !isLogging || outcome.status == 64 || outcome.status == 78 else { return }
        #expect(outcome.error.split(separator: "\n").count == 1, "\(arguments): \(outcome.error)")
    }

    @Test("times from the ends of Int64 and of the calendar", arguments: ExtremeNumberTests.extremeTimes)
    func timeOptions(time: String) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        for command in [
            ["rate", "*"], ["values", "*"], ["pauses"], ["export", "raw", "--out", "-"],
            ["report", "--out", "-"], ["capture", "--out", directory.file("capture.db")],
            ["export", "elasticsearch", "--url", "http://127.0.0.1:1", "--dry-run"],
        ] {
            try await expectOrderly(command + ["--db", db, "--since=\(time)"])
            try await expectOrderly(command + ["--db", db, "--until=\(time)"])
        }
        try await expectOrderly(["show", "--db", db, "--target", "late", "--at=\(time)"])
    }

    @Test("ranges and steps as long as they can be")
    func steps() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let whole = ["--since=-62167219200000", "--until=253402300800000"]
        for command in [["rate", "n"], ["values", "n", "up"], ["pauses"]] {
            for step in Self.durations + ["1ms", "3650d"] {
                try await expectOrderly(command + whole + ["--db", db, "--step=\(step)"])
            }
        }
        for gap in Self.durations { try await expectOrderly(["rate", "n", "--db", db, "--gap=\(gap)"]) }
        for list in ["1e2", "18446744073709551616", "-1", "0.0000000000001", "100.000000000000", "nan", ","] {
            try await expectOrderly(["pauses", "--db", db, "--percentile=\(list)"])
        }
    }

    @Test("durations, sizes and counts of record and compact")
    func recording() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ExpvarServer.start { _ in
            // The latest moment that the header can name.
            .answer(
                status: 200,
                headers: [
                    ("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Retry-After", "99999999999999999999"),
                ],
                body: Array("{\"n\":18446744073709551615}".utf8)
            )
        }
        let db = directory.file("recorded.db")
        func record(_ option: String) async throws {
            let words = ["record", "--db", db, option, "a=\(server.url())"]
            try await expectOrderly(
                words + (option.hasPrefix("--count") ? ["--for", "10ms"] : ["--count", "1"]),
                isLogging: true
            )
        }
        for option in ["interval", "timeout", "for", "retain"] {
            for duration in Self.durations { try await record("--\(option)=\(duration)") }
        }
        for size in Self.sizes {
            try await record("--max-size=\(size)")
            try await expectOrderly(["compact", "--db", db, "--max-size=\(size)"], isLogging: true)
        }
        for duration in Self.durations {
            try await expectOrderly(["compact", "--db", db, "--retain=\(duration)"], isLogging: true)
            try await expectOrderly(["top", "--db", db, "--window=\(duration)"])
        }
        for count in Self.counts {
            try await record("--count=\(count)")
            try await expectOrderly(["serve", "--db", db, "--listen=127.0.0.1:x\(count)"])
        }
        await server.stop()
        #expect(try await Expvault.run("targets", "--db", db).status == 0)
        #expect(try await Expvault.run("check", "--db", db).status == 0)
    }

    @Test("a configuration file and an environment with such numbers are configuration errors")
    func configuration() async throws {
        let directory = try TemporaryDirectory()
        for (key, value) in [
            ("interval", "9223372036854775807ms"), ("timeout", "9223372036854775807ms"), ("retain", "1e308d"),
            ("retain", "106751991168d"), ("max_size", "9223372036854775807"),
            ("max_size", "-9223372036854775808"),
        ] {
            let text = "\(key): \(value)\ntargets: [{name: a, url: 'http://127.0.0.1:1'}]\n"
            let file = try directory.write(text.utf8, to: "expvault.yaml")
            let words = ["record", "--db", directory.file("none.db"), "--count", "1"]
            let byFile = try await ChildProcess.run(Expvault.binary, words + ["--config", file])
            #expect(byFile.status == 78, "\(text): \(byFile.error)")
            #expect(byFile.error.split(separator: "\n").count == 1)
            let byEnvironment = try await ChildProcess.run(
                Expvault.binary,
                words + ["a=http://127.0.0.1:1"],
                environment: ["EXPVAULT_\(key.uppercased())": value]
            )
            #expect(byEnvironment.status == 78, "\(text): \(byEnvironment.error)")
        }
    }

    @Test("an export waits, asks and sends by such numbers, or refuses them")
    func export() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let server = try await ElasticsearchServer.start()
        let options =
            Self.durations.flatMap { ["--max-wait=\($0)", "--request-timeout=\($0)"] }
            + Self.sizes.map { "--rate-limit=\($0)" } + Self.counts.map { "--gzip-level=\($0)" }
        for option in options {
            // Whole each time: what was sent by the one before is asked for anew.
            try await expectOrderly(
                ["export", "elasticsearch", "--url", server.url, "--db", db, "--target", "api", option],
                isLogging: true
            )
        }
        let longest = try await Expvault.run(
            "export",
            "elasticsearch",
            "--url",
            server.url,
            "--db",
            db,
            "--max-wait",
            "36600d",
            "--request-timeout",
            "36600d",
            "--target",
            "api"
        )
        #expect(longest.status == 0, "\(longest.text) \(longest.error)")
        try await server.stop()
    }

    /// What a raw line may not say, key for key.
    private static let badMembers = [
        #""ts":-9223372036854775808"#, #""ts":9223372036854775807"#, #""ts":18446744073709551615"#,
        #""ts":1e308"#,
        #""ts":253402300800000"#, #""ts":"0000-01-01T00:00:00+23:59""#,
        #""ts":0,"duration_ms":9223372036854775807"#,
        #""ts":0,"duration_ms":-1"#, #""ts":0,"duration_ms":1e308"#, #""ts":0,"status":-9223372036854775808"#,
        #""ts":0,"status":1e308"#, #""ts":0,"epoch":9223372036854775807"#, #""ts":0,"epoch":-1"#,
    ]

    @Test("raw lines with such numbers are named, each, and skipped")
    func rawLines() async throws {
        let directory = try TemporaryDirectory()
        let lines = Self.badMembers.map { "{\($0),\"target\":\"a\",\"body\":\"{}\"}\n" }.joined()
        let file = try directory.write(lines.utf8, to: "lines.ndjson")
        let outcome = try await Expvault.run("import", "--db", directory.file("lines.db"), file)
        #expect(outcome.status == 65)
        for number in 1...Self.badMembers.count {
            #expect(outcome.error.contains("lines.ndjson:\(number):"), "\(Self.badMembers[number - 1])")
        }
    }

    @Test("lines of the years 1 and 9999 are answered for by every command")
    func calendarEnds() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        for command in [
            ["targets"], ["series"], ["rate", "*"], ["values", "*"], ["pauses"],
            ["show", "--target", "late"],
            ["sql", "SELECT * FROM scrapes"], ["export", "file", "--out", "-"],
            ["export", "raw", "--out", "-"],
            ["report", "--out", "-"], ["report", "--target", "late", "--out", "-"],
            ["capture", "--out", directory.file("capture.db")],
        ] {
            let outcome = try await ChildProcess.run(Expvault.binary, command + ["--db", db])
            #expect(outcome.status == 0, "\(command): \(outcome.error)")
            #expect(!outcome.output.isEmpty || command[0] == "capture", "\(command)")
        }
    }

    @Test("no question to the page ends the recorder: it is answered, and recording goes on")
    func page() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ExpvarServer.start { request in .body("{\"n\":\(request.number)}") }
        let recorder = try Expvault.start([
            "record", "--db", directory.file("page.db"), "--interval", "50ms", "--log-level", "debug",
            "--serve",
            "127.0.0.1:0", "a=\(server.url())",
        ])
        #expect(await recorder.waitForError("serving "))
        #expect(await recorder.waitForError("stored target=a"))
        let port = try #require(Self.port(in: recorder.errorSoFar))
        let numbers = [
            "-9223372036854775808", "9223372036854775807", "-62167219200000", "253402300800000", "0",
            "18446744073709551616", "-1", "1e308", "nan",
        ]
        // Each as either end of a range, beside an ordinary one and beside another of these.
        let ranges = numbers.flatMap { [($0, "0"), ("0", $0)] } + zip(numbers, numbers.dropFirst())
        var page = try RawHTTP(port: port)
        func expectAnswer(
            _ question: String,
            _ statuses: [Int] = [200, 400],
            headers: String = ""
        ) async throws {
            let response = try? await page.ask(question, host: "127.0.0.1:\(port)", headers: headers)
            // None at all is right for what is not HTTP: the recorder is what matters.
            #expect(response.map { statuses.contains($0.status) } ?? !headers.isEmpty, "\(question)")
            if response?.values("connection") != ["keep-alive"] { page = try RawHTTP(port: port) }
        }
        for route in ["series", "rate", "values", "pauses", "sizes", "scrapes", "changes"] {
            let needs = route == "rate" || route == "values" ? "&series=n&series=up" : ""
            for (since, until) in ranges {
                let other = route == "changes" ? "&since2=\(until)&until2=\(since)" : ""
                try await expectAnswer("/api/\(route)?target=a\(needs)&since=\(since)&until=\(until)\(other)")
            }
        }
        for number in numbers {
            for name in ["points", "least"] {
                try await expectAnswer(
                    "/api/pauses?target=a&since=0&until=253402300800000&\(name)=\(number)"
                )
            }
            // A length that is no number, or none of a request without a body.
            try await expectAnswer("/api/targets", [200, 400, 413], headers: "Content-Length: \(number)\r\n")
        }
        let before = Self.stored(recorder.errorSoFar)
        let goesOn = await Waiting.until {
            Self.stored(recorder.errorSoFar) >= before + 3 || !recorder.isRunning
        }
        #expect(goesOn && recorder.isRunning, "recording goes on")
        recorder.signal(SIGTERM)
        #expect(try await recorder.wait().status == 0)
        await server.stop()
    }

    private static func port(in log: String) -> Int? {
        let line = log.split(separator: "\n").first { $0.contains(" on http://") }
        return line?.split(separator: ":").last.flatMap { Int($0) }
    }

    private static func stored(_ log: String) -> Int {
        log.split(separator: "\n").count { $0.contains("stored target=a") }
    }
}
