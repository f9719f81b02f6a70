import JSON
import Query
import Storage
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The browser, where it is installed.
enum Chromium {
    static let isInstalled: Bool = {
        let paths: [String] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        return paths.contains { access($0, X_OK) == 0 }
    }()

    /// Once every panel and every chosen variable is drawn.
    static let isDrawn = """
        until:document.querySelectorAll('#panels svg.chart').length >= 11 \
        && document.querySelectorAll('#chosen .card').length >= 1
        """

    /// Opens an address, does the steps, and gives their values, once nothing went wrong on the page.
    static func values(_ address: String, _ steps: String...) async throws -> [JSONValue] {
        let outcome = try await ChildProcess.run(
            Programs.root + "/scripts/browser",
            [address] + steps,
            within: .seconds(90)
        )
        try #require(outcome.status == 0, "\(outcome.error)")
        let answer = try JSONReader.value(of: outcome.output)
        #expect(answer["console"]?.elements == [], "a message on the console")
        #expect(answer["exceptions"]?.elements == [], "an exception")
        let origin = String(address.prefix { $0 != "#" })
        for request in answer["requests"]?.elements ?? [] {
            let isOwn = request.string?.hasPrefix(origin) == true || request.string == "data:,"
            #expect(isOwn, "asked for \(request)")
        }
        return answer["values"]?.elements ?? []
    }

    static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

/// The page in a real browser.
@Suite(
    .enabled(if: Chromium.isInstalled, "chromium is not installed (apt install chromium)"),
    .serialized
)
struct ChromiumTests {
    @Test("every panel is drawn with Query's numbers, without an error or a request to anyone else")
    func panels() async throws {
        let vault = try await RecordedVault()
        let engine = QueryEngine(try Vault.openReader(path: vault.path).snapshot())
        let rate = try #require(try engine.rate(["memstats.TotalAlloc"]).first?.rate)
        try await withServer(vault) { port in
            let values = try await Chromium.values(
                "http://127.0.0.1:\(port)/#target=api&range=all&zone=utc",
                Chromium.isDrawn,
                "eval:document.querySelector('#panels').innerText",
                "eval:document.querySelectorAll('svg .restart').length > 10",
                "eval:document.documentElement.scrollWidth <= innerWidth"
            )
            let text = try #require(values.first?.string)
            // What `expvault pauses` and `rate` say.
            #expect(text.contains("longest 25 ms"))
            #expect(text.contains("allocated\n\(Int(rate.rounded()))B/s"))
            #expect(text.contains("357 scrapes, 3 failed, every 10s"))
            #expect(text.contains("connection <b>refused</b>"))
            #expect(values.dropFirst().map(\.boolean) == [true, true])
        }
    }

    @Test("the cross shows the same moment in all charts, and the longest pause is named")
    func cross() async throws {
        let vault = try await RecordedVault()
        let values = try await withServer(vault) { port in
            try await Chromium.values(
                "http://127.0.0.1:\(port)/#range=all&live=0",
                Chromium.isDrawn,
                """
                eval:(() => { const chart = document.querySelector('#panels svg.chart'), box = chart.getBoundingClientRect(); \
                chart.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + 200, clientY: box.top + 40 })); \
                return [...document.querySelectorAll('svg .cross')].filter(one => one.getAttribute('visibility') !== 'visible').length; })()
                """,
                "eval:document.querySelectorAll('svg .cross').length",
                "eval:[...document.querySelectorAll('svg .name')].map(one => one.textContent).join()"
            )
        }
        try #require(values.count == 3)
        #expect(values[0].integer == 0, "charts without the cross")
        #expect((values[1].integer ?? 0) >= 11)
        #expect(values[2].string == "25 ms")
    }

    @Test(
        "on paper it is dark on white, nothing covers or cuts anything, and no control is there",
        arguments: [["api"], ["api", "web"], ["a", "b", "c"]]
    )
    func paper(_ targets: [String]) async throws {
        let vault = try await RecordedVault(targets: targets)
        let directory = try TemporaryDirectory()
        let chosen = targets.map { "target=\($0)&" }.joined()
        let values = try await withServer(vault) { port in
            try await Chromium.values(
                "http://127.0.0.1:\(port)/#\(chosen)range=all&live=0",
                "--dark",
                "--print",
                "--width",
                "2000",
                Chromium.isDrawn,
                "eval:dispatchEvent(new Event('beforeprint'))",
                """
                eval:(() => { const boxes = [...document.querySelectorAll('.card, .about')].map(one => one.getBoundingClientRect()); \
                return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => a.left < b.right - 1 && b.left < a.right - 1 \
                && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length; })()
                """,
                // Its words and its lines: of the theme for screens they would be nearly white.
                """
                eval:['body', '.card h2', 'svg text', '.legend button'].map(one => getComputedStyle(document.querySelector(one))) \
                .map(style => (style.fill !== 'rgb(0, 0, 0)' && style.fill || style.color).match(/\\d+/g).slice(0, 3).map(Number)) \
                .filter(rgb => Math.max(...rgb) > 128).length
                """,
                """
                eval:[...document.querySelectorAll('#range, #names, #search, #compare, .tools, .legend [aria-pressed=false]')] \
                .filter(one => one.getClientRects().length).length
                """,
                "eval:[...document.querySelectorAll('svg.chart')].filter(one => one.getBoundingClientRect().width < 100).length",
                "pdf:\(directory.file("page.pdf"))"
            )
        }
        try #require(values.count == 5)
        #expect(values[1].integer == 0, "cards that cover each other")
        #expect(values[2].integer == 0, "words that are nearly white")
        #expect(values[3].integer == 0, "controls")
        #expect(values[4].integer == 0, "charts that are squeezed")
        #expect(directory.read("page.pdf").starts(with: "%PDF".utf8))
    }

