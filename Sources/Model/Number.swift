/// The value of one numeric leaf, exact where the document's spelling is an integer.
///
/// An integer that fits Int64 is always `.integer`, so that equal numbers are equal values.
package enum Number: Hashable, Sendable {
    /// An integer in the range of Int64.
    case integer(Int64)
    /// An integer above Int64.max, up to UInt64.max.
    case unsigned(UInt64)
    /// Any other number, as the nearest IEEE double; finite.
    case real(Double)

    /// The integer, `.integer` where it fits.
    package init(_ value: UInt64) {
        if let fits = Int64(exactly: value) {
            self = .integer(fits)
        } else {
            self = .unsigned(value)
        }
    }

    /// The nearest double.
    package var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .real(let value): value
        }
    }

    /// The integer, where the value was spelled as one.
    package var exactInteger: Int128? {
        switch self {
        case .integer(let value): Int128(value)
        case .unsigned(let value): Int128(value)
        case .real: nil
        }
    }
}

extension Number: Comparable {
    /// Exact order: integers are compared as integers, never through a double that rounds them.
    package static func < (a: Number, b: Number) -> Bool {
        if let x = a.exactInteger, let y = b.exactInteger { return x < y }
        if let x = a.exactInteger { return isLess(x, b.double) }
        if let y = b.exactInteger { return isGreater(y, a.double) }
        return a.double < b.double
    }

    private static func isLess(_ integer: Int128, _ real: Double) -> Bool {
        // Every integer here lies in [-2⁶³, 2⁶⁴), so a real outside settles it, and one inside has an exact floor.
        if real >= 0x1p64 { return true }
        if real < -0x1p63 { return false }
        let floor = real.rounded(.down)
        return integer < Int128(floor) || (integer == Int128(floor) && real > floor)
    }

    private static func isGreater(_ integer: Int128, _ real: Double) -> Bool {
        if real >= 0x1p64 { return false }
        if real < -0x1p63 { return true }
        return integer > Int128(real.rounded(.down))
    }
}
