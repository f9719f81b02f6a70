import Expvar
import Model
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Opened chunks that are kept from one snapshot to the next, for a server that is asked about the same days again.
///
/// What is kept was compared with its checksums when it was read: header and parts, and of the last few chunks decoded
/// streams. A chunk is written once and never changed, and its number is never used again, so what was true of it once
/// stays true. It is given out only for a row of `chunks` that is the same to the last bit, row checksum included,
/// in the same file of the same database: a snapshot reads and checks all rows of the target itself. So a chunk that
/// is deleted, merged or replaced is not asked for again, and one that is damaged after it was kept is answered from
/// memory as it was, or, where more of it is needed, found out by the checksums of what is read then.
///
/// A decoder has one owner at a time: whoever takes one out has it alone until it comes back.
package final class ChunkCache: Sendable {
    /// How much is kept at most.
    package struct Limits: Hashable, Sendable {
        /// How many chunks.
        package var chunksMax: Int
        /// Bytes of headers and parts, about.
        package var bytesMax: Int
        /// Bytes of decoded streams, beside those.
        package var decodedBytesMax: Int

        /// Those limits.
        package init(chunksMax: Int, bytesMax: Int, decodedBytesMax: Int) {
            self.chunksMax = chunksMax
            self.bytesMax = bytesMax
            self.decodedBytesMax = decodedBytesMax
        }
    }

    /// What is kept now.
    package struct Holding: Hashable, Sendable {
        /// How many chunks.
        package var chunks = 0
        /// Bytes of headers and parts, about.
        package var bytes = 0
        /// Bytes of decoded streams.
        package var decodedBytes = 0
    }

    /// The database, as a file: one that was put in its place has another inode, or another UUID.
    struct Database: Hashable {
        var uuid: String
        var device: UInt64
        var inode: UInt64
    }

    /// A row of `chunks`, as far as two of them can differ.
    private struct Identity: Hashable {
        var id: Int64
        var rowChecksum: Int64
        var size: Int
        var first: ScrapePosition
        var last: ScrapePosition
        var seqs: ClosedRange<Int64>

        init(_ entry: ChunkEntry) {
            id = entry.id
            rowChecksum = entry.rowChecksum
            size = entry.size
            first = entry.first
            last = entry.last
            seqs = entry.seqs
        }
    }

    /// A row of `shapes`.
    struct ShapeIdentity: Hashable {
        var id: ShapeID
        var hash: Int64
        var rowChecksum: Int64
    }

    /// Nobody else has the decoder while it is in here.
    private struct Kept: @unchecked Sendable {
        var decoder: ChunkDecoder
        var bytes: Int
        var decodedBytes: Int
        var turn: Int
    }

    private struct State: Sendable {
        var database: Database?
        var chunks: [Identity: Kept] = [:]
        var holding = Holding()
        var shapes: [ShapeIdentity: Shape] = [:]
        /// How many snapshots were taken.
        var turn = 0
        var lastUse = ContinuousClock.now

        /// Takes what is not kept any longer out of the sums.
        mutating func discount(_ gone: Kept) {
            holding.chunks -= 1
            holding.bytes -= gone.bytes
            holding.decodedBytes -= gone.decodedBytes
        }
    }

    /// What was used in so many snapshots before this one makes no room for others.
    ///
    /// A range that does not fit would else push out each chunk right before it is asked for again. A page asks ten
    /// questions.
    private static let turnsKept = 32

    /// So many shapes are kept, and no more leaves of them all; most targets have a dozen a day.
    private static let shapesMax = 32
    private static let shapeLeavesMax = 32_768

    private let limits: Limits
    private let state = Mutex(State())

    /// An empty one.
    package init(_ limits: Limits) { self.limits = limits }

    /// What is kept now.
    package var holding: Holding { state.withLock { $0.holding } }

    /// A snapshot of that database begins; of another nothing is kept any longer.
    func begin(_ database: Database) {
        state.withLock { state in
            if state.database != database {
                state = State()
                state.database = database
            }
            state.turn &+= 1
            state.lastUse = .now
        }
    }

    /// Lets go of everything where nothing was asked for `age`; says whether there was something.
    @discardableResult
    package func dropUnused(for age: Duration) -> Bool {
        // What was kept goes after the lock was left.
        let dropped: State? = state.withLock { state in
            guard !state.chunks.isEmpty || !state.shapes.isEmpty, ContinuousClock.now - state.lastUse >= age
            else { return nil }
            let old = state
            state = State()
            return old
        }
        return dropped != nil
    }

    /// Takes the chunk of that row out; nil where it is not kept.
    func take(_ entry: ChunkEntry, of database: Database) -> ChunkDecoder? {
        let kept: Kept? = state.withLock { state in
            guard state.database == database, let kept = state.chunks.removeValue(forKey: Identity(entry))
            else { return nil }
            state.discount(kept)
            return kept
        }
        return kept?.decoder
    }

    /// Keeps the chunk of that row, which the caller gives up; with its decoded streams where `isWarm`.
    func keep(_ decoder: ChunkDecoder, _ entry: ChunkEntry, of database: Database, isWarm: Bool) {
        decoder.detach()
        if !isWarm { decoder.forgetDecoded() }
        let kept = Kept(
            decoder: decoder,
            bytes: decoder.byteCount,
            decodedBytes: decoder.decodedByteCount,
            turn: 0
        )
        guard kept.bytes <= limits.bytesMax else { return }
        state.withLock { state in
            guard state.database == database, makeRoom(for: kept, in: &state) else { return }
            var kept = kept
            kept.turn = state.turn
            // Two threads may have opened the same one.
            if let other = state.chunks.updateValue(kept, forKey: Identity(entry)) {
                state.discount(other)
            }
            state.holding.chunks += 1
            state.holding.bytes += kept.bytes
            state.holding.decodedBytes += kept.decodedBytes
            trimDecoded(in: &state)
        }
    }

    /// The shape that a row, compared with its checksum, was found to be before.
    func shape(_ identity: ShapeIdentity, of database: Database) -> Shape? {
        state.withLock { $0.database == database ? $0.shapes[identity] : nil }
    }

    /// Keeps what a row was found to be.
    func keep(_ shape: Shape, _ identity: ShapeIdentity, of database: Database) {
        state.withLock { state in
            guard state.database == database else { return }
            let leaves = state.shapes.values.reduce(shape.leafKinds.count) { $0 + $1.leafKinds.count }
            if state.shapes.count >= Self.shapesMax || leaves > Self.shapeLeavesMax { state.shapes = [:] }
            state.shapes[identity] = shape
        }
    }

    private func makeRoom(for kept: Kept, in state: inout State) -> Bool {
        func fits() -> Bool {
            state.holding.chunks < limits.chunksMax && state.holding.bytes + kept.bytes <= limits.bytesMax
        }
        if fits() { return true }
        for (identity, old) in state.chunks where old.turn < state.turn - Self.turnsKept {
            state.chunks[identity] = nil
            state.discount(old)
        }
        return fits()
    }

    /// Forgets the streams of those that were not used for longest.
    private func trimDecoded(in state: inout State) {
        while state.holding.decodedBytes > limits.decodedBytesMax {
            guard
                let oldest = state.chunks.filter({ $0.value.decodedBytes > 0 }).min(by: {
                    $0.value.turn < $1.value.turn
                })
            else { return }
            oldest.value.decoder.forgetDecoded()
            state.holding.decodedBytes -= oldest.value.decodedBytes
            state.chunks[oldest.key]?.decodedBytes = 0
        }
    }
}

extension VaultFile {
    /// The file that is there now, and the database in it.
    func identity(uuid: String) throws(StorageError) -> ChunkCache.Database {
        var status = stat()
        guard stat(realPath, &status) == 0 else { throw SystemCall.error(errno, path: path) }
        return ChunkCache.Database(uuid: uuid, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}
