import JSON
import Model
import Query
import Storage
import TestSupport
import Testing

@testable import Dashboard

/// The numbers of the page are those of Query, which the commands print.
@Suite struct AnswerTests {
    private static let range = TimeRange(
        since: Timestamp(milliseconds: RecordedVault.start),
        until: Timestamp(milliseconds: RecordedVault.end)
    )
    private static let span = "target=api&since=\(RecordedVault.start)&until=\(RecordedVault.end)"

    @Test("a rate is Query's, step for step, also across the restart")
    func rates() async throws {
        let vault = try await RecordedVault()
        let engine = QueryEngine(try Vault.openReader(path: vault.path).snapshot())
        try await withServer(vault) { port in
            let path = "/api/rate?\(Self.span)&series=memstats.TotalAlloc&series=requests_total&points=61"
            let answer = try #require(try RawHTTP.get(port: port, path).json)
            let step = try #require(answer["step"]?.integer)
            #expect(step == 60_000)
            let expected = try engine.rate(
                ["memstats.TotalAlloc", "requests_total"],
                range: Self.range,
                step: StepGrid(stepMilliseconds: step)
            )
            let series = try #require(answer["series"]?.elements)
            #expect(series.count == 2)
            for (series, expected) in zip(series, expected) {
                #expect(series["series"]?.string == expected.series)
                #expect(series["rate"]?.double == expected.rate)
                #expect(series["resets"]?.integer == 1)
                #expect(series["rates"]?.elements?.map(\.double) == expected.points?.map(\.rate))
            }
        }
    }

    @Test("values are Query's, with the least and greatest of each step")
    func values() async throws {
        let vault = try await RecordedVault()
        let engine = QueryEngine(try Vault.openReader(path: vault.path).snapshot())
        try await withServer(vault) { port in
            for name in ["memstats.HeapAlloc", "up", "scrape.duration_seconds"]
                + RecordedVault.hostileSeries
            {
                let path = "/api/values?\(Self.span)&series=\(Self.encoded(name))&points=40"
                let response = try RawHTTP.get(port: port, path)
                #expect(response.status == 200, "\(name)")
                let answer = try #require(response.json)
                let step = try #require(answer["step"]?.integer)
                let expected = try #require(
                    try engine.values(
                        [QueryEngine.selector(exactly: name)],
                        range: Self.range,
                        step: StepGrid(stepMilliseconds: step)
                    ).first
                )
                let series = try #require(answer["series"]?.elements?.first)
                #expect(series["series"]?.string == name)
                #expect(series["mean"]?.double == expected.mean)
                #expect(series["means"]?.elements?.map(\.double) == expected.points?.map(\.mean))
                #expect(series["maxs"]?.elements?.map(\.double) == expected.points?.map { $0.max?.double })
                #expect(series["mins"]?.elements?.map(\.double) == expected.points?.map { $0.min?.double })
            }
        }
    }

    @Test("pauses are Query's, every one at its own time, and their buckets hold them all")
    func pauses() async throws {
        let vault = try await RecordedVault()
        let engine = QueryEngine(try Vault.openReader(path: vault.path).snapshot())
        try await withServer(vault) { port in
            let answer = try #require(try RawHTTP.get(port: port, "/api/pauses?\(Self.span)&points=50").json)
            let percentiles = try ["50", "90", "99", "100"].map { try DecimalPercentile($0) }
            let expected = try #require(
                try engine.pauses(range: Self.range, percentiles: percentiles).first?.summary
            )
            #expect(answer["summary"]?["count"]?.integer == Int64(expected.count))
            #expect(answer["summary"]?["p99"]?.double == expected.percentiles[2].map { Double($0) })
            #expect(answer["summary"]?["max"]?.integer == 25_000_000)
            #expect(answer["ends"]?.elements?.count == expected.count)
            #expect(answer["pauses"]?.elements?.contains { $0.integer == 25_000_000 } == true)
            let buckets = try #require(answer["buckets"]?.elements?.compactMap { $0.elements?.last?.integer })
            #expect(buckets.reduce(0, +) == Int64(expected.count))
        }
    }

    @Test("live bytes of a size class are its size times what was not freed")
    func sizes() async throws {
        try await withServer(RecordedVault()) { port in
            let answer = try #require(
                try RawHTTP.get(port: port, "/api/sizes?\(Self.span)&points=4000&least=10000").json
            )
            let classes = try #require(answer["classes"]?.elements)
            #expect(classes.compactMap { $0["size"]?.integer } == [8, 16, 32])
            // Scrape 20: 20 × 30 made, 20 × 20 freed.
            #expect(classes[1]["live"]?.elements?[20].double == 3200)
        }
    }

    @Test("targets, failures and what changed most are told")
    func rest() async throws {
        try await withServer(RecordedVault()) { port in
            let targets = try #require(try RawHTTP.get(port: port, "/api/targets").json)
            let target = try #require(targets["targets"]?.elements?.first)
            #expect(target["runs"]?.elements?.count == 2)
            #expect(target["failures"]?.integer == 3)
            #expect(targets["now"]?.integer == RecordedVault.end + 500)
            let scrapes = try #require(try RawHTTP.get(port: port, "/api/scrapes?\(Self.span)").json)
            #expect(scrapes["failures"]?.elements?.count == 3)
            #expect(scrapes["usual_ms"]?.integer == RecordedVault.interval)
            let middle = RecordedVault.start + 1_800_000
            let question =
                "target=api&since=\(RecordedVault.start)&until=\(middle)&since2=\(middle)&until2=\(RecordedVault.end)"
            let changes = try #require(try RawHTTP.get(port: port, "/api/changes?\(question)").json)
            let first = try #require(changes["changes"]?.elements?.first)
            // The one long pause is in the first half alone.
            #expect(first["series"]?.string == "max")
            #expect(first["measure"]?.string == "pause")
        }
    }

    @Test("hostile names come as JSON strings that read back as they were")
    func names() async throws {
        try await withServer(RecordedVault()) { port in
            let response = try RawHTTP.get(port: port, "/api/names?target=api")
            let names = response.json?["names"]?.elements?.compactMap { $0["series"]?.string } ?? []
            for name in RecordedVault.hostileSeries { #expect(names.contains(name), "\(name)") }
        }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}
