import Testing

@testable import Codec

@Suite("columns of doubles")
struct DoubleColumnTests {
    static let odd: [Double] = [
        0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -.leastNormalMagnitude,
        .greatestFiniteMagnitude,
        1e22, 1e300, 0x1p53, -0x1p53 - 2, 0.1, -0.3, 1.0 / 3,
    ]

    @Test("every double comes back bit by bit in every form")
    func roundTrip() throws {
        let seed = freshSeed()
        var numbers = SeededNumbers(seed: seed)
        let values = Self.odd + (0..<500).map { _ in Double(bitPattern: numbers.next()) }
        for form in [.bits] + (0...DoubleColumn.exponentMax).map(DoubleColumn.Form.decimal(exponent:)) {
            let read = try DoubleColumn.decode(DoubleColumn.encode(values, as: form), as: form)
            #expect(read.map(\.bitPattern) == values.map(\.bitPattern), "seed \(seed)")
        }
    }

    @Test("ordered bits are ordered as the doubles are")
    func order() {
        let ascending: [Double] = [-.infinity, -1e300, -1, -1e-300, -0.0, 0, 1e-300, 0.5, 1, 2, .infinity]
        for (a, b) in zip(ascending, ascending.dropFirst()) {
            #expect(DoubleColumn.orderedBits(a) < DoubleColumn.orderedBits(b))
        }
        for value in Self.odd {
            let back = DoubleColumn.double(orderedBits: DoubleColumn.orderedBits(value))
            #expect(back.bitPattern == value.bitPattern)
        }
    }

    @Test("seconds with nanoseconds are decimals of nine digits, sums of them too, and random ones stay bits")
    func forms() {
        var numbers = SeededNumbers(seed: 2)
        var time = 262.5
        let exact = (0..<400).map { _ in
            time = ((time + Double.random(in: 0...0.1, using: &numbers)) * 1e9).rounded() / 1e9
            return time
        }
        #expect(DoubleColumn.form(for: exact) == .decimal(exponent: 9))
        var sum = 0.0
        let sums = (0..<400).map { _ in
            for _ in 0..<10 { sum += Double(Int64.random(in: 0...90_000, using: &numbers)) / 1e9 }
            return sum
        }
        #expect(DoubleColumn.form(for: sums) == .decimal(exponent: 9))
        let random = (0..<400).map { _ in Double.random(in: 0...1, using: &numbers) }
        #expect(DoubleColumn.form(for: random) == .bits)
        #expect(DoubleColumn.form(for: []) == .bits)
    }

    @Test("columns that do not fit the form are refused")
    func misfit() {
        #expect(throws: CodecError.self) { _ = try DoubleColumn.decode([[1]], as: .decimal(exponent: 2)) }
        #expect(throws: CodecError.self) {
            _ = try DoubleColumn.decode([[1], []], as: .decimal(exponent: 2))
        }
        #expect(throws: CodecError.self) {
            _ = try DoubleColumn.decode([[1], [1]], as: .decimal(exponent: 23))
        }
        #expect(throws: CodecError.self) { _ = try DoubleColumn.decode([], as: .bits) }
    }
}
