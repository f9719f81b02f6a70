/// Base64 (RFC 4648): document ids in the URL-safe alphabet, all else in the usual one.
package enum Base64 {
    /// Which characters stand for 62 and 63, and whether `=` fills up the end.
    package enum Alphabet: Sendable {
        /// `+`, `/` and `=`; section 4.
        case standard
        /// `-`, `_` and nothing; section 5.
        case urlSafe
    }

    private static let standard = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )
    private static let urlSafe = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )
    /// The value of each character of the usual alphabet; 255 for every other byte.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, character) in standard.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// Those bytes as text.
    package static func text(of bytes: some Swift.Collection<UInt8>, alphabet: Alphabet) -> String {
        let characters = alphabet == .standard ? standard : urlSafe
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var rest = bytes.makeIterator()
        while let first = rest.next() {
            let second = rest.next()
            let third = rest.next()
            let bits = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
            let count = second == nil ? 1 : third == nil ? 2 : 3
            for place in 0...count { text.append(characters[Int(bits >> UInt32(18 - 6 * place) & 63)]) }
            if alphabet == .standard {
                for _ in count..<3 { text.append(UInt8(ascii: "=")) }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` in the usual alphabet stands for; nil where it is not exactly what `text(of:)` makes.
    package static func bytes(of text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let padding = text.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        for start in stride(from: 0, to: text.count, by: 4) {
            let isLast = start + 4 == text.count
            let count = isLast ? 4 - padding : 4
            var bits: UInt32 = 0
            for place in 0..<4 {
                let value = place < count ? values[Int(text[start + place])] : 0
                guard value < 64 else { return nil }
                bits = bits << 6 | UInt32(value)
            }
            // Bits that belong to no byte must be 0, so that one body has one spelling.
            guard count == 4 || bits & (count == 3 ? 0xFF : 0xFFFF) == 0 else { return nil }
            for place in 0..<count - 1 {
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place)))
            }
        }
        return bytes
    }
}
