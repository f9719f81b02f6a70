/// Buckets put together so that tables and tokens are smallest.
struct BucketClusters {
    /// The last bucket of each cluster, ascending; of the last cluster the last bucket of all.
    private(set) var upperBuckets: [Int] = []
    /// A table for each cluster.
    private(set) var tables: [FrequencyTable] = []
    /// What tables and tokens cost, about, in bits.
    private(set) var bits = 0.0

    /// The best found by joining neighbours as long as that saves something.
    ///
    /// `counts` has `Token.count` places for each bucket, of which the first `width` may be other than 0.
    init(counts: [UInt32], used: [Bool], width: Int) {
        // Most columns use a fifth of the tokens, and the others would be added up again and again.
        var groups: [(upper: Int, counts: [UInt32], bits: Double)] = []
        for bucket in used.indices where used[bucket] {
            let own = Array(counts[bucket * Token.count..<bucket * Token.count + width])
            groups.append((bucket, own, Self.bits(own)))
        }
        precondition(!groups.isEmpty, "BUG: no numbers to code")
        func joined(_ i: Int) -> (counts: [UInt32], bits: Double) {
            let sums = [UInt32](unsafeUninitializedCapacity: width) { sums, initialized in
                groups[i].counts.withUnsafeBufferPointer { a in
                    groups[i + 1].counts.withUnsafeBufferPointer { b in
                        for token in 0..<width { sums[token] = a[token] &+ b[token] }
                    }
                }
                initialized = width
            }
            return (sums, Self.bits(sums))
        }
        var candidates = groups.count > 1 ? (0..<groups.count - 1).map(joined) : []
        while !candidates.isEmpty {
            var best = 0
            var bestGain = -Double.infinity
            for i in candidates.indices {
                let gain = groups[i].bits + groups[i + 1].bits - candidates[i].bits
                if gain > bestGain { (best, bestGain) = (i, gain) }
            }
            if bestGain < 0, groups.count <= TokenEncoder.clustersMax { break }
            groups[best] = (groups[best + 1].upper, candidates[best].counts, candidates[best].bits)
            groups.remove(at: best + 1)
            candidates.remove(at: best)
            if best > 0 { candidates[best - 1] = joined(best - 1) }
            if best < candidates.count { candidates[best] = joined(best) }
        }
        for group in groups {
            upperBuckets.append(group.upper)
            tables.append(group.counts.withUnsafeBufferPointer { FrequencyTable(counts: $0) })
            bits += group.bits
        }
        upperBuckets[upperBuckets.count - 1] = MagnitudeBucket.count - 1
    }

    /// The cluster of each bucket.
    func clusterOfBucket() -> [UInt8] {
        var result: [UInt8] = []
        for (cluster, upper) in upperBuckets.enumerated() {
            while result.count <= upper { result.append(UInt8(cluster)) }
        }
        return result
    }

    /// The entropy of the counts, and 4 bits for each entry of the table (measured) and 12 for the rest.
    private static func bits(_ counts: [UInt32]) -> Double {
        var total = 0
        var sum: Float = 0
        var entries = 0
        logarithms.withUnsafeBufferPointer { logarithms in
            for count in counts where count != 0 {
                total += Int(count)
                entries += 1
                sum += xlog2x(Int(count), logarithms)
            }
            sum = xlog2x(total, logarithms) - sum
        }
        return Double(sum) + Double(entries) * 4 + 12
    }

    @inline(__always)
    private static func xlog2x(_ n: Int, _ logarithms: UnsafeBufferPointer<Float>) -> Float {
        if n < logarithms.count { return Float(n) * logarithms[n] }
        // Beyond the table the octave is enough: this only ranks plans.
        let shift = Int.bitWidth - n.leadingZeroBitCount - 14
        return Float(n) * (logarithms[n >> shift] + Float(shift))
    }

    /// The binary logarithms of 0 (as 0) to 16 383.
    private static let logarithms: [Float] = {
        // log2(n) = log2(n / 2) + 1 for even n; odd ones by a series around the even neighbour would do, but the
        // standard library has no logarithm without the C library: x = m·2^e, and log2(m) by squaring, 20 bits.
        var table = [Float](repeating: 0, count: 16_384)
        for n in 2..<table.count {
            var mantissa = Double(n).significand
            var result = Double(Double(n).exponent)
            var bit = 0.5
            for _ in 0..<20 {
                mantissa *= mantissa
                if mantissa >= 2 {
                    mantissa /= 2
                    result += bit
                }
                bit /= 2
            }
            table[n] = Float(result)
        }
        return table
    }()
}
