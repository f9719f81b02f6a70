import Model
import Query
import Storage
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// The browser, where it is installed.
enum Chromium {
    static let program: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first { path in
        access(path, X_OK) == 0
    }
}

/// The page in a real browser.
@Suite(.enabled(if: Chromium.program != nil, "chromium is not installed (apt install chromium)"))
struct ChromiumTests {
    @Test("the page draws every panel without an error, asks nobody else, and shows hostile names as text")
    func page() async throws {
        let vault = try await RecordedVault()
        let program = try #require(Chromium.program)
        try await withServer(vault) { port in
            let directory = try TemporaryDirectory()
            let variables = RecordedVault.hostileNames.prefix(5).map { "&vars=v:" + Self.encoded($0) }
                .joined()
            let address = "http://127.0.0.1:\(port)/#target=api&range=all&zone=utc\(variables)"
            let outcome = try await ChildProcess.run(
                program,
                [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(directory.path)",
                    "--enable-logging=stderr", "--v=0", "--virtual-time-budget=15000",
                    "--window-size=1400,900",
                    "--log-net-log=\(directory.file("net.json"))", "--dump-dom", address,
                ],
                within: .seconds(90)
            )
            let page = outcome.text
            let console = outcome.error.split(separator: "\n").filter { $0.contains("CONSOLE") }
            #expect(console.isEmpty, "\(console)")
            // Twelve panels and a chart for each chosen variable.
            #expect(page.components(of: "<svg class=\"chart\"") >= 17, "\(page.prefix(3000))")
            #expect(page.contains("class=\"restart\""))
            #expect(!page.contains("<title>taken") && page.contains("<title>api – expvault</title>"))
            // As text, never as an element; what is escaped in the DOM's text was a name.
            #expect(page.contains("&lt;script&gt;document.title"))
            for element in ["<script>document", "<img ", "<svg onload", "onerror=\"", "autofocus=\"\""] {
                #expect(!page.contains(element), "\(element)")
            }
            // A number as the command prints it: 25 ms was the longest pause.
            #expect(page.contains("longest 25 ms"))
            let log = String(
                decoding: TemporaryDirectory.contents(of: directory.file("net.json")) ?? [],
                as: UTF8.self
            )
            #expect(log.contains("127.0.0.1:\(port)/api/targets"))
        }
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return "%" + (digits.count == 1 ? "0" : "") + digits
        }.joined()
    }
}

extension String {
    /// How often `text` stands in it.
    fileprivate func components(of text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
