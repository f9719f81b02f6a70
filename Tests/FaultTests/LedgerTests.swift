import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The ledger beside a database, which tells how far it was exported, with a bit flipped: what the built binary does.
@Suite("a damaged ledger", .timeLimit(.minutes(20)))
struct LedgerTests {
    private static func take(
        _ directory: TemporaryDirectory,
        _ numbers: ClosedRange<Int>
    ) async throws -> String {
        let lines = numbers.map { number in
            "{\"ts\": \(1_767_323_000_000 + number * 1000), \"target\": \"api\", \"body\": \"{\\\"requests\\\": \(number)}\\n\"}\n"
        }
        let db = directory.file("a.db")
        let file = try directory.write(lines.joined().utf8, to: "lines.ndjson")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    private static func ids(in server: ElasticsearchServer) -> [String] {
        server.with { state in
            ["logs-golang.heap-default", "logs-golang.expvar-default"].flatMap { stream in
                state.cluster.documents(of: stream).map { "\(stream)/\($0.id)" }
            }
        }
    }

    @Test(
        "nothing is left out, and nothing sent twice, whichever of its pages is hit; moved away, it is begun anew"
    )
    func pages() async throws {
        let directory = try TemporaryDirectory()
        let db = try await Self.take(directory, 1...100)
        let server = try await ElasticsearchServer.start()
        func export() async throws -> ChildProcess.Outcome {
            try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        }
        let first = try await export()
        try #require(first.status == 0, "\(first.error)")
        let sent = Self.ids(in: server)
        #expect(!sent.isEmpty && Set(sent).count == sent.count)
        // Some more that was not exported yet: a cursor that is too high would leave it out.
        _ = try await Self.take(directory, 101...150)
        let before = server.with { $0.cluster }
        let ledger = try #require(TemporaryDirectory.contents(of: db + "-export"))
        let seed = UInt64.random(in: 0...(.max))
        var generator = SeededGenerator(seed: seed)
        var refused = 0
        for page in 0..<(ledger.count / 4096) {
            var changed = ledger
            // In the cells, which stand at the end of a page.
            let offset = page * 4096 + 4095 - Int.random(in: 0..<48, using: &generator)
            changed[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            _ = try directory.write(changed, to: "a.db-export")
            let check = try await Expvault.run("check", "--db", db)
            let again = try await export()
            if again.status == 65 {
                refused += 1
                #expect(check.status == 65, "seed \(seed), byte \(offset): \(again.error)")
                #expect(again.error.contains("a.db-export is damaged"), "\(again.error)")
                #expect(Self.ids(in: server) == sent, "seed \(seed), byte \(offset)")
            } else {
                #expect(again.status == 0, "seed \(seed), byte \(offset): \(again.error)")
                let all = Self.ids(in: server)
                #expect(
                    Set(all).count == all.count && all.count == sent.count / 2 * 3,
                    "seed \(seed), byte \(offset)"
                )
                server.with { $0.cluster = before }
            }
        }
        #expect(refused > 0)
        unlink(db + "-export")
        let last = try await export()
        #expect(last.status == 0, "\(last.error)")
        let all = Self.ids(in: server)
        #expect(Set(all).count == all.count && all.count == sent.count / 2 * 3)
        #expect(Set(sent).isSubset(of: all))
        try await server.stop()
    }

    @Test("what is not exported yet outlives what is, though it is older, and is counted when it goes")
    func retention() async throws {
        let directory = try TemporaryDirectory()
        let server = try await ElasticsearchServer.start()
        var generator = SeededGenerator(seed: 11)
        // Bodies that take their room.
        func take(_ times: Range<Int>) async throws -> String {
            let lines = times.map { time in
                let text = (0..<60).map { _ in "\(UInt64.random(in: 0...(.max), using: &generator))" }
                    .joined()
                return "{\"ts\": \(1_767_323_000_000 + time * 1000), \"target\": \"api\", "
                    + "\"body\": \"{\\\"text\\\": \\\"\(text)\\\"}\\n\"}\n"
            }
            let db = directory.file("a.db")
            let file = try directory.write(lines.joined().utf8, to: "lines.ndjson")
            _ = try await Expvault.output("import", "--db", db, file)
            return db
        }
        let db = try await take(5000..<6500)
        let export = try await Expvault.run("export", "elasticsearch", "--url", server.url, "--db", db)
        try #require(export.status == 0, "\(export.error)")
        _ = try await take(1000..<2000)
        // The same for each of two limits: one that what was exported makes room for, and one that it does not.
        for (name, limit, isEnough) in [("b.db", "1200KiB", true), ("c.db", "400KiB", false)] {
            for suffix in ["", "-export"] {
                let bytes = try #require(TemporaryDirectory.contents(of: db + suffix))
                _ = try directory.write(bytes, to: name + suffix)
            }
            let path = directory.file(name)
            let compact = try await Expvault.run("compact", "--max-size", limit, "--db", path)
            #expect(compact.status == 0, "\(compact.error)")
            let left = try JSONText.lines(
                try await Expvault.output("export", "raw", "--db", path, "--out", "-")
            )
            .compactMap { $0["ts"]?.integer }.map { ($0 - 1_767_323_000_000) / 1000 }
            let lost = 1000 - left.count { $0 < 2000 }
            #expect(left.count < 2500 && left.contains(6499), "\(compact.error)")
            #expect(compact.error.contains("\(2500 - left.count) scrapes dropped"), "\(compact.error)")
            #expect(lost == 0 || !isEnough, "\(compact.error)")
            #expect(
                isEnough || compact.error.contains(" \(lost) of them not exported yet"),
                "\(compact.error)"
            )
            #expect(try await Expvault.run("check", "--db", path).status == 0)
        }
        try await server.stop()
    }
}
