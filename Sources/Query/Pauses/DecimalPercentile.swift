/// A percentile as it was asked for: a decimal number from 0 to 100, kept exact.
///
/// 99.9 of 1000 pauses is number 999; through a double it would be 99.9 / 100 × 1000 = 999.0000000000001 and
/// thus number 1000.
package struct DecimalPercentile: Hashable, Sendable {
    /// Digits after the point beyond this are refused, so that `rank(of:)` stays within 128 bits.
    package static let fractionDigitsMax = 12

    /// As it was spelled: the key of the answer.
    package let text: String
    /// `numerator / denominator` is the percentile as a share of 1.
    private let numerator: UInt64
    private let denominator: UInt64

    /// Reads `50`, `99.9`, `0`, `100`; digits with at most one point among them, nothing else.
    ///
    /// - Throws: `QueryError.badPercentile`.
    package init(_ text: String) throws(QueryError) {
        var numerator: UInt64 = 0
        var denominator: UInt64 = 100
        var digits = 0
        var fractionDigits: Int?
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                if let seen = fractionDigits {
                    fractionDigits = seen + 1
                    // Bounded: below, with each digit.
                    denominator *= 10
                }
                // Bounded: below, with each digit.
                numerator = numerator * 10 + UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: ".") where fractionDigits == nil && digits > 0:
                fractionDigits = 0
            default:
                throw QueryError.badPercentile(text)
            }
            // Checked with each digit, so that neither number overflows: at most 100 × 10¹² × 10 + 9.
            guard numerator <= denominator, fractionDigits ?? 0 <= Self.fractionDigitsMax, digits <= 40 else {
                throw QueryError.badPercentile(text)
            }
        }
        guard digits > 0, fractionDigits != 0 else { throw QueryError.badPercentile(text) }
        self.text = text
        self.numerator = numerator
        self.denominator = denominator
    }

    /// The number, from 1, of the value at this percentile among `count` sorted ones.
    ///
    /// It is `ceil(p / 100 × count)`, at least 1. For `count` above 0.
    package func rank(of count: Int) -> Int {
        precondition(count > 0, "BUG: no percentile of nothing")
        // Bounded: numerator ≤ denominator ≤ 10¹⁴ < 2⁴⁷ and count < 2⁶³, so the product stays below 2¹¹⁰.
        let product = UInt128(numerator) * UInt128(count)
        let denominator = UInt128(denominator)
        let rank = product / denominator + (product % denominator == 0 ? 0 : 1)
        return max(1, Int(rank))
    }
}
