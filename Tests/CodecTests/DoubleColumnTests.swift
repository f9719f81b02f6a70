import TestBasics
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
        var numbers = SeededGenerator(seed: seed)
        let values = Self.odd + (0..<500).map { _ in Double(bitPattern: numbers.next()) }
        let forms =
            [
                .bits, .average(thousandths: 1, isWeighted: false),
                .average(thousandths: 999, isWeighted: true),
            ]
            + (0...DoubleColumn.exponentMax).map(DoubleColumn.Form.decimal(exponent:))
        for form in forms {
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
        var numbers = SeededGenerator(seed: 2)
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

    @Test(
        "moving averages of counts are found, and are their counts",
        arguments: [(100, false), (100, true), (31, false)]
    )
    func averages(_ thousandths: Int, _ isWeighted: Bool) throws {
        var numbers = SeededGenerator(seed: 8)
        let a = Double(thousandths) / 1000
        var average = 0.0
        var counts: [Int64] = []
        let values = (0..<300).map { _ in
            counts.append(Int64.random(in: 0...2000, using: &numbers))
            let n = Double(counts[counts.count - 1])
            average = isWeighted ? (1 - a) * average + a * n : average + a * (n - average)
            return average
        }
        let form = DoubleColumn.form(for: values)
        #expect(form == .average(thousandths: thousandths, isWeighted: isWeighted))
        let columns = DoubleColumn.encode(values, as: form)
        #expect(columns[1].allSatisfy { $0 == 0 })
        #expect(zip(columns[0], [0] + columns[0]).map { $0 - $1 } == counts)
        #expect(try DoubleColumn.decode(columns, as: form) == values)
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
        #expect(throws: CodecError.self) {
            _ = try DoubleColumn.decode([[1], [1]], as: .average(thousandths: 0, isWeighted: false))
        }
    }
}
