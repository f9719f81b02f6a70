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

    /// Targets with many variables of their own, of which number 250 changes most.
    private static func wide(
        _ directory: TemporaryDirectory,
        targets: [String],
        variables: Int
    ) async throws -> Vault {
        let path = directory.file("wide.db")
        let writer = try await VaultWriter.open(path: path, create: true)
        for target in targets {
            // A day apart: no more than 1000 names become series on one.
            let scrapes = (0..<6).map { index in
                let own = (0..<variables).map { number in
                    "\"a.variable.with.a.long.name.\(number)\": \(number == 250 ? index * 1000 : number + index)"
                }
                let text = """
                    {"cmdline": ["wide"], "memstats": {"HeapInuse": \(index + 5), "NumGC": \(index), "PauseNs": []},
                    \(own.joined(separator: ",\n"))}
                    """
                return ImportedScrape(
                    target: target,
                    epoch: 0,
                    origin: Origin(url: "http://localhost/\(target)"),
                    scrape: Scrape(
                        time: Timestamp(milliseconds: RecordedVault.start + Int64(index) * 86_400_000),
                        outcome: .document(Array(text.utf8))
                    )
                )
            }
            _ = try await writer.insert(scrapes)
        }
        try await writer.close()
        return try Vault.openReader(path: path)
    }

    /// The sentences about what was left out, as they stand in the page.
    private static func cuts(_ page: String) -> [String] {
        page.split(separator: "<p class=\"note cut\">").dropFirst().map { String($0.prefix { $0 != "<" }) }
    }

    @Test(
        "of thousands of variables those that changed most fit, the rest is left out, and the report says so"
    )
    func bounded() async throws {
        let directory = try TemporaryDirectory()
        let vault = try await Self.wide(directory, targets: ["wide"], variables: 3000)
        let whole = try ReportPage.make(from: vault, range: .all, targets: [], made: Self.made)
        #expect(whole.count < ReportLimits.answerBytesMax + ReportLimits.numbersBytesMax)
        // What of it is charted is as much as fits, whatever the bound.
        for bound in [30_000, 1 << 20] {
            let bytes = try ReportPage.make(
                from: vault,
                range: .all,
                targets: [],
                made: Self.made,
                limits: (answers: bound, numbers: ReportLimits.numbersBytesMax)
            )
            let page = String(decoding: bytes, as: UTF8.self)
            let answers = try Self.block("answers", of: page)
            let mark = "id=\"answers\">"
            let start = try #require(page.firstRange(of: mark)).upperBound
            let size = page[start...].utf8.prefix { $0 != UInt8(ascii: "<") }.count
            #expect(size <= bound)
            let names = try #require(answers["of"]?.elements?.first?["names"]?["names"]?.elements)
                .compactMap { $0["series"]?.string }
            #expect(names.contains("memstats.HeapInuse"))
            let own = names.filter { $0.hasPrefix("a\\.variable") }
            #expect(own.contains { $0.hasSuffix("name\\.250") }, "\(names.prefix(5))")
            #expect(bound == 30_000 ? 1..<100 ~= own.count : own.count == ReportLimits.variablesMax)
            #expect(answers["isCut"]?.boolean == true)
            let cuts = Self.cuts(page)
            #expect(cuts.contains { $0.contains("wide (\(own.count) of 3000)") }, "\(cuts)")
            #expect(
                cuts.contains { $0.contains("series are in the tables") && $0.contains("(1000 of ") },
                "\(cuts)"
            )
            #expect(cuts.last?.contains("expvault capture") == true)
        }
    }

    @Test("a target whose charts or numbers do not fit is left out whole, named, and the others are there")
    func targetsLeftOut() async throws {
        let directory = try TemporaryDirectory()
        let vault = try await Self.wide(directory, targets: ["one", "two", "<b>three"], variables: 300)
        let bytes = try ReportPage.make(
            from: vault,
            range: .all,
            targets: [],
            made: Self.made,
            limits: (answers: 6000, numbers: 300_000)
        )
        let page = String(decoding: bytes, as: UTF8.self)
        let cuts = Self.cuts(page)
        #expect(cuts.contains { $0.hasPrefix("No charts") }, "\(cuts)")
        #expect(cuts.contains { $0.hasPrefix("No numbers") }, "\(cuts)")
        let answers = try Self.block("answers", of: page)
        let charted = answers["of"]?.elements?.compactMap { $0["target"]?.string }
        let listed = answers["overview"]?["targets"]?.elements?.compactMap { $0["target"]?.string }
        // The page draws what it lists.
        #expect(charted == listed)
        let figures = try Self.block("figures", of: page)
        let counted = figures["targets"]?.elements?.count
        #expect(counted == 1 || counted == 2, "\(String(describing: counted))")
        #expect(figures["left_out"]?.elements?.compactMap(\.string).count == cuts.count)
        #expect(!page.contains("<b>three"))
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
