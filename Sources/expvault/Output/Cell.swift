import JSON
import Model

/// One value of an answer, which knows how it is written for each format.
enum Cell {
    /// Text, possibly from a target; escaped where it is shown.
    case text(String)
    /// A number as it is to be shown, digit for digit.
    case exact(String)
    /// Nothing to say: null, an empty CSV cell, a dash.
    case missing
    /// An exact integer in a unit.
    case integer(Int128, Unit? = nil)
    /// A double in a unit.
    case real(Double, Unit? = nil)
    /// A double in a unit per second.
    case perSecond(Double, Unit? = nil)
    /// A moment.
    case time(Timestamp)
    /// JSON only: written by the closure; the text stands in for it elsewhere.
    case nested(String, (inout JSONWriter) -> Void)

    /// A number in a unit, or `.missing`.
    static func number(_ value: Number?, _ unit: Unit? = nil) -> Cell {
        switch value {
        case .integer(let value): .integer(Int128(value), unit)
        case .unsigned(let value): .integer(Int128(value), unit)
        case .real(let value): .real(value, unit)
        case nil: .missing
        }
    }

    /// A double in a unit, or `.missing`.
    static func optional(_ value: Double?, _ unit: Unit? = nil) -> Cell {
        value.map { .real($0, unit) } ?? .missing
    }

    /// A moment, or `.missing`.
    static func optional(_ value: Timestamp?) -> Cell {
        value.map { .time($0) } ?? .missing
    }

    /// A text, or `.missing`.
    static func optional(_ value: String?) -> Cell {
        value.map { .text($0) } ?? .missing
    }

    /// Whether tables align it to the right.
    var isNumeric: Bool {
        switch self {
        case .integer, .real, .perSecond, .exact: true
        case .text, .missing, .time, .nested: false
        }
    }

    /// As a person reads it on a terminal.
    var human: String {
        switch self {
        case .text(let text): EscapedText.escape(text)
        case .exact(let text): text
        case .missing: "–"
        case .integer(let value, let unit): HumanText.quantity(value, unit: unit)
        case .real(let value, let unit): HumanText.quantity(value, unit: unit)
        case .perSecond(let value, let unit): HumanText.quantity(value, unit: unit, perSecond: true)
        case .time(let time): time.description
        case .nested(let text, _): EscapedText.escape(text)
        }
    }

    /// As a CSV cell holds it, before quoting: numbers exact and without a unit.
    var plain: String {
        switch self {
        case .text(let text): text
        case .exact(let text): text
        case .missing: ""
        case .integer(let value, _): String(value)
        case .real(let value, _), .perSecond(let value, _): value.isFinite ? JSONWriter.text(of: value) : ""
        case .time(let time): time.description
        case .nested(let text, _): text
        }
    }

    /// As a JSON value.
    func write(to json: inout JSONWriter) {
        switch self {
        case .text(let text): json.string(text)
        case .exact(let text): json.raw(text.utf8)
        case .missing: json.null()
        case .integer(let value, _): json.integer(value)
        case .real(let value, _), .perSecond(let value, _): json.real(value)
        case .time(let time): json.string(time.description)
        case .nested(_, let write): write(&json)
        }
    }
}

/// A row of an answer: names, as JSON and CSV call them, with values, in order.
struct Record {
    /// The members in the order of cli.md.
    var fields: [(name: String, cell: Cell)]

    init(_ fields: [(String, Cell)]) {
        self.fields = fields.map { (name: $0.0, cell: $0.1) }
    }

    /// Writes the members into an object that is open.
    func writeMembers(to json: inout JSONWriter) {
        for field in fields {
            json.key(field.name)
            field.cell.write(to: &json)
        }
    }
}
