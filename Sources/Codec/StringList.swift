/// A list of strings as bytes: of each its length in UTF-8 (a varint) and itself.
package enum StringList {
    /// The list as bytes.
    package static func encode(_ strings: [String]) -> [UInt8] {
        var writer = ByteWriter()
        for string in strings {
            let bytes = Array(string.utf8)
            writer.count(bytes.count)
            writer.raw(bytes)
        }
        return writer.bytes
    }

    /// The strings; nil where the bytes are no such list.
    package static func decode(_ bytes: [UInt8]) -> [String]? {
        var reader = ByteReader(bytes)
        var strings: [String] = []
        do {
            while !reader.isAtEnd {
                let length = try reader.count(max: bytes.count, "bytes of a string")
                strings.append(String(decoding: try reader.raw(length), as: UTF8.self))
            }
        } catch {
            return nil
        }
        return strings
    }

    /// The labels as a list: name, value, name, value, ascending by name.
    package static func encode(labels: [String: String]) -> [UInt8] {
        encode(labels.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
    }

    /// The labels; nil where the bytes are no such list.
    package static func decodeLabels(_ bytes: [UInt8]) -> [String: String]? {
        guard let strings = decode(bytes), strings.count % 2 == 0 else { return nil }
        var labels: [String: String] = [:]
        for index in stride(from: 0, to: strings.count, by: 2) { labels[strings[index]] = strings[index + 1] }
        return labels
    }
}
