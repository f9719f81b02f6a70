import JSON
import TestBasics
import TestSupport
import Testing

/// What comes from targets never drives the terminal that it is shown on.
@Suite struct TerminalTextTests {
    /// A name and a text with what a terminal obeys: an escape sequence, a control of Latin-1, a mark of bidi.
    private static let hostile = "a\u{1B}[2J\u{9B}1m\u{202E}z"

    private func database(_ directory: TemporaryDirectory) async throws -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("ts")
        json.integer(1_767_323_040_000)
        json.key("target")
        json.string("api")
        json.key("body")
        // As a target would send it that escapes nothing: JSON but for the control characters in its strings.
        json.string(
            "{\"\(Self.hostile.replacing("\u{1B}", with: "\\u001b"))\": 1, \"note\": \"\u{202E}\u{9B}1m\"}\n"
        )
        json.endObject()
        let file = try directory.write(json.bytes + [10], to: "lines.ndjson")
        let db = directory.file("a.db")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    /// The first scalar of `bytes` that a terminal would obey, other than ends of lines, tabs and our own styles.
    private func obeyed(_ bytes: [UInt8]) -> Unicode.Scalar? {
        var text = String(decoding: bytes, as: UTF8.self)
        for style in ["\u{1B}[1m", "\u{1B}[0m", "\u{1B}[22m", "\u{1B}[2m", "\u{1B}[K"] {
            text = text.replacing(style, with: "")
        }
        return text.unicodeScalars.first { scalar in
            switch scalar.value {
            case 9, 10, 13: false
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
            default: false
            }
        }
    }

    private static let commands: [[String]] = [
        ["targets"], ["series"], ["series", "--format", "csv"], ["series", "--format", "json"],
        ["values", "*"], ["values", "*", "--format", "csv"],
        ["values", "*", "--step", "1d", "--format", "csv"],
        ["rate", "*", "--format", "csv"], ["pauses", "--format", "csv"],
        ["show", "--target", "api"], ["show", "--target", "\u{1B}[2Jz"],
        ["sql", "SELECT * FROM samples"], ["sql", "SELECT body, 1 FROM scrapes", "--format", "csv"],
        ["sql", "SELECT body FROM scrapes", "--format", "json"], ["sql", "SELECT '\u{202E}' FROM \u{1B}[2J"],
        ["export", "raw", "--out", "-"], ["export", "file", "--out", "-"],
        ["export", "file", "--out", "-", "--preserve-original-event"], ["rate", "no\u{9B}such"], ["check"],
        ["targets", "--target", "\u{202E}x"], ["import", "\u{1B}[2J.ndjson"],
    ]

    @Test("no command lets a target drive the terminal", arguments: commands)
    func shown(command: [String]) async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let terminal = try PseudoTerminal(Expvault.binary, command + ["--db", db], columns: 100, rows: 40)
        #expect(try await terminal.end() != nil)
        #expect(!terminal.written.isEmpty)
        #expect(
            obeyed(terminal.written) == nil,
            "\(String(decoding: terminal.written, as: UTF8.self).debugDescription)"
        )
    }

    @Test("a pipe gets the bytes, and so does a terminal where that is asked for")
    func raw() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let piped = try await ChildProcess.run(Expvault.binary, ["show", "--target", "api", "--db", db])
        #expect(piped.text.contains("\u{202E}"))
        let csv = try await Expvault.output("series", "--db", db, "--format", "csv")
        #expect(csv.contains(Self.hostile))
        for command in [["show", "--target", "api"], ["series", "--format", "csv"]] {
            let terminal = try PseudoTerminal(
                Expvault.binary,
                command + ["--raw", "--db", db],
                columns: 100,
                rows: 40
            )
            #expect(try await terminal.end() == 0)
            #expect(obeyed(terminal.written) != nil)
        }
    }

    @Test("JSON escapes what turns the direction of writing, and reads back as the same name")
    func json() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let text = try await Expvault.output("series", "--db", db, "--format", "json")
        #expect(!text.unicodeScalars.contains("\u{202E}"))
        #expect(text.contains("\\u202e"))
        let names = try JSONText.array(text).compactMap { $0["series"]?.string }
        #expect(names.contains(Self.hostile))
    }
}
