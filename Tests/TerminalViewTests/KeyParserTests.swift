import Testing

@testable import TerminalView

/// Bytes of a terminal as keys.
@Suite struct KeyParserTests {
    /// What terminals send, and the keys that it is.
    static let cases: [(String, [Key])] = [
        ("q", [.text("q")]),
        ("\r\n", [.enter, .enter]),
        ("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D", [.up, .down, .right, .left]),
        ("\u{1B}OA\u{1B}OB\u{1B}OH\u{1B}OF", [.up, .down, .home, .end]),
        ("\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~\u{1B}[7~\u{1B}[8~", [.home, .end, .home, .end, .home, .end]),
        ("\u{1B}[5~\u{1B}[6~\u{1B}[3~", [.pageUp, .pageDown, .backspace]),
        ("\u{1B}[1;5A\u{1B}[5;2~", [.up, .pageUp]),
        ("\u{7F}\u{08}\u{15}\u{0C}\t", [.backspace, .backspace, .erase, .redraw, .tab]),
        ("ä€😀", [.text("ä"), .text("€"), .text("😀")]),
        // Function keys, a mouse's report, a colour that was asked for, a paste: nothing of it is typed.
        ("\u{1B}[15~\u{1B}[[Aq", [.text("q")]),
        ("\u{1B}[<0;12;7Mq", [.text("q")]),
        ("\u{1B}]11;rgb:0000/0000/0000\u{07}q", [.text("q")]),
        ("\u{1B}]0;title\u{1B}\\q", [.text("q")]),
        ("\u{1B}P1$r0m\u{1B}\\q", [.text("q")]),
        // Alt and a key, or somebody who types fast.
        ("\u{1B}q", [.escape, .text("q")]),
        ("\u{1B}\u{1B}[A", [.escape, .up]),
        ("\u{01}\u{02}", []),
    ]

    @Test("what a terminal sends is the key that was pressed", arguments: cases)
    func keys(_ sent: String, _ expected: [Key]) {
        var parser = KeyParser()
        #expect(parser.keys(sent.utf8) == expected)
        #expect(!parser.isWaiting)
    }

    @Test("cut anywhere, the bytes give the same keys", arguments: cases)
    func cut(_ sent: String, _ expected: [Key]) {
        let bytes = Array(sent.utf8)
        for cut in bytes.indices {
            var parser = KeyParser()
            #expect(parser.keys(bytes[..<cut]) + parser.keys(bytes[cut...]) == expected)
        }
    }

    @Test("an escape character alone is a key once nothing follows")
    func escape() {
        var parser = KeyParser()
        #expect(parser.keys([0x1B]) == [])
        #expect(parser.isWaiting)
        #expect(parser.timeOut() == [.escape])
        #expect(!parser.isWaiting)
        // A sequence that breaks off is none.
        #expect(parser.keys(Array("\u{1B}[1;".utf8)) == [])
        #expect(parser.timeOut() == [])
        #expect(parser.keys([UInt8(ascii: "q")]) == [.text("q")])
    }

    @Test("a sequence without end takes no memory, and broken UTF-8 is no key")
    func hostile() {
        var parser = KeyParser()
        #expect(
            parser.keys(Array("\u{1B}[".utf8) + Array(repeating: UInt8(ascii: "1"), count: 100_000)) == []
        )
        #expect(parser.keys(Array("~j".utf8)) == [.text("j")])
        #expect(
            parser.keys([0xFF, 0xC0, 0x80, 0xED, 0xA0, 0x80, 0xE2, 0x82, UInt8(ascii: "j")]) == [.text("j")]
        )
        var seed: UInt64 = 42
        for _ in 0..<200_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            _ = parser.keys([UInt8(truncatingIfNeeded: seed >> 33)])
        }
    }
}
