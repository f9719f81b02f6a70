import Model

/// The parameters of an address, checked.
struct QueryString {
    private let values: [String: [String]]

    /// Reads `a=1&b=2` with percent-encoding; `allowed` are the names that are known.
    init(_ text: String, allowed: Set<String>) throws(Refusal) {
        var values: [String: [String]] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = Self.decoded(parts[0]), let value = Self.decoded(parts[1])
            else {
                throw Refusal(status: 400, reason: "the address holds what is no NAME=VALUE in UTF-8")
            }
            guard allowed.contains(name) else {
                throw Refusal(status: 400, reason: "there is no such parameter; known: \(allowed.sorted())")
            }
            values[name, default: []].append(value)
        }
        self.values = values
    }

    /// The value of a parameter that may be given once; nil where it is not.
    func value(_ name: String) throws(Refusal) -> String? {
        let all = values[name] ?? []
        guard all.count <= 1 else { throw Refusal(status: 400, reason: "\(name) is given more than once") }
        return all.first
    }

    /// The value of a parameter that must be given.
    func required(_ name: String) throws(Refusal) -> String {
        guard let value = try value(name) else { throw Refusal(status: 400, reason: "\(name) is missing") }
        return value
    }

    /// All values of a parameter that may repeat: 1 up to `limit`.
    func all(_ name: String, limit: Int) throws(Refusal) -> [String] {
        let all = values[name] ?? []
        guard !all.isEmpty else { throw Refusal(status: 400, reason: "\(name) is missing") }
        guard all.count <= limit else {
            throw Refusal(status: 400, reason: "\(name) is given more than \(limit) times")
        }
        return all
    }

    /// A whole number from 1 up to `limit`.
    func count(_ name: String, default fallback: Int, limit: Int) throws(Refusal) -> Int {
        guard let text = try value(name) else { return fallback }
        guard let number = Int(text), (1...limit).contains(number) else {
            throw Refusal(status: 400, reason: "\(name) must be a whole number from 1 to \(limit)")
        }
        return number
    }

    /// The half-open range of two parameters in Unix milliseconds, both of which must be given.
    func range(_ since: String = "since", _ until: String = "until") throws(Refusal) -> TimeRange {
        let first = try required(since)
        let last = try required(until)
        guard let a = Int64(first).flatMap(Timestamp.init(accepting:)),
            let b = Int64(last).flatMap(Timestamp.init(accepting:)), a < b
        else {
            throw Refusal(
                status: 400,
                reason:
                    "\(since) and \(until) must be Unix milliseconds of the years 0 to 9999, in that order"
            )
        }
        return TimeRange(since: a, until: b)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"):
                bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default:
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
