import JSON
import Model
import Query
import Storage
import TestBasics
import TestSupport
import Testing

@testable import Dashboard

/// The report in one file.
@Suite struct ReportTests {
    private static let made = Timestamp(milliseconds: RecordedVault.end)

    private static func page(_ vault: RecordedVault, _ range: TimeRange = .all) throws -> String {
        let page = try ReportPage.make(
            from: Vault.openReader(path: vault.path),
            range: range,
            targets: [],
            made: made
        )
        return String(decoding: page, as: UTF8.self)
    }

    /// The JSON in the element of that id.
    private static func block(_ id: String, of page: String) throws -> JSONValue {
        let mark = "<script type=\"application/json\" id=\"\(id)\">"
        let start = try #require(page.firstRange(of: mark)).upperBound
        let end = try #require(page[start...].firstRange(of: "</script>")).lowerBound
        return try JSONReader.value(of: Array(page[start..<end].utf8))
    }

    @Test("its figures are Query's, and no text of a target is markup")
    func figures() async throws {
        let vault = try await RecordedVault()
        let page = try Self.page(vault)
        let figures = try Self.block("figures", of: page)
        let range = TimeRange(
            since: Timestamp(milliseconds: RecordedVault.start),
            until: Timestamp(milliseconds: RecordedVault.end - RecordedVault.interval + 1)
        )
        let engine = QueryEngine(try Vault.openReader(path: vault.path).snapshot())
        let rate = try #require(try engine.rate(["memstats.TotalAlloc"], range: range).first)
        let told = figures["rate"]?.elements?.first { $0["series"]?.string == "memstats.TotalAlloc" }
        #expect(told?["increase"]?.integer.map(Number.integer) == rate.increase)
        #expect(told?["resets"]?.integer == 1)
        let pauses = try #require(figures["pauses"]?.elements?.first)
        #expect(pauses["max_ns"]?.integer == 25_000_000)
        #expect(figures["targets"]?.elements?.first?["failures"]?.integer == 3)
        // Tables of the same, for who has no script.
        #expect(page.contains("<td class=\"n\">\(rate.increase.exactText)</td>"))
        #expect(page.contains("connection &lt;b&gt;refused&lt;/b&gt;"))
        for name in RecordedVault.hostileNames where name.contains("<") {
            #expect(!page.contains(name), "\(name)")
        }
        // Two blocks and the script; nothing of a target's ended or began one.
        #expect(page.split(separator: "</script>").count == 4)
        #expect(!page.contains("<!--"))
    }

    @Test("it compares the same ranges as the page, before and after the last restart first")
    func comparisons() async throws {
        let page = try Self.page(try await RecordedVault())
        let changes = try #require(
            try Self.block("answers", of: page)["of"]?.elements?.first?["changes"]?.elements
        )
        let restart = RecordedVault.start + Int64(RecordedVault.count / 2) * RecordedVault.interval
        #expect(changes.first?["until"]?.integer.map { Int64($0) } == restart)
        #expect(changes.count == 2)
        #expect(changes.first?["changes"]?.elements?.isEmpty == false)
    }

    @Test("nothing recorded, and an empty range, are said so")
    func empty() async throws {
        let vault = try await RecordedVault()
        let moment = Timestamp(milliseconds: RecordedVault.start)
        #expect(throws: ReportError.noRange) {
            try Self.page(vault, TimeRange(since: moment, until: moment))
        }
        let none = try await RecordedVault(targets: [])
        #expect(throws: ReportError.nothingRecorded) { try Self.page(none) }
    }

    @Test(
        "opened as a file it draws every panel with the same numbers, without an error or a request",
        .enabled(if: Chromium.isInstalled, "chromium is not installed (apt install chromium)")
    )
    func opened() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("report.html")
        _ = try directory.write(
            Self.page(try await RecordedVault(targets: ["api", "web"])).utf8,
            to: "report.html"
        )
        let values = try await Chromium.values(
            "file://\(path)",
            "until:document.querySelectorAll('#panels svg.chart').length >= 22 && document.querySelector('#ranked table') !== null",
            "eval:document.querySelector('#panels').innerText",
            "eval:document.querySelectorAll('img, iframe, object, [onerror], [onload], [autofocus]').length",
            "eval:document.querySelectorAll('#names button').length",
            "eval:getComputedStyle(document.getElementById('typed')).display",
            "drag:300,560,400,560",
            "until:location.hash.includes('since=')",
            "eval:document.querySelectorAll('#panels svg.chart').length",
            "eval:document.title"
        )
        try #require(values.count == 6)
        let text = try #require(values[0].string)
        #expect(text.contains("longest 25 ms"))
        #expect(text.contains("357 scrapes, 3 failed, every 10s"))
        #expect(values[1].integer == 0)
        #expect((values[2].integer ?? 0) > RecordedVault.hostileNames.count)
        #expect(values[3].string == "none")
        #expect((values[4].integer ?? 0) >= 22)
        #expect(values[5].string == "api, web – expvault")
    }
}
