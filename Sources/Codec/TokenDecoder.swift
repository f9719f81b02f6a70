/// Reads what `TokenEncoder` writes, number by number.
///
/// `withDecoder` parses tables and gives a decoder that is valid in its closure only; then one call of `next` for each
/// number, and `finish`, which says whether all was as it should be. Inside the loop nothing is checked but the end of
/// the words: reading past it yields zeros, and `finish` throws.
struct TokenDecoder {
    private var state: UInt32
    private var bits: BitReader
    private let words: UnsafeRawBufferPointer
    private var wordOffset = 0
    private let lookup: UnsafeBufferPointer<UInt32>
    private let escaped: UnsafeBufferPointer<UInt16>
    private let clusterOfBucket: UnsafeBufferPointer<UInt8>

    /// Reads the tables in `reader`, which is used up, and calls `body` with the decoder.
    static func withDecoder<Result>(
        _ reader: inout ByteReader,
        _ body: (inout TokenDecoder) throws(CodecError) -> Result
    ) throws(CodecError) -> Result {
        let headSize = try reader.count(max: reader.remaining, "frequency tables")
        let head = try reader.raw(headSize)
        let (clusterOf, tables) = try readTables(head)
        let wordCount = try reader.count(max: reader.remaining / 2, "words")
        let state = try reader.fixed32()
        let words = try reader.raw(wordCount * 2)
        let rest = try reader.raw(reader.remaining)

        let (lookup, escaped) = lookup(of: tables)
        // Typed throws do not go through the closures of `withUnsafe…`, so the outcome is carried out as a value.
        let outcome: Swift.Result<Result, CodecError> = lookup.withUnsafeBufferPointer { lookup in
            escaped.withUnsafeBufferPointer { escaped in
                clusterOf.withUnsafeBufferPointer { clusterOf in
                    words.withUnsafeBytes { words in
                        rest.withUnsafeBufferPointer { rest in
                            var decoder = TokenDecoder(
                                state: state,
                                bits: BitReader(rest),
                                words: words,
                                lookup: lookup,
                                escaped: escaped,
                                clusterOfBucket: clusterOf
                            )
                            do throws(CodecError) {
                                return .success(try body(&decoder))
                            } catch {
                                return .failure(error)
                            }
                        }
                    }
                }
            }
        }
        return try outcome.get()
    }

    /// In place of a token: it stands in the other table.
    private static let escape: UInt32 = 0xff

    /// What a state's lowest bits mean by each table: token (8 bits), distance from its first slot (12), frequency less
    /// one (12).
    ///
    /// One load, since each number waits for that of the one before.
    private static func lookup(of tables: [FrequencyTable]) -> (entries: [UInt32], escaped: [UInt16]) {
        let size = tables.count << FrequencyTable.scaleBits
        var escaped: [UInt16] = []
        let entries = [UInt32](unsafeUninitializedCapacity: size) { entries, count in
            entries.initialize(repeating: 0)
            for (index, table) in tables.enumerated() {
                var base = index << FrequencyTable.scaleBits
                for (offset, frequency) in table.frequencies.enumerated() where frequency > 0 {
                    let token = table.first + offset
                    let entry = (UInt32(frequency) - 1) << 20 | min(UInt32(token), escape)
                    for distance in 0..<Int(frequency) {
                        entries[base + distance] = entry | UInt32(distance) << 8
                    }
                    // Numbers beyond 2⁶².
                    if token >= Int(escape) {
                        if escaped.isEmpty { escaped = [UInt16](repeating: 0, count: size) }
                        for distance in 0..<Int(frequency) { escaped[base + distance] = UInt16(token) }
                    }
                    base += Int(frequency)
                }
            }
            count = size
        }
        return (entries, escaped)
    }

    private static func readTables(
        _ head: ArraySlice<UInt8>
    ) throws(CodecError) -> ([UInt8], [FrequencyTable]) {
        let outcome: Swift.Result<([UInt8], [FrequencyTable]), CodecError> = head.withUnsafeBufferPointer {
            head in
            var bits = BitReader(head)
            do throws(CodecError) {
                let count = bits.gamma()
                guard count < UInt64(TokenEncoder.clustersMax) else { throw .overLimit("frequency tables") }
                var clusterOf: [UInt8] = []
                for cluster in 0..<count {
                    let upper = bits.gamma()
                    guard upper < UInt64(MagnitudeBucket.count), upper >= UInt64(clusterOf.count) else {
                        throw .malformed("clusters out of order")
                    }
                    while clusterOf.count <= Int(upper) { clusterOf.append(UInt8(cluster)) }
                }
                while clusterOf.count < MagnitudeBucket.count { clusterOf.append(UInt8(count)) }
                var tables: [FrequencyTable] = []
                for _ in 0...count { tables.append(try FrequencyTable(from: &bits)) }
                return .success((clusterOf, tables))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private init(
        state: UInt32,
        bits: BitReader,
        words: UnsafeRawBufferPointer,
        lookup: UnsafeBufferPointer<UInt32>,
        escaped: UnsafeBufferPointer<UInt16>,
        clusterOfBucket: UnsafeBufferPointer<UInt8>
    ) {
        self.state = state
        self.bits = bits
        self.words = words
        self.lookup = lookup
        self.escaped = escaped
        self.clusterOfBucket = clusterOfBucket
    }

    /// The next number; `bucket` must be below `MagnitudeBucket.count`.
    @inline(__always)
    mutating func next(bucket: Int) -> Int64 {
        // All indices are in range by construction: bucket by the caller, cluster and slot by masks and tables.
        let cluster = Int(truncatingIfNeeded: clusterOfBucket.baseAddress.unsafelyUnwrapped[bucket])
        let slot = Int(truncatingIfNeeded: state) & (FrequencyTable.scale &- 1)
        let entry = lookup.baseAddress.unsafelyUnwrapped[cluster &<< FrequencyTable.scaleBits | slot]
        var token = Int(truncatingIfNeeded: entry & Self.escape)
        if token == Int(Self.escape) {
            token = Int(escaped.baseAddress.unsafelyUnwrapped[cluster &<< FrequencyTable.scaleBits | slot])
        }
        state = (entry &>> 20 &+ 1) &* (state &>> UInt32(FrequencyTable.scaleBits)) &+ (entry &>> 8 & 0xfff)
        if state < TokenEncoder.stateMin {
            var word: UInt16 = 0
            if wordOffset &+ 2 <= words.count {
                word = UInt16(littleEndian: words.loadUnaligned(fromByteOffset: wordOffset, as: UInt16.self))
            }
            wordOffset &+= 2
            state = state &<< 16 | UInt32(word)
        }
        if token < 16 { return Zigzag.decode(UInt64(truncatingIfNeeded: token)) }
        return Token.value(token, rawBits: bits.read(width: Token.rawWidth(token)))
    }

    /// - Throws: `CodecError.malformed` where what was read is not what a writer wrote.
    func finish() throws(CodecError) {
        guard state == TokenEncoder.stateMin, wordOffset == words.count, bits.isAtEnd else {
            throw .malformed("entropy coded numbers that do not end as they should")
        }
    }
}
