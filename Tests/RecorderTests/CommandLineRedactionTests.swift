import Model
import TestBasics
import TestSupport
import Testing

@testable import Recorder

@Suite struct CommandLineRedactionTests {
    private let redaction = CommandLineRedaction(key: [UInt8](repeating: 7, count: 32))

    private func redact(_ text: String) -> String {
        String(decoding: redaction.redact(Array(text.utf8)), as: UTF8.self)
    }

    @Test("the program stays, its arguments become one hash, and nothing else changes")
    func arguments() {
        let redacted = redact("{\n\"cmdline\": [\"/bin/api\",\"-p\",\"canary\"],\n\"x\": 1e+06\n}\n")
        #expect(redacted.hasPrefix("{\n\"cmdline\": [\"/bin/api\",\"redacted:"))
        #expect(redacted.hasSuffix("\"],\n\"x\": 1e+06\n}\n"))
        #expect(!redacted.contains("canary"))
        #expect(
            redacted.utf8.count == "{\n\"cmdline\": [\"/bin/api\",\"redacted:\"],\n\"x\": 1e+06\n}\n".utf8
                .count + 64
        )
    }

    @Test("equal arguments have equal hashes, others and other keys have others")
    func hashes() {
        let a = redact("{\"cmdline\": [\"p\",\"a\"]}")
        #expect(redact("{\"cmdline\": [\"p\",\"a\"]}") == a)
        #expect(redact("{\"cmdline\": [\"p\",\"b\"]}") != a)
        let other = CommandLineRedaction(key: [UInt8](repeating: 8, count: 32))
        #expect(other.redact(Array("{\"cmdline\": [\"p\",\"a\"]}".utf8)) != Array(a.utf8))
    }

    @Test(
        "a body without arguments stays as it is",
        arguments: [
            "", "{}", "{\"cmdline\": []}", "{\"cmdline\": [\"p\"]}", "{\"x\": \"\\\"cmdline\\\": [1,2]\"}",
            "\"cmdline\"",
            "{\"x\": [\"cmdline\",\"a\",\"b\"]}",
        ]
    )
    func untouched(text: String) {
        #expect(redact(text) == text)
    }

    @Test(
        "arguments are gone however the body is broken",
        arguments: [
            "{\"cmdline\": [\"p\",\"canary", "{\"cmdline\": [\"p\", \"\\\"canary\\\\\", \"canary\" ]}",
            "{\"cmdline\":[\"p\",[\"canary\"],{\"a\":\"canary\"}]}", "{\"cmdline\": \"p canary\"}",
            "{\"cmdline\": [\"p\",canary", "{\"cmdline\": [\"p\",canary canary]}",
            "{\"cmdline\": [\"p\",\"canary\"],\"cmdline\": [\"p\",\"canary\"]}",
            "{\"cmdline\" : [ \"p\" , \"canary\" ] }",
        ]
    )
    func broken(text: String) {
        #expect(!redact(text).contains("canary\""), "\(redact(text))")
        #expect(redact(text).contains("redacted:"))
    }

    @Test("every cut of a body is free of arguments")
    func cuts() {
        let whole = "{\"a\": 1,\n\"cmdline\": [\"/bin/api\",\"canary\",\"canary\"],\n\"x\": 1}"
        for length in 0...whole.utf8.count {
            #expect(!redact(String(whole.prefix(length))).contains("can"), "cut at \(length)")
        }
    }

    @Test("random bytes never trap")
    func random() {
        var generator = SeededGenerator(seed: 11)
        let pieces = ["\"cmdline\"", ":", "[", "]", "{", "}", ",", "\"", "\\", "a", " ", "1"]
        for _ in 0..<5000 {
            let text =
                "\"cmdline\":[" + (0..<8).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            _ = redact(text)
        }
    }

    @Test("the key is made once, private, and read again")
    func key() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let database = "\(directory)/vault.db"
        let key = try CommandLineRedaction.loadKey(besideDatabase: database)
        #expect(key.count == 32)
        #expect(try CommandLineRedaction.loadKey(besideDatabase: database) == key)
        #expect(try CommandLineRedaction.loadKey(besideDatabase: "\(directory)/other.db") != key)
        try TemporaryDirectory.write(String(repeating: "k", count: 32), to: database + "-key", mode: 0o644)
        #expect(throws: ConfigurationError.self) {
            try CommandLineRedaction.loadKey(besideDatabase: database)
        }
        try TemporaryDirectory.write("short", to: database + "-key")
        #expect(throws: ConfigurationError.self) {
            try CommandLineRedaction.loadKey(besideDatabase: database)
        }
    }
}
