import JSON

/// What a value is, as far as mappings tell values apart; of an array what its elements are.
struct ValueKind: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let object = ValueKind(rawValue: 1)
    static let array = ValueKind(rawValue: 2)
    /// A number that a `long` takes as it is.
    static let whole = ValueKind(rawValue: 4)
    /// One with something behind the point, or an exponent.
    static let fraction = ValueKind(rawValue: 8)
    /// One that no `long` takes.
    static let beyond = ValueKind(rawValue: 16)
    static let text = ValueKind(rawValue: 32)
    static let boolean = ValueKind(rawValue: 64)
    /// A text that is a number, which fields of numbers take.
    static let numeral = ValueKind(rawValue: 128)

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The kind of a value; of null none.
    init(_ value: JSONValue) {
        switch value {
        case .object: self = .object
        case .array(let elements):
            self = elements.reduce(into: .array) { $0.formUnion(ValueKind($1)) }
        case .number(let text):
            if ValueKind.isBeyondInt64(text) {
                self = .beyond
            } else {
                self = text.utf8.contains(where: ValueKind.isNoDigit) ? .fraction : .whole
            }
        case .string(let text): self = MappedFields.isDecimal(text) ? .numeral : .text
        case .boolean: self = .boolean
        case .null: self = []
        }
    }

    private static func isNoDigit(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
    }

    /// Whether a number has no place in a `long`.
    static func isBeyondInt64(_ text: String) -> Bool {
        if Int64(text) != nil { return false }
        guard let number = Double(text) else { return true }
        return !(number >= -0x1p63 && number < 0x1p63)
            || !text.utf8.contains(where: isNoDigit)
    }

    /// Whether a number has something behind the point that a `long` would cut.
    static func isFraction(_ text: some Sequence<UInt8>) -> Bool {
        let bytes = Array(text)
        guard bytes.contains(where: isNoDigit), let number = Double(String(decoding: bytes, as: UTF8.self))
        else { return false }
        return number.isFinite && number != number.rounded(.towardZero)
    }
}
