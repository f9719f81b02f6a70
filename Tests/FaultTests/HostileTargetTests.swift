import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The built binary beside targets that mean no good.
@Suite(.serialized) struct HostileTargetTests {
    /// A hostile answer, and what `targets` must say of it; several where the machine's speed decides.
    private static let hostile: [(name: String, answer: ExpvarAnswer, reasons: [String])] = [
        ("endless", .endlessBody, ["the body is larger than 16MiB", "timed out after 500ms"]),
        ("drip", .drip(milliseconds: 1000), ["timed out after 500ms"]),
        ("silence", .silence, ["timed out after 500ms"]),
        ("flood", .headerFlood, ["the headers are larger than 16KiB"]),
        ("drop", .drop, ["the server closed the connection before the answer was complete"]),
        (
            "gzip",
            .answer(status: 200, headers: [("Content-Encoding", "gzip")], body: [0x1f, 0x8b, 8, 0]),
            ["the answer is encoded as gzip, which was not asked for"]
        ),
        ("cut", .cut("{\"a\": 1"), ["the server closed the connection before the answer was complete"]),
        (
            "html", .answer(status: 200, headers: [], body: Array("<html>no</html>".utf8)),
            ["the body is HTML"]
        ),
        ("deep", .body(String(repeating: "{\"a\":", count: 200_000)), ["levels"]),
        (
            "redirect",
            .status(302, headers: [("Location", "http://user:pw@127.0.0.1:1/\u{202e}x")]),
            ["redirect"]
        ),
    ]

    @Test("beside ten hostile targets a good one loses no tick, memory stays, and each failure is named")
    func beside() async throws {
        let alone = try await record(scrapes: 6, hostile: [])
        let beside = try await record(scrapes: Torture.isSlow ? 40 : 12, hostile: Self.hostile)

        // Every tick of the good one in the time that it really took, of which one may lie at either end.
        let ticks = Int(beside.took / .milliseconds(500))
        #expect((ticks - 1...ticks + 2).contains(beside.good), "\(beside.good) scrapes in \(beside.took)")
        #expect(
            beside.memoryKiB - alone.memoryKiB <= 32 << 10,
            "\(alone.memoryKiB) KiB alone, \(beside.memoryKiB) KiB beside the hostile ones"
        )
        for each in Self.hostile {
            let reason = beside.reasons[each.name] ?? "nothing"
            #expect(each.reasons.contains { reason.contains($0) }, "\(each.name): \(reason)")
        }
        #expect(!beside.everythingSaid.contains("\u{202e}"), "no bidi mark of a target's is shown")
        #expect(!beside.everythingSaid.contains("user:pw"))
    }

    @Test(
        "a hundred thousand variables and new names in each scrape are kept whole, and as series up to the limit"
    )
    func manyNames() async throws {
        let server = try await ExpvarServer.start { request in
            let names = request.path == "/many" ? 100_000 : 2_000
            let offset = request.path == "/many" ? 0 : request.number * names
            return .body("{" + (0..<names).map { "\"v\(offset + $0)\":\($0)" }.joined(separator: ",") + "}")
        }
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let outcome = try await Expvault.run(
            "record",
            "--db",
            db,
            "--interval",
            "1500ms",
            "--count",
            "3",
            "many=\(server.url("/many"))",
            "new=\(server.url("/new"))"
        )
        await server.stop()
        #expect(outcome.status == 0, "\(outcome.error)")
        let lines = try JSONText.lines(try await Expvault.output("series", "--db", db, "--format", "json"))
        let names = lines.flatMap { $0.elements ?? [] }
        #expect(names.filter { $0["target"]?.string == "many" }.count <= 10_002)
        #expect(names.filter { $0["target"]?.string == "new" }.count <= 2_000 + 1_000 + 2)
        let shown = try await Expvault.output("show", "--db", db, "--target", "many")
        #expect(shown.hasSuffix("\"v99999\":99999}"))
        #expect(try await Expvault.run("check", "--db", db).status == 0)
    }

    /// What a recording came to.
    private struct Recorded {
        var good = 0
        var took = Duration.zero
        var memoryKiB = 0
        var reasons: [String: String] = [:]
        var everythingSaid = ""
    }

    private func record(
        scrapes: Int,
        hostile: [(name: String, answer: ExpvarAnswer, reasons: [String])]
    ) async throws -> Recorded {
        let answers = Dictionary(uniqueKeysWithValues: hostile.map { ("/\($0.name)", $0.answer) })
        let good = try await ExpvarServer.start { request in .body("{\"n\": \(request.number)}") }
        let bad = try await ExpvarServer.start { request in answers[request.path] ?? .drop }
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        let targets = ["good=\(good.url())"] + hostile.map { "\($0.name)=\(bad.url("/\($0.name)"))" }
        let recorder = try Expvault.start(["record", "--db", db, "--interval", "500ms"] + targets)
        #expect(await Waiting.until { !good.requests.isEmpty })
        let first = ContinuousClock.now
        #expect(await Waiting.until { good.requests.count >= scrapes })
        var recorded = Recorded()
        recorded.took = ContinuousClock.now - first
        recorded.memoryKiB = peakMemoryKiB(of: recorder.pid)
        recorder.signal(SIGTERM)
        let outcome = try await recorder.wait()
        await good.stop()
        await bad.stop()
        #expect(outcome.status == 0, "\(outcome.error)")
        let text = try await Expvault.output("targets", "--db", db, "--format", "json")
        for target in try JSONText.array(text) {
            guard let name = target["target"]?.string else { continue }
            if name == "good" { recorded.good = Int(target["scrapes"]?.integer ?? 0) }
            recorded.reasons[name] = target["last_failure"]?["reason"]?.string
        }
        recorded.everythingSaid = outcome.error + text + (try await Expvault.output("targets", "--db", db))
        return recorded
    }

    /// The most that a process had in memory so far (VmHWM of proc(5)).
    private func peakMemoryKiB(of process: Int32) -> Int {
        let status = TemporaryDirectory.contents(of: "/proc/\(process)/status") ?? []
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("VmHWM:")
        }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
            ?? 0
    }
}
