package import Model

/// Writes JSON straight into a buffer: the one place where text is escaped for JSON.
///
/// Commas and colons come by themselves. The caller keeps containers balanced; that is not checked.
///
///     var json = JSONWriter()
///     json.beginObject(); json.key("t"); json.integer(1); json.endObject()   // {"t":1}
package struct JSONWriter: Sendable {
    /// What was written so far, UTF-8.
    package private(set) var bytes: [UInt8] = []

    /// Whether a value that comes next must be set off by a comma.
    private var needsComma = false

    /// A writer with an empty buffer of that capacity in bytes.
    package init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// Writes on at the end of `bytes`, where no comma is due.
    package init(continuing bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Empties the buffer and keeps its capacity.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// Begins an object, whose members come next.
    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    /// Ends the object begun last.
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    /// Begins an array, whose elements come next.
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    /// Ends the array begun last.
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The key of the member whose value is written next.
    package mutating func key(_ key: String) {
        separate()
        quote(key.utf8)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// A string.
    package mutating func string(_ value: String) {
        separate()
        quote(value.utf8)
        needsComma = true
    }

    /// Whether those bytes are UTF-8, so that a string can hold them as they are.
    package static func isText(_ bytes: [UInt8]) -> Bool {
        JSONString.isUTF8(bytes, from: 0, to: bytes.count)
    }

    /// A string whose text is given as UTF-8; what is no UTF-8 in it becomes U+FFFD.
    package mutating func string(utf8 text: [UInt8]) {
        guard JSONString.isUTF8(text, from: 0, to: text.count) else {
            return string(String(decoding: text, as: UTF8.self))
        }
        separate()
        text.withUnsafeBufferPointer { JSONQuote.append($0, to: &bytes) }
        needsComma = true
    }

    /// An integer with all its digits.
    package mutating func integer(_ value: some BinaryInteger) { literal(String(value)) }
    /// `true` or `false`.
    package mutating func boolean(_ value: Bool) { literal(value ? "true" : "false") }
    /// `null`.
    package mutating func null() { literal("null") }

    /// The shortest decimal that reads back as the same double, a whole number without `.0`.
    ///
    /// Not finite is no JSON: written as null.
    package mutating func real(_ value: Double) {
        guard value.isFinite else { return null() }
        literal(JSONWriter.text(of: value))
    }

    /// A number: an integer with all its digits, a double as `real` writes it.
    package mutating func number(_ value: Number) {
        switch value {
        case .integer(let value): integer(value)
        case .unsigned(let value): integer(value)
        case .real(let value): real(value)
        }
    }

    /// A value that is JSON already, such as a number in the spelling of its source.
    package mutating func raw(_ value: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    /// A newline between two values of a stream (NDJSON); no comma comes after it.
    package mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// The shortest decimal of a finite double; `1e+22` as Swift spells it is JSON, `5.0` is written `5`.
    package static func text(of value: Double) -> String {
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    private mutating func literal(_ text: String) {
        separate()
        bytes.append(contentsOf: text.utf8)
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func quote(_ text: String.UTF8View) {
        let done: Void? = text.withContiguousStorageIfAvailable { JSONQuote.append($0, to: &bytes) }
        if done == nil { Array(text).withUnsafeBufferPointer { JSONQuote.append($0, to: &bytes) } }
    }
}
