import JSON
import TestBasics
import TestSupport
import Testing

/// What a person is told who asks for help, or types something that is not taken.
@Suite struct HelpTests {
    /// The words that call each command there is, the program itself among them.
    private func commands() async throws -> [[String]] {
        let text = try await Expvault.output("--experimental-dump-help")
        let dump = try JSONReader.value(of: Array(text.utf8))
        func walk(_ command: JSONValue, _ words: [String]) -> [[String]] {
            let below = command["subcommands"]?.elements ?? []
            return [words]
                + below.flatMap { command -> [[String]] in
                    let name = command["commandName"]?.string ?? ""
                    return name == "help" ? [] : walk(command, words + [name])
                }
        }
        return walk(try #require(dump["command"]), [])
    }

    @Test(
        "the help of every command fits the terminal, and its examples stay lines of their own",
        arguments: [80, 60]
    )
    func width(columns: Int) async throws {
        let commands = try await commands()
        #expect(commands.count > 15)
        for words in commands {
            let outcome = try await ChildProcess.run(
                Expvault.binary,
                words + ["--help"],
                environment: ["COLUMNS": String(columns)]
            )
            #expect(outcome.status == 0)
            let lines = outcome.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            for line in lines {
                #expect(line.count <= columns, "\(words): \(line)")
            }
            for heading in ["EXAMPLES", "EXIT STATUS", "TABLES", "FUNCTIONS"] {
                guard let start = lines.firstIndex(where: { $0.hasPrefix(heading) }) else { continue }
                for line in lines[(start + 1)...].prefix(while: { !$0.isEmpty }) {
                    #expect(line.hasPrefix("  "), "\(words): a line of \(heading) was broken: \(line)")
                }
            }
        }
    }

    @Test(
        "help of a topic fits 60 columns; another word after help is a command",
        arguments: ["times", "series", "exit-status"]
    )
    func topics(topic: String) async throws {
        let text = try await Expvault.output("help", topic)
        #expect(text.split(separator: "\n").count > 10)
        for line in text.split(separator: "\n") { #expect(line.count <= 60, "\(line)") }
        #expect(try await Expvault.output("help", "rate").contains("USAGE: expvault rate"))
    }

    @Test("every status that the documents list is in the help of exit statuses, with no other")
    func statuses() async throws {
        let text = try await Expvault.output("help", "exit-status")
        let told = text.split(separator: "\n").compactMap {
            Int($0.prefix(5).trimmingPrefix("  ").prefix { $0 != " " })
        }
        let page = try #require(TemporaryDirectory.contents(of: Repository.root + "/docs/exit-status.md"))
        let listed = String(decoding: page, as: UTF8.self).split(separator: "\n").compactMap { line -> Int? in
            guard line.hasPrefix("| ") else { return nil }
            return Int(line.dropFirst(2).prefix { $0 != " " })
        }
        #expect(told == listed)
    }

    @Test(
        "what is no time, duration or size is answered with what is one",
        arguments: [
            (["rate", "x", "--since", "foo"], "'2026-01-02 03:04'"),
            (["show", "--target", "a", "--at", "3pm"], "yesterday"),
            (["pauses", "--step", "abc"], "1h30m"), (["record", "--max-size", "5XB", "http://x"], "1GiB"),
            (["record", "--interval", "1", "http://x"], "90s"),
            (["capture", "--until", "--force", "--out", "x"], "15m"),
        ]
    )
    func acceptedForms(arguments: [String], form: String) async throws {
        let outcome = try await ChildProcess.run(Expvault.binary, arguments)
        #expect([64, 78].contains(outcome.status))
        #expect(outcome.error.contains(form), "\(outcome.error)")
        #expect(outcome.error.split(separator: "\n").count == 1)
    }

    @Test(
        "times as people type them narrow a question as the written-out time does",
        arguments: ["2026-01-02 03:04:10", "2026-01-02T03:04:10", "1767323050", "1767323050000"]
    )
    func times(text: String) async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<4).map { CommandLineTests.body(requests: $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("a.db")
        _ = try await Expvault.output("import", "--db", db, file)
        let arguments = ["values", "requests", "--db", db, "--format", "json", "--since"]
        let exact = try await ChildProcess.run(Expvault.binary, arguments + ["2026-01-02T03:04:10Z"])
        let typed = try await ChildProcess.run(Expvault.binary, arguments + [text])
        #expect(exact.text.contains("\"count\":3"))
        #expect(typed.text == exact.text)
        // A duration back, with its sign: that recording lies before.
        let recent = try await ChildProcess.run(Expvault.binary, arguments + ["-1h"])
        #expect(recent.status == 0)
        #expect(recent.text.contains("\"count\":0"))
    }

    @Test("a reader that goes away ends a command by SIGPIPE, without a word")
    func closedPipe() async throws {
        let directory = try TemporaryDirectory()
        let bodies = (0..<200).map { CommandLineTests.body(requests: $0) }
        let file = try directory.write(CommandLineTests.lines(bodies).utf8, to: "lines.ndjson")
        let db = directory.file("a.db")
        _ = try await Expvault.output("import", "--db", db, file)
        // More than a pipe holds, to somebody who reads nothing.
        for command in [
            "export raw --out -", "export file --out -", "sql 'SELECT body FROM scrapes' --format csv",
        ] {
            let line = "{ \(Expvault.binary) \(command) --db \(db); echo $? >&2; } | true"
            let outcome = try await ChildProcess.run("/bin/sh", ["-c", line])
            #expect(outcome.error == "141\n", "\(command)")
        }
    }
}
