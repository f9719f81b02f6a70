/// `percentile(x, p)`: the exact p-th percentile of the x that are not NULL, by nearest rank.
///
/// Of k sorted values it is number ceil(p / 100 × k), at least the first; NULL of none. As p is a decimal, 99.9 of
/// 1000 values is number 999, where 99.9 / 100 × 1000 in doubles lies just above 999 and would give number 1000.
package struct PercentileAggregate: SQLAggregate {
    package static let name = "percentile"
    package static let argumentCount = 2

    /// A group holds no more values than this: 8 bytes each, 128 MiB.
    static let valuesMax = 1 << 24

    private var values = OrderedNumbers()
    private var percent: (value: SQLValue, share: DecimalShare)?

    /// Of no values.
    package init() {}

    /// What is wrong with a call.
    package enum Failure: Error, CustomStringConvertible {
        /// p is no number from 0 to 100 with a reasonable number of digits.
        case badPercent
        /// p changed within a group.
        case changingPercent
        /// x is text or bytes.
        case notANumber
        /// There are too many values.
        case tooMany

        /// One sentence.
        package var description: String {
            switch self {
            case .badPercent: "percentile(x, p): p is a number from 0 to 100, such as 99.9"
            case .changingPercent: "percentile(x, p): p must be the same for all rows"
            case .notANumber: "percentile(x, p): x must be a number or NULL"
            case .tooMany:
                "percentile(x, p): more than \(PercentileAggregate.valuesMax) values; narrow the rows"
            }
        }
    }

    /// Takes in x; p must stay the same.
    package mutating func add(_ arguments: [SQLValue]) throws {
        if let percent {
            guard percent.value == arguments[1] else { throw Failure.changingPercent }
        } else {
            guard let share = DecimalShare(percent: arguments[1]) else { throw Failure.badPercent }
            percent = (arguments[1], share)
        }
        switch arguments[0] {
        case .null: return
        case .integer(let value): values.append(value)
        case .real(let value): values.append(value)
        case .text, .blob: throw Failure.notANumber
        }
        guard values.count <= PercentileAggregate.valuesMax else { throw Failure.tooMany }
    }

    /// Lets go of the x taken in first.
    package mutating func removeFirst(_ arguments: [SQLValue]) throws {
        if arguments[0] != .null { values.removeFirst() }
    }

    /// The percentile of what is in.
    package mutating func put(into result: SQLResult) throws {
        guard let percent, values.count > 0 else { return result.null() }
        result.value(values.value(atRank: percent.share.rank(of: values.count)))
    }
}

/// Numbers in the order in which they came, of which the k-th smallest is asked for.
private struct OrderedNumbers {
    /// All values, as long as all are integers; the first `skipped` do not count any more.
    private var integers: [Int64] = []
    /// All values, once a double was among them.
    private var mixed: [SQLValue]?
    private var skipped = 0

    var count: Int { (mixed?.count ?? integers.count) - skipped }

    mutating func append(_ value: Int64) {
        if mixed == nil { integers.append(value) } else { mixed?.append(.integer(value)) }
    }

    mutating func append(_ value: Double) {
        if mixed == nil {
            mixed = integers.map { .integer($0) }
            integers = []
        }
        mixed?.append(.real(value))
    }

    mutating func removeFirst() {
        precondition(count > 0, "BUG: SQLite takes a row out of a window that is not in it")
        skipped += 1
        // Now and then what was skipped is let go, so that each value moves once on average.
        guard skipped > 1024, skipped * 2 > skipped + count else { return }
        if mixed == nil { integers.removeFirst(skipped) } else { mixed?.removeFirst(skipped) }
        skipped = 0
    }

    func value(atRank rank: Int) -> SQLValue {
        guard let mixed else { return .integer(integers[skipped...].sorted()[rank - 1]) }
        return mixed[skipped...].sorted(by: OrderedNumbers.isLess)[rank - 1]
    }

    private static func isLess(_ a: SQLValue, _ b: SQLValue) -> Bool {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): a < b
        case (.real(let a), .real(let b)): a < b
        case (.integer(let a), .real(let b)): isLess(a, b)
        case (.real(let a), .integer(let b)): isGreater(b, a)
        default: false
        }
    }

    // An integer and a double are compared exactly: a double beyond ±2⁶³ settles it, and one within has an exact
    // floor. NaN does not occur: SQLite has NULL in its place.

    private static func isLess(_ integer: Int64, _ real: Double) -> Bool {
        if real >= 0x1p63 { return true }
        if real < -0x1p63 { return false }
        let floor = real.rounded(.down)
        return integer < Int64(floor) || (integer == Int64(floor) && real > floor)
    }

    private static func isGreater(_ integer: Int64, _ real: Double) -> Bool {
        if real >= 0x1p63 { return false }
        if real < -0x1p63 { return true }
        return integer > Int64(real.rounded(.down))
    }
}

/// A percentage as an exact fraction.
struct DecimalShare: Equatable {
    private let numerator: UInt128
    private let denominator: UInt128

    /// Digits after the point beyond this are refused; the shortest text of a double has 17 at most.
    static let fractionDigitsMax = 17

    /// The percentage that a value spells, from 0 to 100; a double counts as its shortest decimal.
    init?(percent: SQLValue) {
        switch percent {
        case .integer(let value):
            guard (0...100).contains(value) else { return nil }
            self.init(decimal: Array(String(value).utf8))
        case .real(let value):
            guard value >= 0, value <= 100 else { return nil }
            self.init(decimal: Array((value == 0 ? "0" : value.description).utf8))
        case .text(let text):
            self.init(decimal: text)
        case .null, .blob:
            return nil
        }
    }

    /// Digits with at most one point among them.
    private init?(decimal: [UInt8]) {
        var numerator: UInt128 = 0
        var denominator: UInt128 = 100
        var digits = 0
        var fractionDigits: Int?
        for byte in decimal {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                numerator = numerator * 10 + UInt128(byte - UInt8(ascii: "0"))
                if let seen = fractionDigits {
                    fractionDigits = seen + 1
                    denominator *= 10
                }
            case UInt8(ascii: ".") where fractionDigits == nil && digits > 0:
                fractionDigits = 0
            default:
                return nil
            }
            // Checked with each digit: the numerator stays below 100 × 10¹⁷ × 10.
            guard numerator <= denominator, digits <= 40,
                fractionDigits ?? 0 <= DecimalShare.fractionDigitsMax
            else { return nil }
        }
        guard digits > 0, fractionDigits != 0 else { return nil }
        self.numerator = numerator
        self.denominator = denominator
    }

    /// The number, from 1, of the value at this share of `count` sorted ones.
    func rank(of count: Int) -> Int {
        // numerator ≤ denominator ≤ 10¹⁹ < 2⁶⁴ and count < 2⁶³, so the product stays below 2¹²⁷.
        let product = numerator * UInt128(count)
        let rank = product / denominator + (product % denominator == 0 ? 0 : 1)
        return max(1, Int(rank))
    }
}
