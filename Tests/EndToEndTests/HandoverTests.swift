import JSON
import TestBasics
import TestSupport
import Testing

/// `export openmetrics` and `export sqlite`, against the programs that read them.
@Suite struct HandoverTests {
    private static func body(_ n: Int, of target: String) -> String {
        let pauses = (0..<256).map { $0 < n ? String(7_000 * ($0 + 1)) : "0" }.joined(separator: ",")
        let ends = (0..<256).map { $0 < n ? String(1_767_323_040_000_000_000 + $0 * 9_000_000_000) : "0" }
        let total = (0..<n).reduce(0) { $0 + 7_000 * ($1 + 1) }
        return """
            {
            "cmdline": ["\(target)"],
            "hit_ratio": \(n == 0 ? "0" : "0.\(n)3"),
            "label \\"q\\"": {"a.b": \(n * 3)},
            "memstats": {"HeapAlloc":\(1_000 + n * 17 % 5),"TotalAlloc":\(n * 10),"NumGC":\(n),"GCCPUFraction":\(n)e-05,\
            "NextGC":18446744073709551615,"PauseTotalNs":\(total),"PauseNs":[\(pauses)],"PauseEnd":[\(ends.joined(separator: ","))]},
            "requests_total": \(n * n)
            }

            """
    }

    private func database(_ directory: TemporaryDirectory) async throws -> String {
        let lines = ["api", "web \"1\""].map { target in
            CommandLineTests.lines((0..<40).map { Self.body($0, of: target) }, target: target)
        }
        let file = try directory.write(lines.joined().utf8, to: "lines.ndjson")
        let db = directory.file("v.db")
        _ = try await Expvault.output("import", "--db", db, file)
        return db
    }

    /// Every sample that the recording has, as `TARGET SERIES T VALUE`, the value as the nearest double.
    private func samples(_ db: String) async throws -> [String] {
        let statement = "SELECT target, series, t, value FROM samples"
        let rows = try await Expvault.output("sql", statement, "--db", db, "--format", "json")
        return try JSONText.array(rows).map { row in
            let value = row["value"]?.double ?? .nan
            return
                "\(row["target"]?.string ?? "") \(row["series"]?.string ?? "") \(row["t"]?.integer ?? 0) \(value)"
        }.sorted()
    }

