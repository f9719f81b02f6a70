/// Reads JSON strictly (RFC 8259) and within limits; for answers of servers and for raw lines.
///
/// Bodies of `/debug/vars` are not read with this: they may hold what is no JSON (see the module Expvar).
package struct JSONReader: Sendable {
    /// The deepest nesting that is read unless the caller says otherwise; the outermost container is level 1.
    package static let depthMax = 64
    /// The longest text that is read unless the caller says otherwise, in bytes.
    package static let bytesMaxDefault = 64 * 1024 * 1024

    /// The value that `bytes` is, white space around it allowed.
    ///
    /// An escaped half of a surrogate pair becomes U+FFFD, as String would have it.
    /// - Throws: `JSONError` where there is no such value, or it is over a limit.
    package static func value(
        of bytes: [UInt8],
        bytesMax: Int = bytesMaxDefault,
        depthMax: Int = depthMax
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= bytesMax else { throw .tooLarge(bytes: bytes.count, limit: bytesMax) }
        var reader = JSONReader(bytes, depthMax: depthMax)
        let value = try reader.value(depth: 0)
        try reader.end()
        return value
    }

    private var text: JSONText
    private let depthMax: Int
    private var scratch: [UInt8] = []

    private init(_ bytes: [UInt8], depthMax: Int) {
        text = JSONText(bytes)
        self.depthMax = depthMax
    }

    private mutating func end() throws(JSONError) {
        try text.end()
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        switch try text.peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try text.literal("true")
            return .boolean(true)
        case UInt8(ascii: "f"):
            try text.literal("false")
            return .boolean(false)
        case UInt8(ascii: "n"):
            try text.literal("null")
            return .null
        default: return .number(String(decoding: text.bytes[try text.number()], as: UTF8.self))
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < depthMax else { throw .tooDeep(limit: depthMax) }
        var members: [JSONMember] = []
        var isFirst = true
        try text.expect(UInt8(ascii: "{"))
        while try text.hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
            let key = try string()
            try text.expect(UInt8(ascii: ":"))
            members.append(JSONMember(key: key, value: try value(depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        guard depth < depthMax else { throw .tooDeep(limit: depthMax) }
        var elements: [JSONValue] = []
        var isFirst = true
        try text.expect(UInt8(ascii: "["))
        while try text.hasNext(before: UInt8(ascii: "]"), isFirst: &isFirst) {
            elements.append(try value(depth: depth + 1))
        }
        return .array(elements)
    }

    private mutating func string() throws(JSONError) -> String {
        scratch.removeAll(keepingCapacity: true)
        try text.string(into: &scratch, replacingLoneSurrogates: true)
        return String(decoding: scratch, as: UTF8.self)
    }
}
