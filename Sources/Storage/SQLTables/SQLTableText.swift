import Model
import SQLite

/// What values look like in SQL where SQL has no type for them.
enum SQLTableText {
    /// Whether those bytes are UTF-8.
    static func isUTF8(_ bytes: [UInt8]) -> Bool {
        String(validating: bytes, as: UTF8.self) != nil
    }

    /// Labels as a JSON object, by name.
    static func json(_ labels: [String: String]) -> String {
        let members = labels.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + quoted($0.value) }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// Texts as a JSON array.
    static func json(_ texts: [String]) -> String {
        "[" + texts.map(quoted).joined(separator: ",") + "]"
    }

    /// Only what JSON demands is escaped: what SQLite's JSON functions read, and nobody else.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A number with all its digits; a double with as many as bring it back.
    static func text(of number: Number) -> String {
        switch number {
        case .integer(let value): String(value)
        case .unsigned(let value): String(value)
        case .real(let value):
            value.description.hasSuffix(".0") ? String(value.description.dropLast(2)) : value.description
        }
    }
}

extension SQLResult {
    /// A number: INTEGER where it fits, else REAL (cli.md).
    func number(_ value: Number) {
        switch value {
        case .integer(let value): integer(value)
        case .unsigned(let value): real(Double(value))
        case .real(let value): real(value)
        }
    }

    /// An unsigned integer: INTEGER where it fits, else REAL.
    func unsigned(_ value: UInt64) { number(Number(value)) }
}

/// Functions about time: t is in Unix milliseconds everywhere.
enum SQLTimeFunctions {
    /// All of them.
    static var all: [SQLFunction] { [bucket(), rfc3339, unixMilliseconds] }

    /// What is wrong with a call.
    enum Failure: Error, CustomStringConvertible {
        case notATime(function: String)
        case notADuration
        case notRFC3339

        var description: String {
            switch self {
            case .notATime(let function): "\(function): t is a number of Unix milliseconds"
            case .notADuration: "bucket(t, step): \(DurationText.rule), and above 0"
            case .notRFC3339: "unix_ms(text): \(TimestampText.rule)"
            }
        }
    }

    /// `bucket(t, '1m')`: where the step that holds t begins; steps are whole multiples since 1970.
    private static func bucket() -> SQLFunction {
        // The step is the same for all rows of nearly every statement.
        var last: (text: [UInt8], grid: StepGrid)?
        return SQLFunction("bucket", argumentCount: 2) { arguments, result in
            guard let time = try time(arguments[0], "bucket(t, step)") else { return result.null() }
            guard case .text(let text) = arguments[1] else { throw Failure.notADuration }
            if last?.text != text {
                let step = DurationText.milliseconds(String(decoding: text, as: UTF8.self))
                guard let step, step > 0 else { throw Failure.notADuration }
                last = (text, StepGrid(stepMilliseconds: step))
            }
            guard let grid = last?.grid else { throw Failure.notADuration }
            result.integer(grid.start(of: time).milliseconds)
        }
    }

    /// `rfc3339(t)`: the moment as text, in UTC with milliseconds.
    private static var rfc3339: SQLFunction {
        SQLFunction("rfc3339", argumentCount: 1) { arguments, result in
            guard let time = try time(arguments[0], "rfc3339(t)") else { return result.null() }
            result.text(TimestampText.format(time))
        }
    }

    /// `unix_ms('2026-01-02T03:04:05Z')`: the moment that a text names, or the first of a date.
    private static var unixMilliseconds: SQLFunction {
        SQLFunction("unix_ms", argumentCount: 1) { arguments, result in
            switch arguments[0] {
            case .null:
                result.null()
            case .text(let text):
                guard let time = TimestampText.parse(String(decoding: text, as: UTF8.self)) else {
                    throw Failure.notRFC3339
                }
                result.integer(time.milliseconds)
            case .integer, .real, .blob:
                throw Failure.notRFC3339
            }
        }
    }

    /// Of a double the millisecond that holds it; nil for NULL.
    private static func time(_ value: SQLValue, _ function: String) throws -> Timestamp? {
        switch value {
        case .null: return nil
        case .integer(let value): return Timestamp(milliseconds: value)
        case .real(let value):
            guard let whole = Int64(exactly: value.rounded(.down)) else {
                throw Failure.notATime(function: function)
            }
            return Timestamp(milliseconds: whole)
        case .text, .blob: throw Failure.notATime(function: function)
        }
    }
}
