/// A key as the view understands it.
package enum Key: Hashable, Sendable {
    /// A character that was typed.
    case text(Unicode.Scalar)
    /// The arrows.
    case up, down, left, right
    /// A screen, and all, back or forth.
    case pageUp, pageDown, home, end
    /// Take what is chosen.
    case enter
    /// Go back.
    case escape
    /// From one part to the next.
    case tab
    /// Take the last character away.
    case backspace
    /// Take all that was typed away (Ctrl-U).
    case erase
    /// Draw everything anew (Ctrl-L).
    case redraw
}

/// Takes the bytes of a terminal apart into keys.
///
/// Special keys come as an escape character and more (ECMA-48 5.4; xterm's "PC-style function keys"), in one read or in
/// several. Whether an escape character is a key of its own only time can tell: after some 50 ms of silence the caller
/// says so with `timeOut()`. What is not known is read to its end and passed over; nothing is collected beyond
/// `parametersMax` bytes.
package struct KeyParser {
    /// So long a caller waits after the last byte while `isWaiting`, in milliseconds; over SSH the rest of a sequence
    /// comes in the same packet.
    package static let timeOutMilliseconds: Int32 = 50
    /// The most bytes that are kept of a sequence's parameters.
    static let parametersMax = 16

    private enum State: Hashable {
        case ground
        /// After ESC.
        case escape
        /// After ESC [, with the parameters so far.
        case control([UInt8])
        /// After ESC O, or ESC [ [ of the Linux console: one more byte, which names a key where `isKey`.
        case single(isKey: Bool)
        /// Within a string of the terminal's own (ESC ], ESC P …), which ends with BEL or ESC \.
        case string
        /// Within a character of several bytes.
        case character([UInt8], missing: Int)
    }

    private var state = State.ground

    /// A parser that has read nothing.
    package init() {}

    /// Whether it stands in the middle of something.
    package var isWaiting: Bool { state != .ground }

    /// The keys that these bytes complete.
    package mutating func keys(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { read(byte, &keys) }
        return keys
    }

    /// Nothing came for a while: a lone escape character was the key, a broken sequence is forgotten.
    package mutating func timeOut() -> [Key] {
        defer { state = .ground }
        return state == .escape ? [.escape] : []
    }

    private mutating func read(_ byte: UInt8, _ keys: inout [Key]) {
        switch state {
        case .ground: ground(byte, &keys)
        case .escape: escape(byte, &keys)
        case .control(let parameters): control(byte, parameters, &keys)
        case .single(let isKey):
            state = .ground
            if isKey, let key = KeyParser.named(byte) { keys.append(key) }
        case .string:
            // ESC \ ends it too: the backslash then stands after an ESC, and means nothing there.
            if byte == 0x07 { state = .ground } else if byte == 0x1B { state = .escape }
        case .character(let part, let missing): character(byte, part, missing, &keys)
        }
    }

    private mutating func ground(_ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case 0x1B: state = .escape
        case 0x0D, 0x0A: keys.append(.enter)
        case 0x09: keys.append(.tab)
        case 0x7F, 0x08: keys.append(.backspace)
        case 0x15: keys.append(.erase)
        case 0x0C: keys.append(.redraw)
        case 0x0E: keys.append(.down)
        case 0x10: keys.append(.up)
        case 0x20..<0x7F: keys.append(.text(Unicode.Scalar(byte)))
        case 0xC2...0xDF: state = .character([byte], missing: 1)
        case 0xE0...0xEF: state = .character([byte], missing: 2)
        case 0xF0...0xF4: state = .character([byte], missing: 3)
        default: break
        }
    }

    private mutating func escape(_ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case UInt8(ascii: "["): state = .control([])
        case UInt8(ascii: "O"): state = .single(isKey: true)
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            state = .string
        case UInt8(ascii: "\\"): state = .ground
        case 0x1B: keys.append(.escape)
        default:
            // Somebody typed fast, or held Alt: two keys.
            keys.append(.escape)
            state = .ground
            ground(byte, &keys)
        }
    }

    private mutating func control(_ byte: UInt8, _ parameters: [UInt8], _ keys: inout [Key]) {
        switch byte {
        case UInt8(ascii: "[") where parameters.isEmpty: state = .single(isKey: false)
        case 0x20..<0x40:
            if parameters.count < KeyParser.parametersMax { state = .control(parameters + [byte]) }
        case 0x40..<0x7F:
            state = .ground
            if let key = KeyParser.key(final: byte, parameters) { keys.append(key) }
        case 0x1B: state = .escape
        default: state = .ground
        }
    }

    private mutating func character(_ byte: UInt8, _ part: [UInt8], _ missing: Int, _ keys: inout [Key]) {
        guard (0x80..<0xC0).contains(byte) else {
            state = .ground
            ground(byte, &keys)
            return
        }
        guard missing == 1 else {
            state = .character(part + [byte], missing: missing - 1)
            return
        }
        state = .ground
        // Overlong and other broken forms become U+FFFD, and are no key.
        let text = String(decoding: part + [byte], as: UTF8.self).unicodeScalars
        if text.count == 1, let scalar = text.first, scalar != "\u{FFFD}" { keys.append(.text(scalar)) }
    }

    /// The key of a control sequence; modifiers (`1;5A`) are passed over.
    private static func key(final: UInt8, _ parameters: [UInt8]) -> Key? {
        // ESC O M is the Enter of the number pad, ESC [ M a mouse.
        guard final == UInt8(ascii: "~") else { return final == UInt8(ascii: "M") ? nil : named(final) }
        let number = parameters.prefix { $0 != UInt8(ascii: ";") }
        return switch String(decoding: number, as: UTF8.self) {
        case "1", "7": .home
        case "4", "8": .end
        case "5": .pageUp
        case "6": .pageDown
        case "3": .backspace
        default: nil
        }
    }

    private static func named(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): .right
        case UInt8(ascii: "D"): .left
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "F"): .end
        case UInt8(ascii: "M"): .enter
        default: nil
        }
    }
}
