/// Entropy codes signed numbers by range asymmetric numeral systems (rANS), after what surrounds each.
///
/// Every number has a bucket (0 ≤ b < `MagnitudeBucket.count`): what the reader knows before it reads it, such as how
/// large the numbers before it were. Neighbouring buckets are put together into clusters, at most `clustersMax`, and
/// each cluster has a frequency table of its own. Layout:
///
///     clusters (gamma, less one) · upper bucket of each cluster but the last (gamma) · tables (bits, see
///     FrequencyTable), filled up to a byte          preceded by their length as a varint
///     words (varint)                                how many 16-bit words follow
///     state (4 bytes) · words (2 bytes each)        rANS, in the order in which they are read
///     raw bits of all numbers in order              to the end
///
/// Source: J. Duda, "Asymmetric numeral systems" (arXiv:1311.2540); the form with 32 bits of state and 16-bit words
/// is the usual one. A reader ends in the state in which the writer began, 2^16, which checks the whole.
/// Adaptive binary coding was tried: it saves the tables, 1 to 2 %, and reads five times as slowly.
struct TokenEncoder {
    /// A column has at most this many frequency tables.
    static let clustersMax = 8
    /// The state where writing begins and reading ends; states are kept at or above it.
    static let stateMin: UInt32 = 1 << 16

    /// Counts of tokens by bucket: `Token.count` for each.
    private var counts = [UInt32](repeating: 0, count: MagnitudeBucket.count * Token.count)
    private var usedBuckets = [Bool](repeating: false, count: MagnitudeBucket.count)
    private var tokens: [UInt16] = []
    private var buckets: [UInt8] = []
    private var rawBitCount = 0
    /// The largest token.
    private var tokenMax = 0

    /// An encoder without numbers.
    init() {}

    /// Takes these numbers in place of those before.
    mutating func load(_ values: [Int64]) {
        rawBitCount = 0
        if tokens.count != values.count {
            tokens = [UInt16](repeating: 0, count: values.count)
            buckets = [UInt8](repeating: 0, count: values.count)
        }
        var raw = 0
        var tokenMax = 0
        tokens.withUnsafeMutableBufferPointer { tokens in
            values.withUnsafeBufferPointer { values in
                for t in values.indices {
                    let token = Token.token(values[t])
                    tokens[t] = UInt16(truncatingIfNeeded: token)
                    raw &+= Token.rawWidth(token)
                    tokenMax = max(tokenMax, token)
                }
            }
        }
        rawBitCount = raw
        self.tokenMax = tokenMax
    }

    /// Gives each number its bucket, which `assign` writes; all are below `MagnitudeBucket.count`.
    mutating func assignBuckets(_ assign: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        for bucket in usedBuckets.indices where usedBuckets[bucket] {
            for i in bucket * Token.count..<(bucket + 1) * Token.count { counts[i] = 0 }
            usedBuckets[bucket] = false
        }
        buckets.withUnsafeMutableBufferPointer { assign($0) }
        counts.withUnsafeMutableBufferPointer { counts in
            usedBuckets.withUnsafeMutableBufferPointer { used in
                buckets.withUnsafeBufferPointer { buckets in
                    tokens.withUnsafeBufferPointer { tokens in
                        for t in tokens.indices {
                            let bucket = Int(truncatingIfNeeded: buckets[t])
                            used[bucket] = true
                            counts[bucket &* Token.count &+ Int(truncatingIfNeeded: tokens[t])] &+= 1
                        }
                    }
                }
            }
        }
    }

    /// The clusters that cost least, and the bytes that they will need, about.
    func plan() -> (clusters: BucketClusters, size: Int) {
        let clusters = BucketClusters(counts: counts, used: usedBuckets, width: tokenMax + 1)
        return (clusters, Int((clusters.bits + Double(rawBitCount)) / 8) + 8)
    }

    /// Writes the numbers, `values`, which are those that were loaded.
    func write(_ values: [Int64], clusters: BucketClusters, to writer: inout ByteWriter) {
        precondition(values.count == tokens.count, "BUG: other numbers than were counted")
        var head = BitWriter()
        head.gamma(UInt64(clusters.tables.count - 1))
        for bound in clusters.upperBuckets.dropLast() { head.gamma(UInt64(bound)) }
        for table in clusters.tables { table.write(to: &head) }
        let headBytes = head.finish()
        writer.count(headBytes.count)
        writer.raw(headBytes)

        let (state, words) = code(clusters)
        writer.count(words.count)
        writer.fixed32(state)
        for word in words.reversed() { writer.fixed16(word) }

        var bits = BitWriter()
        for (value, token) in zip(values, tokens) where token >= 16 {
            let width = Token.rawWidth(Int(token))
            bits.write(Token.rawBits(value, width: width), width: width)
        }
        writer.raw(bits.finish())
    }

    /// The final state, and the words in the order of writing: the last number first.
    private func code(_ clusters: BucketClusters) -> (UInt32, [UInt16]) {
        // Start and frequency of each token of each cluster.
        var slots = [UInt32](repeating: 0, count: clusters.tables.count * Token.count)
        for (index, table) in clusters.tables.enumerated() {
            var start: UInt32 = 0
            for (offset, frequency) in table.frequencies.enumerated() {
                slots[index * Token.count + table.first + offset] = start << 16 | UInt32(frequency)
                start += UInt32(frequency)
            }
        }
        let clusterOf = clusters.clusterOfBucket()
        var words: [UInt16] = []
        var state = TokenEncoder.stateMin
        for i in tokens.indices.reversed() {
            let slot = slots[Int(clusterOf[Int(buckets[i])]) &* Token.count &+ Int(tokens[i])]
            let frequency = slot & 0xffff
            let start = slot >> 16
            if UInt64(state) >= UInt64(frequency) << UInt64(32 - FrequencyTable.scaleBits) {
                words.append(UInt16(truncatingIfNeeded: state))
                state >>= 16
            }
            state = (state / frequency) << UInt32(FrequencyTable.scaleBits) &+ state % frequency &+ start
        }
        return (state, words)
    }
}
