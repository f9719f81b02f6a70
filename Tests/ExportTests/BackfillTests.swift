import Export
import Model
import Storage
import TestBasics
import Testing

@Suite("Raw lines into a database and back")
struct BackfillTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func importing(
        _ name: String,
        into database: String,
        urls: [String: String] = [:],
        failure: ExportFileError? = nil
    ) async throws -> (BackfillSummary, [BackfillFinding]) {
        let writer = try await VaultWriter.open(path: directory.file(database), create: true)
        var findings: [BackfillFinding] = []
        var summary = BackfillSummary()
        do {
            summary = try await Backfill(writer: writer, urls: urls).run(
                path: directory.file(name),
                report: { findings.append($0) }
            ) { progress in
                summary = progress.summary
                #expect(progress.bytesRead <= progress.bytesTotal ?? 0)
            }
            #expect(failure == nil)
        } catch let error as ExportFileError {
            #expect(error == failure)
        }
        try await writer.close()
        return (summary, findings)
    }

    private func exported(_ database: String, failures: Bool) throws -> [UInt8] {
        let vault = try Vault.openReader(path: directory.file(database))
        var sink = RawSink(
            vault: vault,
            recorder: nil,
            output: try OutputFile.create(directory.file("out"), replaces: true),
            failures: failures
        )
        for target in try vault.snapshot().targets() { try sink.export(target) }
        let summary = try sink.finish()
        let bytes = directory.read("out")
        #expect(summary.bytes == bytes.count)
        return bytes
    }

    private func write(_ lines: [String], to name: String) throws {
        try directory.write(Array(lines.map { $0 + "\n" }.joined().utf8), to: name)
    }

    /// Two targets, one of them with two epochs; failed scrapes, bodies that are no UTF-8, and everything known.
    private let lines = [
        #"{"ts":1700000000000,"target":"a","body":"{\n\"n\": 1\n}\n"}"#,
        #"{"ts":1700000010000,"target":"a","body":"{\n\"n\": 1e+06,\n\"é\": \"\\u00e9\"\n}\n","url":"http://h:1/debug/vars","duration_ms":1.25,"status":200}"#,
        #"{"ts":1700000020000,"target":"a","error":"connection refused","url":"http://h:1/debug/vars"}"#,
        #"{"ts":1700000030000,"target":"a","body":"<html>","error":"no document","url":"http://h:1/debug/vars","status":502}"#,
        #"{"ts":1700000040000,"target":"a","body_base64":"ewoieCI6IP8KfQo=","url":"http://h:1/debug/vars","labels":{"dc":"é","rack":"7"}}"#,
        #"{"ts":1700000050000,"target":"b","body":"{\n\"n\": 1\n}\n","epoch":0}"#,
        #"{"ts":1700000060000,"target":"b","body":"{\n\"n\": 2\n}\n","epoch":0}"#,
        #"{"ts":1700000050000,"target":"b","body":"{\n\"n\": 3\n}\n","epoch":1}"#,
    ]

    @Test(
        "what is exported raw is what was imported, byte for byte, and importing that again changes nothing"
    )
    func roundTrip() async throws {
        try write(lines, to: "in")
        let (summary, findings) = try await importing("in", into: "one")
        #expect(summary.stored == 8 && summary.lines == 8 && !summary.hasLoss)
        #expect(findings.isEmpty)
        let once = try exported("one", failures: true)
        #expect(text(once) == lines.map { $0 + "\n" }.joined())
        #expect(
            try text(exported("one", failures: false))
                == lines.filter { !$0.contains("\"error\"") }.map { $0 + "\n" }.joined()
        )

        try directory.write(once, to: "again")
        let (again, _) = try await importing("again", into: "two")
        #expect(again.stored == 8)
        #expect(try exported("two", failures: true) == once)
        let (skipped, _) = try await importing("again", into: "one")
        #expect(skipped.skipped == 8 && skipped.stored == 0 && !skipped.hasLoss)
        #expect(try exported("one", failures: true) == once)
    }

    @Test("bad lines are reported by number and skipped, good ones kept, conflicts keep the first")
    func bad() async throws {
        try write(
            [
                lines[0], "", "no line", lines[1], #"{"ts":1700000070000,"target":"a","body":"<html>"}"#,
                "   ",
                #"{"ts":1700000000000,"target":"a","body":"{\n\"n\": 2\n}\n"}"#,
                #"{"ts":1700000070000,"target":"="}"#, lines[0],
            ],
            to: "in"
        )
        let (summary, findings) = try await importing("in", into: "db")
        #expect(
            summary.lines == 7 && summary.stored == 2 && summary.storedAsFailure == 1 && summary.skipped == 1
        )
        #expect(summary.conflicts == 1 && summary.bad == 2 && summary.hasLoss)
        #expect(findings.map(\.line) == [3, 5, 7, 8])
        #expect(findings.first?.kind == .bad(reason: "no JSON at byte 0"))
        #expect(findings[2].kind == .conflict(target: "a"))
        #expect(
            findings[3].description == directory.file("in")
                + #":8: "target": must be 1 to 128 bytes without = and control characters"#
        )
        #expect(text(try exported("db", failures: false)) == lines[0] + "\n" + lines[1] + "\n")
    }

    @Test(
        "a compressed file is read by its ending, and what comes before damage is stored",
        arguments: ["in.gz", "in.zst"]
    )
    func compressed(name: String) async throws {
        // Bodies that do not compress to nothing, so that half of the file holds many of them.
        var state: UInt64 = 1
        let many = (0..<5000).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return
                #"{"ts":\#(1_700_000_000_000 + index * 1000),"target":"a","body":"{\n\"n\": \#(state)\n}\n"}"#
        }
        let output = try OutputFile.create(directory.file(name))
        for line in many { try output.write(Array(line.utf8), newline: true) }
        try output.finish()
        let (summary, _) = try await importing(name, into: "whole")
        #expect(summary.stored == 5000)
        #expect(text(try exported("whole", failures: false)) == many.map { $0 + "\n" }.joined())

        let bytes = directory.read(name)
        try directory.write(Array(bytes[..<(bytes.count / 2)]), to: "cut." + name)
        let (cut, findings) = try await importing(
            "cut." + name,
            into: "part",
            failure: .damaged(
                path: directory.file("cut." + name),
                detail: "the compressed data ends too early"
            )
        )
        #expect((1000..<5000).contains(cut.stored))
        #expect(cut.bad <= 1 && findings.count == Int(cut.bad))
        let part = try exported("part", failures: false)
        #expect(text(part) == many.prefix(Int(cut.stored)).map { $0 + "\n" }.joined())
    }

    @Test("--url supplies what lines lack")
    func urls() async throws {
        try write([lines[0]], to: "in")
        _ = try await importing("in", into: "db", urls: ["a": "http://h:6060/debug/vars"])
        #expect(text(try exported("db", failures: false)).contains(#""url":"http://h:6060/debug/vars""#))
    }

    @Test(
        "export file writes heap then expvar of each scrape, a document a line, successful scrapes only; no heap without memstats"
    )
    func fileSink() async throws {
        // All of them have memstats then, but for the one in Base64.
        let memstats = #"{\n\"memstats\": {\"NumGC\": 0},\n\"n\""#
        try write(lines.map { $0.replacing(#"{\n\"n\""#, with: memstats) }, to: "in")
        _ = try await importing("in", into: "db")
        let vault = try Vault.openReader(path: directory.file("db"))
        var sink = FileSink(
            vault: vault,
            context: testContext,
            output: try OutputFile.create(directory.file("out"), replaces: true)
        )
        for target in try vault.snapshot().targets() { try sink.export(target) }
        let summary = try sink.finish()
        #expect(summary.scrapes == 6 && summary.lines == 11)
        let documents = text(directory.read("out")).split(separator: "\n")
        let areHeap = documents.map { $0.contains(#""dataset":"golang.heap""#) }
        #expect(areHeap.count { $0 } == 5)
        #expect(zip(areHeap, areHeap.dropFirst()).allSatisfy { !($0 && $1) } && areHeap.last == false)
        for (document, isHeap) in zip(documents, areHeap) where !isHeap {
            #expect(document.contains(#""dataset":"golang.expvar""#))
        }
    }
}
