import JSON
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The built binary where more than one process answers under a target's name.
@Suite struct TakingTurnsTests {
    /// A Go process as its /debug/vars shows it.
    private struct Process {
        var collections = 0
        var pauses = [Int](repeating: 0, count: 256)
        var ends = [Int](repeating: 0, count: 256)
        var total = 0
        var allocated = 0

        mutating func collect(_ count: Int, until end: Int, pause: Int) {
            for index in 0..<count {
                collections += 1
                let slot = (collections + 255) % 256
                pauses[slot] = pause + collections
                ends[slot] = end - (count - 1 - index) * 1_000_000
                total += pauses[slot]
            }
            allocated += 1000 * count
        }

        /// What it serves, its request counter as far as its allocations.
        var body: String {
            let fields = [
                "\"TotalAlloc\":\(allocated)", "\"Mallocs\":\(allocated / 10)", "\"Frees\":\(allocated / 20)",
                "\"PauseTotalNs\":\(total)", "\"PauseNs\":\(pauses)", "\"PauseEnd\":\(ends)",
                "\"NumGC\":\(collections)",
            ]
            return "{\n\"cmdline\": [\"api\"],\n\"memstats\": {\(fields.joined(separator: ","))},\n"
                + "\"requests\": \(allocated)\n}\n"
        }
    }

    private static let start = 1_700_000_000_000

