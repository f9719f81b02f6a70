import TestBasics
import Testing

@testable import Codec

@Suite("tokens")
struct TokenTests {
    @Test("a number is its token and raw bits, around every power of two")
    func tokens() {
        for exponent in 0..<64 {
            for offset: Int64 in -3...3 {
                for sign: Int64 in [1, -1] {
                    let value = (Int64(bitPattern: 1 << UInt64(exponent)) &+ offset) &* sign
                    let token = Token.token(value)
                    let width = Token.rawWidth(token)
                    #expect(token < Token.count)
                    #expect(Token.value(token, rawBits: Token.rawBits(value, width: width)) == value)
                    #expect(MagnitudeBucket.of(value.magnitude) < MagnitudeBucket.count)
                }
            }
        }
    }

    @Test("frequencies sum up to 4096, each token that occurs has one, and the table comes back")
    func frequencies() throws {
        let seed = freshSeed()
        var numbers = SeededGenerator(seed: seed)
        for round in 0..<100 {
            var counts = [UInt32](repeating: 0, count: Token.count)
            for token in counts.indices {
                switch round % 4 {
                case 0: counts[token] = UInt32.random(in: 0...20_000, using: &numbers)
                case 1: counts[token] = UInt32.random(in: 0...40, using: &numbers) == 0 ? 1 << 24 : 0
                case 2: counts[token] = 1
                default:
                    counts[token] = token % 7 == round % 7 ? UInt32.random(in: 0...3, using: &numbers) : 0
                }
            }
            counts[Int.random(in: 0..<Token.count, using: &numbers)] = 1 << UInt32(round % 31)
            let table = counts.withUnsafeBufferPointer { FrequencyTable(counts: $0) }
            #expect(table.frequencies.reduce(0) { $0 + Int($1) } == FrequencyTable.scale, "seed \(seed)")
            for (offset, frequency) in table.frequencies.enumerated() {
                #expect((frequency > 0) == (counts[table.first + offset] > 0), "seed \(seed)")
            }
            var writer = BitWriter()
            table.write(to: &writer)
            let read = try writer.finish().withUnsafeBufferPointer { bytes in
                var reader = BitReader(bytes)
                return try FrequencyTable(from: &reader)
            }
            #expect(read.frequencies == table.frequencies && read.first == table.first, "seed \(seed)")
        }
    }
}