    @Test("a drag zooms, Back goes back, and a second target stands beside the first")
    func moves() async throws {
        try await withServer(RecordedVault(targets: ["api", "web"])) { port in
            let values = try await Chromium.values(
                "http://127.0.0.1:\(port)/#target=api&range=all&zone=utc",
                Chromium.isDrawn,
                "drag:200,330,300,330",
                "until:location.hash.includes('since=')",
                "eval:[...new URLSearchParams(location.hash.slice(1)).values()].map(Number).filter(Number).sort()",
                "click:#back",
                "until:location.hash.includes('range=all')",
                "click:#targets button:nth-child(2)",
                "until:document.querySelectorAll('.about').length === 2",
                "eval:location.hash.includes('target=api&target=web')"
            )
            let zoomed = values.first?.elements?.compactMap(\.integer) ?? []
            try #require(zoomed.count == 2)
            #expect(RecordedVault.start < zoomed[0] && zoomed[1] < RecordedVault.end)
            #expect(values.last?.boolean == true)
        }
    }

    @Test("a finger drawn across a chart zooms, two that spread zoom further, a tap does not")
    func fingers() async throws {
        try await withServer(RecordedVault()) { port in
            let length = """
                eval:(([a, b]) => b - a)(['since', 'until'].map(name => Number(new URLSearchParams(location.hash.slice(1)).get(name))))
                """
            let values = try await Chromium.values(
                "http://127.0.0.1:\(port)/#target=api&range=all&zone=utc",
                Chromium.isDrawn,
                "swipe:200,330,206,330",
                "eval:location.hash.includes('range=all')",
                "swipe:200,330,300,330",
                "until:location.hash.includes('since=')",
                length,
                "wait:0.5",
                "pinch:200,250,330,120,350",
                "wait:0.5",
                length
            )
            try #require(values.count == 3)
            #expect(values[0].boolean == true)
            let (swiped, pinched) = (values[1].integer ?? 0, values[2].integer ?? 0)
            #expect(swiped > 0 && pinched > 0 && pinched < swiped / 2)
        }
    }

    @Test("two ranges that are typed are compared")
    func typedRanges() async throws {
        try await withServer(RecordedVault()) { port in
            let values = try await Chromium.values(
                "http://127.0.0.1:\(port)/#target=api&range=all&zone=utc",
                Chromium.isDrawn,
                "eval:document.querySelectorAll('.ranges input').forEach((input, index) => { input.value = "
                    + "['2026-01-02 03:01:00', '2026-01-02 03:10:00', '2026-01-02 03:31:00', '2026-01-02 03:41:00'][index] })",
                "click:.ranges button",
                "until:document.querySelector('#ranked table') !== null",
                "eval:document.querySelector('#ranked .note').textContent",
                "eval:document.querySelectorAll('.ranges input')[1].value = '2026-01-01'",
                "click:.ranges button",
                "eval:document.querySelectorAll('.ranges input.wrong').length"
            )
            let told = values.compactMap(\.string).first { $0.contains("As typed") }
            #expect(told?.contains("After: 2026-01-02 03:31:00 – 2026-01-02 03:41:00") == true)
            #expect(values.last?.integer == 2)
        }
    }

    @Test("hostile names stay text")
    func names() async throws {
        try await withServer(RecordedVault()) { port in
            let variables = RecordedVault.hostileSeries.map { "&vars=v:" + Chromium.encoded($0) }.joined()
            let values = try await Chromium.values(
                "http://127.0.0.1:\(port)/#target=api&range=all\(variables)",
                Chromium.isDrawn,
                "until:document.querySelectorAll('#chosen svg.chart').length === \(RecordedVault.hostileSeries.count)",
                "eval:document.title",
                "eval:[...document.querySelectorAll('#chosen h2 > span:first-child')].map(one => one.textContent)",
                "eval:document.querySelectorAll('script, img, iframe, object, [onerror], [onload], [autofocus]').length"
            )
            try #require(values.count == 3)
            #expect(values[0].string == "api – expvault")
            // Control characters and bidi marks are spelled out.
            let shown = RecordedVault.hostileSeries.map { name in
                name.unicodeScalars.reduce(into: "") { text, scalar in
                    switch scalar.value {
                    case 0x202E: text += "\\u202e"
                    case 0x07: text += "\\u0007"
                    case 0x1B: text += "\\u001b"
                    default: text.unicodeScalars.append(scalar)
                    }
                }
            }
            #expect(values[1].elements?.compactMap(\.string) == shown)
            #expect(values[2].integer == 1)
        }
    }
}