    private func line(_ t: Int, _ body: String, url: String) -> String {
        var json = JSONWriter()
        json.beginObject()
        json.key("ts")
        json.integer(t)
        for (key, value) in [("target", "api"), ("url", url), ("body", body)] {
            json.key(key)
            json.string(value)
        }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    private func imported(_ lines: [String]) async throws -> (directory: TemporaryDirectory, db: String) {
        let directory = try TemporaryDirectory()
        let file = directory.file("lines.ndjson")
        try TemporaryDirectory.write(lines.joined(), to: file)
        let db = directory.file("a.db")
        let outcome = try await Expvault.run("import", "--db", db, file)
        try #require(outcome.status == 0, "\(outcome.error)")
        return (directory, db)
    }

    @Test(
        "collections of two processes that take turns are counted once, and every answer says what is doubtful"
    )
    func turns() async throws {
        // One collects more often between its turns than its ring holds, the other hardly ever.
        var fast = Process()
        var slow = Process()
        slow.collect(180, until: (Self.start - 600_000) * 1_000_000, pause: 5_000_000)
        var shown: Set<[Int]> = []
        var lines: [String] = []
        for index in 0..<30 {
            let t = Self.start + index * 10_000
            fast.collect(200, until: t * 1_000_000, pause: 1000)
            if index % 6 == 5 { slow.collect(1, until: (t - 7) * 1_000_000, pause: 5_000_000) }
            let process = index % 2 == 0 ? fast : slow
            shown.formUnion(zip(process.ends, process.pauses).map { [$0, $1] }.filter { $0[0] > 0 })
            lines.append(line(t, process.body, url: "http://api/debug/vars"))
        }
        let (directory, db) = try await imported(lines)
        let outcome = try await Expvault.run("pauses", "--db", db, "--format", "json")
        #expect(outcome.status == 0)
        let pauses = try #require(try JSONText.array(outcome.text).first)
        #expect(pauses["count"]?.integer == Int64(shown.count))
        #expect(
            outcome.error.contains("api: several processes take turns behind this URL"),
            "\(outcome.error)"
        )
        let rate = try await Expvault.run("rate", "requests", "--db", db)
        #expect(rate.error.contains("nothing proves which of them answered"), "\(rate.error)")
        let target = try #require(
            try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json")).first
        )
        #expect(target["alternating"]?.boolean == true)
        #expect(target["unproven"]?.integer ?? 0 > 0)
        let documents = try JSONText.lines(
            try await Expvault.output("export", "file", "--db", db, "--out", "-")
        )
        let counts = documents.compactMap { $0[path: ["golang", "heap", "gc", "pause", "count"]]?.integer }
        let missed = documents.compactMap { $0[path: ["golang", "heap", "gc", "pause", "missed"]]?.integer }
        // Without the first scrape's, and what its neighbour's ring held from before the recording.
        #expect(counts.reduce(0, +) - missed.reduce(0, +) <= Int64(shown.count))
        let report = directory.file("report.html")
        _ = try await Expvault.output("report", "--db", db, "--out", report)
        let html = String(decoding: TemporaryDirectory.contents(of: report) ?? [], as: UTF8.self)
        #expect(html.contains("several processes take turns behind this URL"))
    }

    /// 20 processes that lived before the recording began, asked in turn.
    @Test("twenty replicas in turn keep a run each, and what they count is added up")
    func replicas() async throws {
        var replicas = (0..<20).map { index in
            var replica = Process()
            let end = (Self.start - 600_000) * 1_000_000 + index * 1_000_003
            replica.collect(20 + 7 * index, until: end, pause: 1000 * index)
            return replica
        }
        var lines: [String] = []
        for index in 0..<200 {
            let t = Self.start + index * 1000
            replicas[index % 20].collect(1, until: t * 1_000_000, pause: 1000 * (index % 20))
            lines.append(line(t, replicas[index % 20].body, url: "http://api/debug/vars"))
        }
        let (directory, db) = try await imported(lines)
        let target = try #require(
            try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json")).first
        )
        #expect(target["runs"]?.elements?.count == 20)
        #expect(target["alternating"]?.boolean == true && target["unproven"]?.integer == 0)
        #expect(target["runs_forgotten"]?.integer == 0)
        let rate = try #require(
            try JSONText.array(try await Expvault.output("rate", "requests", "--db", db, "--format", "json"))
                .first
        )
        // Each allocates 1000 more from turn to turn, nine times; what it had before it was met does not count.
        #expect(rate["increase"]?.integer == 180_000 && rate["resets"]?.integer == 0)
        let pauses = try #require(
            try JSONText.array(try await Expvault.output("pauses", "--db", db, "--format", "json")).first
        )
        #expect(pauses["count"]?.integer == 1930 && pauses["missed"]?.integer == 0)
        _ = directory
    }

    @Test("where a target's URL is another, nothing of what that process did before counts")
    func moved() async throws {
        var first = Process()
        var second = Process()
        second.collect(5000, until: (Self.start - 600_000) * 1_000_000, pause: 2000)
        var lines: [String] = []
        for index in 0..<4 {
            let t = Self.start + index * 10_000
            if index < 2 {
                first.collect(2, until: t * 1_000_000, pause: 1000)
            } else {
                second.collect(3, until: t * 1_000_000, pause: 2000)
            }
            let url = index < 2 ? "http://one:80/debug/vars" : "http://two/debug/vars?a=b"
            lines.append(line(t, index < 2 ? first.body : second.body, url: url))
        }
        let (directory, db) = try await imported(lines)
        let rates = try JSONText.array(
            try await Expvault.output("rate", "requests", "memstats.NumGC", "--db", db, "--format", "json")
        )
        #expect(rates.map { $0["increase"]?.integer } == [5, 5000])
        #expect(rates.allSatisfy { $0["resets"]?.integer == 0 && $0["covered_s"]?.double == 20 })
        let pauses = try JSONText.array(try await Expvault.output("pauses", "--db", db, "--format", "json"))
        #expect(pauses.first?["missed"]?.integer == 0)
        let target = try #require(
            try JSONText.array(try await Expvault.output("targets", "--db", db, "--format", "json")).first
        )
        #expect(target["alternating"]?.boolean == false)
        let runs = try #require(target["runs"]?.elements)
        #expect(runs.map { $0["url"]?.string ?? "" }.map { $0.prefix(11) } == ["http://one:", "http://two/"])
        let words = try await Expvault.output("targets", "--db", db)
        #expect(words.contains("came from http://one:80/debug/vars"), "\(words)")

        // Documents follow the same rule: what was collected between the two is not the second one's alone.
        let documents = try JSONText.lines(
            try await Expvault.output("export", "file", "--db", db, "--out", "-")
        )
        let counts = documents.compactMap { $0[path: ["golang", "heap", "gc", "pause", "count"]]?.integer }
        #expect(counts == [2, 3, 3])
        #expect(documents.allSatisfy { $0[path: ["golang", "heap", "gc", "pause", "missed"]] == nil })
        // A capture answers as the whole does.
        let capture = directory.file("capture.db")
        _ = try await Expvault.output("capture", "--db", db, "--out", capture)
        let captured = try await Expvault.output("rate", "requests", "--db", capture, "--format", "json")
        #expect(try JSONText.array(captured).first?["increase"]?.integer == 5000)
    }

    @Test("a recorder that finds a target at another URL says so")
    func told() async throws {
        let servers = [
            try await ExpvarServer.start { .body("{\"n\": \($0.number)}") },
            try await ExpvarServer.start { .body("{\"n\": \(1_000_000 + $0.number)}") },
        ]
        let directory = try TemporaryDirectory()
        let db = directory.file("a.db")
        var log = ""
        // Once at a time: the timeout of a scrape is then long, however busy the machine is.
        for server in [servers[0], servers[0], servers[1], servers[1]] {
            let outcome = try await Expvault.run(
                "record",
                "--db",
                db,
                "--interval",
                "60s",
                "--timeout",
                "60s",
                "--count",
                "1",
                "api=\(server.url())"
            )
            #expect(outcome.status == 0, "\(outcome.error)")
            log += outcome.error
        }
        for server in servers { await server.stop() }
        #expect(log.contains("target api came from \(servers[0].url()) before"), "\(log)")
        let rates = try JSONText.array(try await Expvault.output("rate", "n", "--db", db, "--format", "json"))
        #expect(rates.first?["increase"]?.integer == 2)
    }
}
