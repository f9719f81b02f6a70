import TestSupport
import Testing

@testable import TerminalView

/// Bytes that bring a terminal from one picture to the next.
@Suite struct FrameWriterTests {
    private static let texts = [
        "api", "日本語", "e\u{301}e\u{301}", "▁▂█", "😀x", "–", String(repeating: "wide ", count: 9),
        "\u{1B}[2Jx", "\u{202E}abc",
        "a\u{200D}b", "\u{301}", "",
    ]
    private static let styles: [Style] = [.plain, .heading, .faint, .chart, .good, .fair, .bad, .selected]

    @Test("whatever came before, the terminal shows the picture", arguments: [UInt64(1), 2, 3, 4, 5])
    func roundTrip(seed: UInt64) {
        var state = seed
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        var writer = FrameWriter(hasColour: true, isASCII: false)
        var terminal = TerminalEmulator(columns: 40, rows: 8)
        terminal.take(FrameWriter.entry)
        var frame = Frame(columns: 40, rows: 8)
        for step in 0..<200 {
            if random(8) == 0 { frame = Frame(columns: 40, rows: 8) }
            for _ in 0..<random(6) {
                frame.write(
                    Self.texts[random(Self.texts.count)],
                    row: random(9),
                    column: random(41),
                    width: random(2) == 0 ? nil : random(12),
                    style: Self.styles[random(Self.styles.count)],
                    alignment: random(2) == 0 ? .left : .right
                )
            }
            terminal.take(writer.bytes(for: frame))
            let shown = frame.lines.map(Self.withoutMarks)
            #expect(terminal.lines == shown, "seed \(seed), step \(step)")
            #expect(writer.bytes(for: frame).isEmpty, "what is shown is not sent again")
        }
        terminal.take(FrameWriter.exit)
        #expect(!terminal.isAlternate && terminal.isCursorShown && terminal.isWrapping)
        #expect(terminal.unknown.isEmpty, "\(terminal.unknown)")
    }

    /// The emulator keeps no combining marks.
    private static func withoutMarks(_ text: String) -> String {
        var kept = String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.properties.generalCategory != .nonspacingMark }
            )
        )
        while kept.last == " " { kept.removeLast() }
        return kept
    }

    @Test("one changed cell is a few bytes, and nothing but ASCII is sent where it must not be")
    func minimal() {
        var frame = Frame(columns: 80, rows: 24)
        frame.write("requests ▁▂▃ 日本 µs", row: 3, column: 2, style: .chart)
        var writer = FrameWriter(hasColour: false, isASCII: true)
        let all = writer.bytes(for: frame)
        #expect(all.allSatisfy { $0 < 0x80 })
        #expect(String(decoding: all, as: UTF8.self).contains("requests _.: ???? us"))
        frame.write("7", row: 10, column: 70)
        #expect(String(decoding: writer.bytes(for: frame), as: UTF8.self) == "\u{1B}[11;71H\u{1B}[0m7")
    }

    @Test("names from outside are text, and stay in their cells")
    func hostile() {
        var frame = Frame(columns: 30, rows: 1)
        frame.write("a\u{1B}[31m\u{07}\u{202E}\u{200D}", row: 0, column: 0)
        #expect(frame.lines == ["a\\u{1b}[31m\\u{7}\\u{202e}\\u{20…"])
        var narrow = Frame(columns: 5, rows: 1)
        narrow.write("日本語", row: 0, column: 0)
        // The third does not fit beside the sign that something is left out.
        #expect(narrow.lines == ["日本…"])
        var pile = Frame(columns: 5, rows: 1)
        pile.write("e" + String(repeating: "\u{301}", count: 1000), row: 0, column: 0)
        #expect(pile.lines[0].unicodeScalars.count <= 1 + DisplayText.marksMax)
    }
}
