import Model
import Testing

@Suite("Numbers")
struct NumberTests {
    /// Ascending, each strictly below the next; the neighbours of 2⁵³, 2⁶³ and 2⁶⁴ are where doubles round.
    private let ascending: [Number] = [
        .real(-.greatestFiniteMagnitude), .real(-0x1.0000000000001p63), .integer(.min), .integer(.min + 1),
        .real(-1.5), .integer(-1), .real(-0.5), .integer(0), .real(.leastNonzeroMagnitude), .integer(1),
        .real(1.5),
        .integer(2),
        .integer(1 << 53), .integer(1 << 53 + 1), .real(0x1p53 + 2), .integer(.max), .real(0x1p63),
        .unsigned(1 << 63 + 1), .unsigned(.max), .real(0x1p64), .real(.greatestFiniteMagnitude),
    ]

    @Test("order is exact, also where a double would round")
    func order() {
        for (i, a) in ascending.enumerated() {
            for (j, b) in ascending.enumerated() {
                #expect((a < b) == (i < j), "\(a) \(b)")
                #expect((a > b) == (i > j), "\(a) \(b)")
            }
        }
    }

    @Test("an integer that fits Int64 is never unsigned")
    func normal() {
        #expect(Number(UInt64(5)) == .integer(5))
        #expect(Number(UInt64(Int64.max)) == .integer(.max))
        #expect(Number(UInt64(1) << 63) == .unsigned(1 << 63))
        #expect(Number(UInt64.max).exactInteger == Int128(UInt64.max))
        #expect(Number.real(1).exactInteger == nil)
        #expect(Number.unsigned(.max).double == 0x1p64)
    }
}
