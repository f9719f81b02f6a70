import TestBasics
import Testing

@testable import Query

@Suite struct SeriesSelectorTests {
    @Test(
        "names and globs match as cli.md says",
        arguments: [
            ("memstats.Alloc", "memstats.Alloc", true), ("memstats.Alloc", "memstats.AllocX", false),
            ("memstats.Heap*", "memstats.HeapAlloc", true), ("memstats.Heap*", "memstats.Alloc", false),
            // A star crosses dots, and may stand for nothing.
            ("memstats*Mallocs", "memstats.BySize.48.Mallocs", true), ("*", "", true), ("*", "a.b", true),
            ("a*b*c", "abc", true), ("a*b*c", "a.b.c.b.c", true), ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("**a", "a", true), ("*ab*ab", "ab", false), ("*ab*ab", "abab", true),
            // A star in a name is spelled `\*`.
            (#"a\*b"#, "a*b", true), (#"a\*b"#, "axb", false), ("a*b", "a*b", true),
            // What names spell with a backslash, selectors spell so too.
            (#"m.a\.b"#, #"m.a\.b"#, true), (#"m.a\.b"#, "m.a.b", false), (#"m.a\\b"#, #"m.a\\b"#, true),
            (#"\up"#, #"\up"#, true), (#"\up"#, "up", false), ("up", #"\up"#, false),
            (#"\\*"#, #"\\anything"#, true), (#"\\\*"#, #"\\*"#, true), (#"\\\*"#, #"\\x"#, false),
            (#"a\"#, #"a\"#, true), ("", "", true), ("", "a", false),
        ]
    )
    func matches(selector: String, name: String, want: Bool) {
        #expect(SeriesSelector(selector).matches(name) == want)
    }

    @Test("keys that Unicode holds equivalent are two series")
    func bytes() {
        #expect(!SeriesSelector("caf\u{e9}").matches("cafe\u{301}"))
    }

    @Test("only a selector without a star names one series")
    func names() {
        #expect(SeriesSelector(#"a\*b\.c"#).isName)
        #expect(!SeriesSelector("a*").isName)
    }

    @Test("a glob matches where trying every cut finds a match", arguments: 0..<200 as Range<UInt64>)
    func everyCut(seed: UInt64) {
        func slow(_ glob: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
            guard let first = glob.first else { return name.isEmpty }
            if first == "*" {
                return (name.startIndex...name.endIndex).contains { slow(glob.dropFirst(), name[$0...]) }
            }
            return name.first == first && slow(glob.dropFirst(), name.dropFirst())
        }
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let glob = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                "ab*".randomElement(using: &generator) ?? "a"
            }
            let name = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                "ab".randomElement(using: &generator) ?? "a"
            }
            #expect(
                SeriesSelector(String(glob)).matches(String(name)) == slow(glob[...], name[...]),
                "seed \(seed)"
            )
        }
    }

    @Test("a mistyped name is answered with the nearest, a part of a name with the whole")
    func nearest() {
        let names = ["memstats.HeapAlloc", "memstats.HeapSys", "memstats.Alloc", "requests"]
        #expect(NearestNames.among(names, to: "memstats.HeapAloc").first == "memstats.HeapAlloc")
        #expect(NearestNames.among(names, to: "heapsys") == ["memstats.HeapSys"])
        #expect(NearestNames.among(names, to: "reqests*") == ["requests"])
        #expect(NearestNames.among(names, to: "zzz").isEmpty)
        #expect(NearestNames.among(names, to: "").isEmpty)
    }
}
