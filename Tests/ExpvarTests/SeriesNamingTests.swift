import Expvar
import TestBasics
import Testing

@Suite("Names of series")
struct SeriesNamingTests {
    @Test(
        "keys and names are each other's inverse",
        arguments: [
            (["a"], "a"), (["a", "b"], "a.b"), (["a.b", "c"], "a\\.b.c"), (["\\"], "\\\\"),
            (["\\.", ""], "\\\\\\.."),
            ([""], ""), (["", ""], "."), (["é", "☃.☃"], "é.☃\\.☃"), (["up"], "\\up"), (["up", "x"], "up.x"),
            (["scrape", "duration_seconds"], "\\scrape.duration_seconds"),
            (["scrape.duration_seconds"], "scrape\\.duration_seconds"),
        ]
    )
    func inverse(keys: [String], name: String) {
        #expect(SeriesNaming.name(ofKeys: keys) == name)
        #expect(SeriesNaming.keys(of: name) == keys)
    }

    @Test("a backslash takes what follows as it is, and stands for itself at the end")
    func lenient() {
        #expect(SeriesNaming.keys(of: "a\\b.c") == ["ab", "c"])
        #expect(SeriesNaming.keys(of: "a\\") == ["a\\"])
    }

    @Test("escaping leaves other keys alone")
    func escaped() {
        #expect(SeriesNaming.escaped("/api/v1*") == "/api/v1*")
        #expect(SeriesNaming.escaped("a.b\\c") == "a\\.b\\\\c")
    }

    @Test("random keys survive", arguments: [UInt64(3)])
    func property(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let keys = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                String(
                    (0..<Int.random(in: 0...5, using: &generator)).map { _ in
                        ".\\aé*".randomElement(using: &generator) ?? "a"
                    }
                )
            }
            #expect(SeriesNaming.keys(of: SeriesNaming.name(ofKeys: keys)) == keys, "seed \(seed)")
        }
    }
}
