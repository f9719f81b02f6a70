/// A list of strings as bytes: of each its length in UTF-8 (LEB128: seven bits a byte, the lowest first) and itself.
enum StringList {
    static func encode(_ strings: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for string in strings {
            var length = string.utf8.count
            while length >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
                length >>= 7
            }
            bytes.append(UInt8(truncatingIfNeeded: length))
            bytes.append(contentsOf: string.utf8)
        }
        return bytes
    }

    /// The strings; nil where the bytes are no such list.
    static func decode(_ bytes: [UInt8]) -> [String]? {
        var strings: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var length = 0
            var shift = 0
            while true {
                // 63 bits are more than any length here; a longer one is no length.
                guard let byte = rest.popFirst(), shift < 56 else { return nil }
                length |= Int(byte & 0x7f) << shift
                shift += 7
                if byte & 0x80 == 0 { break }
            }
            guard length <= rest.count else { return nil }
            strings.append(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
        }
        return strings
    }

    /// The labels as a list: name, value, name, value, ascending by name.
    static func encode(labels: [String: String]) -> [UInt8] {
        encode(labels.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
    }

    /// The labels; nil where the bytes are no such list.
    static func decodeLabels(_ bytes: [UInt8]) -> [String: String]? {
        guard let strings = decode(bytes), strings.count % 2 == 0 else { return nil }
        var labels: [String: String] = [:]
        for index in stride(from: 0, to: strings.count, by: 2) { labels[strings[index]] = strings[index + 1] }
        return labels
    }
}
