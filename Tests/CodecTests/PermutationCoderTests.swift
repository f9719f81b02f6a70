import TestBasics
import Testing

@testable import Codec

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("Orders of lists as bytes")
struct PermutationCoderTests {
    private func shuffled(_ sizes: [Int], _ random: inout SeededGenerator) -> [UInt16] {
        sizes.flatMap { size in (0..<size).map { UInt16($0) }.shuffled(using: &random) }
    }

    private func encoded(_ orders: [[UInt16]], _ sizes: [Int]) -> [UInt8] {
        var coder = PermutationCoder()
        var encoder = RangeEncoder()
        for order in orders { coder.encode(order, sizes, of: 1, into: &encoder) }
        return encoder.finish()
    }

    private func decoded(_ bytes: [UInt8], _ count: Int, _ sizes: [Int]) -> [[UInt16]] {
        var coder = PermutationCoder()
        var decoder = RangeDecoder(bytes)
        return (0..<count).map { _ in coder.decode(sizes, of: 1, from: &decoder) }
    }

    @Test("come back, whatever they are and whichever layouts take turns")
    func roundTrip() {
        let seed = freshSeed()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let layouts = (0..<3).map { _ in (0..<random.below(12)).map { _ in 2 + random.below(40) } }
            var orders: [(layout: Int, order: [UInt16])] = []
            for _ in 0..<60 {
                let layout = random.below(3)
                let last = orders.last { $0.layout == layout }?.order ?? []
                let order = random.percent(50) ? shuffled(layouts[layout], &random) : last
                orders.append(
                    (
                        layout,
                        PermutationCoder.isIdentity(order, order.isEmpty ? [] : layouts[layout]) ? [] : order
                    )
                )
            }
            var coder = PermutationCoder()
            var encoder = RangeEncoder()
            for (layout, order) in orders {
                coder.encode(order, layouts[layout], of: Int64(layout), into: &encoder)
            }
            var reader = PermutationCoder()
            var decoder = RangeDecoder(encoder.finish())
            for (layout, order) in orders {
                let found = reader.decode(layouts[layout], of: Int64(layout), from: &decoder)
                #expect(found == order, "seed \(seed)")
            }
        }
    }

    @Test("take what log2(n!) says, within two parts of a hundred, and nothing where they stay")
    func sizes() {
        var random = SeededGenerator(seed: 5)
        // Kapacitor's: a map of 48, and in each member three, four and two.
        let sizes = [48] + (0..<48).flatMap { _ in [3, 5, 2] }
        let bits: Double = sizes.reduce(0.0) { $0 + lgamma(Double($1 + 1)) / log(2) }
        let shuffled = (0..<600).map { _ in self.shuffled(sizes, &random) }
        let bytes = encoded(shuffled, sizes)
        #expect(Double(bytes.count * 8) < bits * 612)
        #expect(decoded(bytes, 600, sizes) == shuffled)
        let same = [[UInt16]](repeating: shuffled[0], count: 600)
        // Short lists may come out as they were by chance, and are coded a few times more.
        #expect(Double(encoded(same, sizes).count * 8) < bits * 8)
        #expect(encoded([[UInt16]](repeating: [], count: 600), sizes).isEmpty)
        // One list of many that is shuffled each time.
        var one = [[UInt16]](repeating: shuffled[0], count: 600)
        for index in one.indices { one[index].replaceSubrange(0..<48, with: shuffled[index][0..<48]) }
        let ofOne: Double = lgamma(49) / log(2)
        #expect(Double(encoded(one, sizes).count * 8) < ofOne * 612 + bits * 8)
    }

    @Test("of two members take a bit each time, and of 10 000 what they hold")
    func smallAndLarge() {
        var random = SeededGenerator(seed: 6)
        let two = (0..<4000).map { _ in shuffled([2], &random) }
        #expect(encoded(two, [2]).count < 4000 / 8 * 11 / 10)
        let large = (0..<3).map { _ in shuffled([10_000], &random) }
        let bytes = encoded(large, [10_000])
        let bits: Double = 3 * lgamma(10_001) / log(2)
        #expect(Double(bytes.count * 8) < bits * 1.01)
        #expect(decoded(bytes, 3, [10_000]) == large)
    }

    @Test("are permutations, whatever the bytes")
    func anyBytes() {
        let seed = freshSeed()
        var random = SeededGenerator(seed: seed)
        var hostile = HostileColumns()
        for _ in 0..<300 {
            hostile.orders((0..<random.below(80)).map { _ in UInt8(random.below(256)) })
        }
    }
}

@Suite("Bits and numbers as bytes")
struct RangeCoderTests {
    @Test("come back, all ways of mixing them")
    func roundTrip() {
        let seed = freshSeed()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            var models = [AdaptiveBit](repeating: AdaptiveBit(), count: 4)
            var encoder = RangeEncoder()
            var symbols: [(value: Int, total: Int)] = []
            for _ in 0..<random.below(400) {
                let total = random.percent(50) ? 0 : 1 + random.below(random.percent(20) ? 65_536 : 50)
                let value =
                    total == 0
                    ? (random.percent(90) ? 0 : 1) : random.percent(30) ? total - 1 : random.below(total)
                symbols.append((value, total))
                if total == 0 {
                    encoder.bit(value == 1, &models[symbols.count % 4])
                } else {
                    encoder.uniform(value, below: total)
                }
            }
            var readers = [AdaptiveBit](repeating: AdaptiveBit(), count: 4)
            var decoder = RangeDecoder(encoder.finish())
            for (index, symbol) in symbols.enumerated() {
                let value =
                    symbol.total == 0
                    ? (decoder.bit(&readers[(index + 1) % 4]) ? 1 : 0) : decoder.uniform(below: symbol.total)
                #expect(value == symbol.value, "seed \(seed), symbol \(index)")
                if value != symbol.value { return }
            }
        }
    }
}
