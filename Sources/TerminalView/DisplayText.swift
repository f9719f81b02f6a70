import Model

/// One character as a terminal shows it, and the columns that it takes.
struct Glyph: Hashable, Sendable {
    var character: Character
    /// 1 or 2.
    var width: Int
}

/// Text from outside, made fit for cells.
///
/// Names come from whatever a target serves. Control and bidi characters are written out by `EscapedText`; so are here
/// the ones that no two terminals give the same width: joiners, tags, surrogates, what Unicode has not assigned.
enum DisplayText {
    /// More marks than that on one character are left out: a pile of them would reach into other lines.
    static let marksMax = 2

    /// The characters of a text, each with its width.
    static func glyphs(_ text: String) -> [Glyph] {
        var glyphs: [Glyph] = []
        var marks = 0
        for scalar in EscapedText.escape(text).unicodeScalars {
            if scalar.value < 0x80 {
                glyphs.append(Glyph(character: Character(scalar), width: 1))
                marks = 0
                continue
            }
            switch scalar.properties.generalCategory {
            case .format, .surrogate, .unassigned, .privateUse, .control, .lineSeparator, .paragraphSeparator:
                glyphs += "\\u{\(String(scalar.value, radix: 16))}".map { Glyph(character: $0, width: 1) }
                marks = 0
            case .nonspacingMark, .enclosingMark:
                marks += 1
                guard marks <= marksMax else { continue }
                if glyphs.isEmpty { glyphs.append(Glyph(character: " ", width: 1)) }
                var together = String(glyphs[glyphs.count - 1].character)
                together.unicodeScalars.append(scalar)
                // A mark that Unicode does not count to the character before it would come to stand alone.
                guard together.count == 1, let character = together.first else { continue }
                glyphs[glyphs.count - 1].character = character
            default:
                glyphs.append(Glyph(character: Character(scalar), width: TextWidth.columns(of: scalar)))
                marks = 0
            }
        }
        return glyphs
    }

    /// The columns that a text takes once it is made fit.
    static func width(_ text: String) -> Int {
        glyphs(text).reduce(0) { $0 + $1.width }
    }

    /// As many of the glyphs as `columns` hold; where some are left out, an ellipsis ends them.
    static func clipped(_ glyphs: [Glyph], to columns: Int) -> [Glyph] {
        var width = glyphs.reduce(0) { $0 + $1.width }
        guard width > columns else { return glyphs }
        guard columns > 0 else { return [] }
        var kept = glyphs[...]
        while width > columns - 1, let last = kept.popLast() { width -= last.width }
        return kept + [Glyph(character: "…", width: 1)]
    }
}