    /// A line such as `name{a="b",…} 1 1767323045.678`: labels, value, milliseconds.
    private func parsed(
        _ line: Substring,
        timeInMilliseconds: Bool = false
    )
        -> (name: String, labels: [String: String], value: Double, time: Int64)?
    {
        guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}") else { return nil }
        var labels: [String: String] = [:]
        var rest = line[line.index(after: open)..<close]
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].drop { $0 == "," || $0 == " " }
            rest = rest[rest.index(equals, offsetBy: 2)...]
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                value.append(character == "\\" ? rest.popFirst() ?? " " : character)
            }
            labels[String(name)] = value
        }
        let numbers = line[line.index(after: close)...].split(separator: " ")
        guard numbers.count == 2, let value = Double(numbers[0]) else { return nil }
        let digits = numbers[1].filter { $0 != "." }
        return (String(line[..<open]), labels, value, Int64(digits) ?? 0)
    }

    @Test(
        "every sample stands in the text once, families together, each series ascending in time, and # EOF ends it"
    )
    func openMetrics() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let file = directory.file("recording.om")
        let outcome = try await Expvault.run("export", "openmetrics", "--out", file, "--db", db)
        #expect(outcome.status == 0, "\(outcome.error)")
        let text = String(decoding: directory.read("recording.om"), as: UTF8.self)
        #expect(text.hasSuffix("\n# EOF\n"))
        for head in [
            "# TYPE memstats_TotalAlloc_bytes counter\n# UNIT memstats_TotalAlloc_bytes bytes\n",
            "# TYPE memstats_HeapAlloc_bytes gauge\n", "# TYPE requests counter\nrequests_total{",
            "# TYPE go_gc_pause_seconds histogram\n", "# TYPE up gauge\n",
        ] { #expect(text.contains(head), "\(head)") }
        var found: [String] = []
        var families: [String] = []
        var last: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# TYPE ") { families.append(String(line.split(separator: " ")[2])) }
            guard !line.hasPrefix("#"), let sample = parsed(line) else { continue }
            #expect(sample.name.hasPrefix(families.last ?? "?"))
            guard let series = sample.labels["series"], let target = sample.labels["target"] else { continue }
            let key = "\(target) \(series)"
            #expect(last[key].map { $0 < sample.time } ?? true)
            last[key] = sample.time
            found.append("\(key) \(sample.time) \(sample.value)")
        }
        #expect(Set(families).count == families.count)
        #expect(try await found.sorted() == samples(db))
        // Whole or not there, and nothing is written over.
        let again = try await Expvault.run("export", "openmetrics", "--out", file, "--db", db)
        #expect(again.status == 73)
        let narrow = try await Expvault.output(
            "export",
            "openmetrics",
            "--out",
            "-",
            "--db",
            db,
            "--series",
            "memstats.HeapAlloc",
            "--target",
            "api"
        )
        #expect(narrow.split(separator: "\n").count { !$0.hasPrefix("#") } == 40)
    }

    @Test("count and sum of the pause histogram are those of pauses")
    func histogram() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let text = try await Expvault.output("export", "openmetrics", "--out", "-", "--db", db)
        let pauses = try JSONText.array(try await Expvault.output("pauses", "--db", db, "--format", "json"))
        for answer in pauses {
            let own = text.split(separator: "\n").compactMap { parsed($0) }.filter {
                $0.name.hasPrefix("go_gc_pause_seconds") && $0.labels["target"] == answer["target"]?.string
            }
            let count = own.last { $0.name.hasSuffix("_count") }
            let sum = own.last { $0.name.hasSuffix("_sum") }
            let last = own.last { $0.labels["le"] == "+Inf" }
            let few = own.last { $0.labels["le"] == "5e-05" }
            #expect(count?.value == answer["count"]?.double)
            #expect(last?.value == count?.value)
            #expect(sum?.value == (answer["total_ns"]?.double ?? 0) / 1e9)
            // 7, 14, … 49 µs.
            #expect(few?.value == 7)
        }
        #expect(pauses.count == 2)
    }

    private static let tool = "prometheus/usr/bin/promtool"
    private static let hasPromtool = (try? Programs.tool(tool)) != nil

    @Test(
        "Prometheus's own tool makes blocks of it, and every sample in them equals ours",
        .enabled(if: hasPromtool, "scripts/fetch-test-servers prometheus brings promtool")
    )
    func promtool() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let file = directory.file("recording.om")
        _ = try await Expvault.output("export", "openmetrics", "--out", file, "--db", db)
        let tool = try Programs.tool(Self.tool)
        let data = directory.file("data")
        let made = try await ChildProcess.run(
            tool,
            ["tsdb", "create-blocks-from", "openmetrics", file, data]
        )
        #expect(made.status == 0, "\(made.error)")
        // The dump wants a log, be it empty.
        _ = try await ChildProcess.run("/bin/mkdir", ["-p", data + "/wal"])
        let dump = try await ChildProcess.run(tool, ["tsdb", "dump", data])
        #expect(dump.status == 0, "\(dump.error)")
        let found = dump.text.split(separator: "\n").compactMap { line -> String? in
            guard let sample = parsed(line, timeInMilliseconds: true), let series = sample.labels["series"],
                let target = sample.labels["target"]
            else { return nil }
            return "\(target) \(series) \(sample.time) \(sample.value)"
        }
        #expect(try await found.sorted() == samples(db))
    }

    private static let hasPython = ["/usr/bin/python3", "/usr/local/bin/python3"].first { hasProgram($0) }

    private static func hasProgram(_ path: String) -> Bool {
        TemporaryDirectory.contents(of: path) != nil
    }

    @Test(
        "the plain database is whole, and Python's sqlite3 finds every sample, rates and percentiles in it as we do",
        .enabled(if: hasPython != nil, "needs python3")
    )
    func plainDatabase() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        let out = directory.file("plain.sqlite")
        let written = try await Expvault.run("export", "sqlite", "--out", out, "--db", db)
        #expect(written.status == 0, "\(written.error)")
        let script = """
            import json, sqlite3, sys
            d = sqlite3.connect(sys.argv[1])
            assert d.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            one = lambda sql: d.execute(sql).fetchone()
            print(json.dumps({
                "samples": [list(r) for r in d.execute("SELECT target, series, t, value FROM samples_named")],
                "pauses": {r[0]: r[1:] for r in d.execute(
                    "SELECT target, count(*), sum(pause_ns) FROM gc_pauses GROUP BY target")},
                "exact": one("SELECT value_text FROM samples JOIN series USING (series_id) "
                             "WHERE series = 'memstats.NextGC' LIMIT 1")[0],
                "increase": one(\"\"\"
                    WITH s AS (
                        SELECT series_id, t, value, run FROM samples JOIN series USING (series_id)
                        JOIN scrapes USING (target, t) WHERE series = 'memstats.TotalAlloc' AND target = 'api'),
                    pairs AS (
                        SELECT value - lag(value) OVER w AS increase FROM s
                        WINDOW w AS (PARTITION BY series_id, run ORDER BY t))
                    SELECT sum(increase) FROM pairs\"\"\")[0],
                "p99": one(\"\"\"
                    WITH ranked AS (
                        SELECT pause_ns, row_number() OVER (ORDER BY pause_ns) AS rank, count(*) OVER () AS n
                        FROM gc_pauses WHERE target = 'api')
                    SELECT min(pause_ns) FROM ranked WHERE rank >= 0.99 * n\"\"\")[0],
                "runs": one("SELECT count(*) FROM runs")[0], "targets": one("SELECT count(*) FROM targets")[0],
            }))
            """
        let outcome = try await ChildProcess.run(Self.hasPython ?? "", ["-c", script, out])
        #expect(outcome.status == 0, "\(outcome.error)")
        let answer = try JSONText.lines(outcome.text).first
        let found = (answer?["samples"]?.elements ?? []).map { row in
            let row = row.elements ?? []
            return
                "\(row[0].string ?? "") \(row[1].string ?? "") \(row[2].integer ?? 0) \(row[3].double ?? .nan)"
        }
        #expect(try await found.sorted() == samples(db))
        #expect(answer?["exact"]?.string == "18446744073709551615")
        let pauses = try JSONText.array(try await Expvault.output("pauses", "--db", db, "--format", "json"))
        for one in pauses {
            let theirs = answer?["pauses"]?[one["target"]?.string ?? ""]?.elements
            #expect(theirs?.first?.integer == one["count"]?.integer)
            #expect(theirs?.last?.integer == one["total_ns"]?.integer)
        }
        #expect(answer?["p99"]?.integer == pauses.first?[path: ["percentiles", "99"]]?.integer)
        let rate = try JSONText.array(
            try await Expvault.output(
                "rate",
                "memstats.TotalAlloc",
                "--target",
                "api",
                "--db",
                db,
                "--format",
                "json"
            )
        )
        #expect(answer?["increase"]?.double == rate.first?["increase"]?.double)
        #expect(answer?["targets"]?.integer == 2)
    }

    @Test("nothing half is left behind, and the database that is read is never written over")
    func wholeOrNot() async throws {
        let directory = try TemporaryDirectory()
        let db = try await database(directory)
        for (command, out) in [
            ("sqlite", directory.file("none/x")), ("openmetrics", directory.file("none/x")),
        ] {
            let outcome = try await Expvault.run("export", command, "--out", out, "--db", db)
            #expect(outcome.status == 73, "\(outcome.error)")
        }
        for command in ["sqlite", "openmetrics"] {
            let outcome = try await Expvault.run("export", command, "--out", db, "--force", "--db", db)
            #expect(outcome.status == 73, "\(outcome.error)")
            let unknown = try await Expvault.run(
                "export",
                command,
                "--out",
                directory.file("x"),
                "--series",
                "no.such",
                "--db",
                db
            )
            #expect(unknown.status == 66, "\(unknown.error)")
        }
        #expect(
            !TemporaryDirectory.names(in: directory.path).contains { $0.contains("partial") || $0 == "x" }
        )
    }
}
