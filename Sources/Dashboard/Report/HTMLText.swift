import JSON
import Model

/// HTML that is put together; what comes from outside goes in as text alone.
struct HTMLText {
    private(set) var text = ""

    /// Adds markup of ours.
    mutating func markup(_ markup: StaticString) { text += "\(markup)" }

    /// Adds text, escaped; control characters and bidi marks are spelled out.
    mutating func add(_ words: String) { text += HTMLText.escape(words) }

    /// Adds an element of ours with that text.
    mutating func element(_ name: StaticString, _ words: String) {
        text += "<\(name)>"
        add(words)
        text += "</\(name)>"
    }

    /// A table; columns whose heading begins with `#` hold numbers.
    mutating func table(_ caption: String, _ heads: [String], _ rows: [[String?]]) {
        guard !rows.isEmpty else { return }
        markup("<div class=\"scroll\"><table>")
        element("caption", caption)
        markup("<thead><tr>")
        for head in heads { cell("th", head.hasPrefix("#") ? String(head.dropFirst()) : head, head) }
        markup("</tr></thead><tbody>")
        for row in rows {
            markup("<tr>")
            for (value, head) in zip(row, heads) { cell("td", value ?? "–", head) }
            markup("</tr>\n")
        }
        markup("</tbody></table></div>\n")
    }

    private mutating func cell(_ name: StaticString, _ words: String, _ head: String) {
        text += head.hasPrefix("#") ? "<\(name) class=\"n\">" : "<\(name)>"
        add(words)
        text += "</\(name)>"
    }

    /// Adds a block of JSON, which no text in it can end.
    mutating func json(_ bytes: [UInt8], id: StaticString) {
        text += "<script type=\"application/json\" id=\"\(id)\">"
        // Outside of strings JSON has no `<`; inside, `</script` and `<!--` would be the end of it.
        for part in bytes.split(separator: UInt8(ascii: "<"), omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 { text += "\\u003c" }
            text += String(decoding: part.element, as: UTF8.self)
        }
        text += "</script>\n"
    }

    /// Adds a script or style sheet of ours as it is; the caller has seen that nothing in it ends the element.
    mutating func verbatim(_ name: StaticString, _ code: String) {
        text += "<\(name)>\(code)</\(name)>\n"
    }

    /// Adds a piece of the page.
    mutating func page(_ piece: Substring) { text += piece }

    static func escape(_ words: String) -> String {
        var escaped = ""
        for scalar in EscapedText.escape(words).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension Number {
    /// The number as JSON spells it.
    var exactText: String {
        var json = JSONWriter()
        json.number(self)
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
