/// Text from outside made safe to show: names and reasons come from targets and servers that may be hostile.
package enum VisibleText {
    /// The text with everything that a terminal or a log would obey, hide or reorder written as `\u{…}`.
    ///
    /// That is: control characters (C0, DEL, C1), line and paragraph separators, bidi marks and overrides,
    /// other invisible format characters, and private-use or unassigned scalars. A backslash stays as it is:
    /// what is shown is for eyes, not for reading back.
    package static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isHidden) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isHidden(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if (0x20..<0x7F).contains(scalar.value) { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            return true
        default:
            return false
        }
    }
}
