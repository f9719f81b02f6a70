import TestBasics
import TestSupport
import Testing

@testable import Dashboard

@Suite struct AssetTests {
    private static let names = [
        "index.html", "style.css", "app.js", "view.js", "format.js", "chart.js", "pauses.js", "panels.js",
        "changes.js",
    ]

    @Test("what is embedded is what stands in Assets", arguments: names)
    func isEmbedded(name: String) throws {
        let path = "\(Programs.root)/Sources/Dashboard/Assets/\(name)"
        let file = try #require(TemporaryDirectory.contents(of: path))
        let asset = try #require(Asset.all[name == "index.html" ? "/" : "/\(name)"])
        #expect(asset.bytes == file)
    }

    @Test("the page weighs at most 150 kB and names no other host")
    func weight() {
        #expect(Asset.all.values.reduce(0) { $0 + $1.bytes.count } <= 150_000)
        #expect(Asset.all.count == Self.names.count)
        for (path, asset) in Asset.all {
            let text = String(decoding: asset.bytes, as: UTF8.self)
            let addresses = text.split(separator: "//").dropFirst().map {
                $0.prefix { $0 != "'" && $0 != "\n" }
            }
            for address in addresses where address.hasPrefix("w") {
                #expect(address == "www.w3.org/2000/svg", "\(path)")
            }
            #expect(!text.contains("https:"), "\(path)")
        }
    }

    @Test("names reach the page as text alone")
    func textOnly() {
        for word in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
            "srcdoc",
        ] {
            for (path, asset) in Asset.all {
                #expect(!String(decoding: asset.bytes, as: UTF8.self).contains(word), "\(path): \(word)")
            }
        }
    }
}
