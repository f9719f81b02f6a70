import TestBasics
import Testing

@testable import Codec

@Suite("columns of integers")
struct IntegerColumnTests {
    static func decode(
        _ bytes: [UInt8],
        _ count: Int,
        _ columns: [[Int64]] = []
    ) throws(CodecError) -> [Int64] {
        var reader = ByteReader(bytes)
        return try IntegerColumn.decode(&reader, count: count) { (column) throws(CodecError) in
            guard columns.indices.contains(column) else { throw .malformed("no such column") }
            return columns[column]
        }
    }

    /// Columns of all kinds that occur, and of some that do not.
    static func column(_ kind: Int, count: Int, using numbers: inout SeededGenerator) -> [Int64] {
        var value = Int64.random(in: -1_000...1_000_000, using: &numbers)
        return (0..<count).map { row in
            switch kind {
            case 0: return value
            case 1: value &+= 10_000
            case 2: value &+= Int64.random(in: 0...300, using: &numbers)
            case 3: value = Int64.random(in: -5...5, using: &numbers)
            case 4:
                value &+=
                    Int.random(in: 0...30, using: &numbers) == 0
                    ? 8192 * Int64.random(in: -9...9, using: &numbers) : 0
            case 5: value = Int64(bitPattern: numbers.next())
            case 6: value = row % 50 == 49 ? 0 : value &+ Int64.random(in: 0...1 << 40, using: &numbers)
            case 7: value &+= 1_000 &+ Int64(row)
            case 8: value = [.min, .max, 0, -1][Int.random(in: 0...3, using: &numbers)]
            default: value &+= 96 &* Int64.random(in: -40_000...60_000, using: &numbers)
            }
            return value
        }
    }

    @Test("every column of up to three of seven numbers comes back")
    func exhaustive() throws {
        let numbers: [Int64] = [0, 1, -1, 7, .max, .min, 1 << 33]
        var encoder = IntegerColumn.Encoder()
        for count in 0...3 {
            var digits = [Int](repeating: 0, count: count)
            var isDone = false
            while !isDone {
                let column = digits.map { numbers[$0] }
                #expect(try Self.decode(encoder.encode(column), count) == column)
                isDone = true
                for i in digits.indices {
                    digits[i] = (digits[i] + 1) % numbers.count
                    if digits[i] != 0 {
                        isDone = false
                        break
                    }
                }
            }
        }
    }

    @Test(
        "columns of every kind and size come back, plainly encoded and with all that is tried for cold chunks"
    )
    func roundTrip() throws {
        let seed = freshSeed()
        var numbers = SeededGenerator(seed: seed)
        var encoder = IntegerColumn.Encoder()
        for kind in 0..<10 {
            for count in [0, 1, 2, 3, 17, 120, 361] {
                let column = Self.column(kind, count: count, using: &numbers)
                #expect(try Self.decode(encoder.encode(column), count) == column, "seed \(seed)")
                let other = Self.column(2, count: count, using: &numbers)
                let prediction = LinearPrediction(
                    terms: [
                        .init(
                            column: 0,
                            isGap: false,
                            weight: Int64.random(in: -9000...9000, using: &numbers)
                        ),
                        .init(column: 0, isGap: true, weight: Int64.random(in: -90...90, using: &numbers)),
                    ],
                    bias: Int64(bitPattern: numbers.next() >> 40),
                    shift: Int.random(in: 0...62, using: &numbers),
                    gate: count % 2 == 0 ? 0 : nil
                )
                let cold = encoder.encode(
                    column,
                    predictions: [prediction],
                    divisor: IntegerColumn.divisor(column)
                ) { _ in other }
                #expect(try Self.decode(cold, count, [other]) == column, "seed \(seed) kind \(kind)")
            }
        }
    }

    @Test("noise takes little more than its bits, and what hardly changes next to nothing")
    func sizes() {
        var numbers = SeededGenerator(seed: 5)
        var encoder = IntegerColumn.Encoder()
        let noise = Self.column(2, count: 8000, using: &numbers)
        // log2(301) = 8.23 bits; that the last of its classes is not full costs 0.22 more.
        #expect(encoder.encode(noise).count < 8000 * 86 / 80)
        #expect(encoder.encode(Self.column(0, count: 8000, using: &numbers)).count <= 5)
        #expect(encoder.encode(Self.column(1, count: 8000, using: &numbers)).count <= 8)
        let multiples = Self.column(9, count: 4000, using: &numbers)
        // log2(100 001) = 16.6 bits, where the numbers without their divisor take 23.2.
        #expect(encoder.encode(multiples).count < 4000 * 17 / 8 + 60)
    }

    @Test("a column cut at any byte is refused")
    func truncation() {
        var numbers = SeededGenerator(seed: 11)
        var encoder = IntegerColumn.Encoder()
        for kind in 0..<10 {
            let column = Self.column(kind, count: 120, using: &numbers)
            let bytes = encoder.encode(column)
            for count in bytes.indices {
                #expect(throws: CodecError.self) { _ = try Self.decode(Array(bytes[..<count]), 120) }
            }
            #expect(throws: CodecError.self) { _ = try Self.decode(bytes + [0], 120) }
        }
    }

    @Test("flipped bits, wrong counts and random bytes give an error or other numbers, and never trap")
    func damage() {
        let seed = freshSeed()
        var numbers = SeededGenerator(seed: seed)
        var encoder = IntegerColumn.Encoder()
        let other = Self.column(2, count: 200, using: &numbers)
        for kind in 0..<10 {
            let column = Self.column(kind, count: 200, using: &numbers)
            let prediction = LinearPrediction(
                terms: [.init(column: 0, isGap: false, weight: 3), .init(column: 0, isGap: true, weight: 1)],
                bias: 1,
                shift: 1,
                gate: 0
            )
            for bytes in [
                encoder.encode(column),
                encoder.encode(column, predictions: [prediction], divisor: 1) { _ in other },
            ] {
                for position in 0..<min(bytes.count, 160) {
                    for bit in 0..<8 {
                        var flipped = bytes
                        flipped[position] ^= 1 << UInt8(bit)
                        if let read = try? Self.decode(flipped, 200, [other]) { #expect(read.count == 200) }
                        _ = try? IntegerColumn.columnsRead(by: ByteReader(flipped))
                    }
                }
                for count in [0, 1, 2, 199, 201, 5000] { _ = try? Self.decode(bytes, count, [other]) }
            }
        }
        for _ in 0..<3000 {
            var bytes = (0..<Int.random(in: 0...60, using: &numbers)).map { _ in
                UInt8(truncatingIfNeeded: numbers.next())
            }
            if !bytes.isEmpty { bytes[0] = UInt8.random(in: 0...5, using: &numbers) }
            _ = try? Self.decode(bytes, Int.random(in: 0...40, using: &numbers), [other])
        }
    }

    @Test("a column that foretells needs as many values as the one foretold")
    func lengths() {
        var encoder = IntegerColumn.Encoder()
        var numbers = SeededGenerator(seed: 3)
        let other = Self.column(5, count: 300, using: &numbers)
        let bytes = encoder.encode(
            other,
            predictions: [
                LinearPrediction(terms: [.init(column: 0, isGap: false, weight: 1)], bias: 0, shift: 0)
            ],
            divisor: 1
        ) { _ in other }
        #expect(bytes.count < 40)
        #expect((try? IntegerColumn.columnsRead(by: ByteReader(bytes))) == [0])
        #expect(throws: CodecError.self) { _ = try Self.decode(bytes, 300, [Array(other.dropLast())]) }
    }
}
