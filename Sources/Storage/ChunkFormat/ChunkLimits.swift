import Expvar
package import Model

// A chunk: some hundreds to some thousands of a target's scrapes, sealed, immutable, in columns.
//
// Layout (docs/format.md has the boxes). Numbers are varints and zigzag varints as in `ByteWriter` but where a size
// is given; fixed ones are little-endian.
//
//     version (1 byte) · level (1 byte) · header size (4 bytes) · header (one zstd frame) · CRC-32C (4 bytes) of
//     all before · in version 2 parts: size (4 bytes), zstd frame, CRC-32C (4 bytes) of both · streams, one after
//     the other · text (zstd frame) · blobs (zstd frame) · CRC-32C (4 bytes) of all before
//
// The header (`ChunkHeader`) says what is in the chunk and where: a reader of one series takes the header and the
// bytes of one or a few streams, and each stream has a checksum of its own.
//
// A scrape is a row. Rows are in order of position. A row is a failed scrape, or a document; a document is in columns,
// or, where it would not come back byte for byte, raw: whole, among the blobs. All columns are streams of integers
// (`IntegerColumn`); the first streams hold what is known of each row besides its body (`ChunkStream`), the others the
// leaves of the documents: a leaf's column is one stream of values, or for doubles two (`DoubleColumn`), or for all
// that is no number one of places in a list of texts.
//
// A body is its shape's skeleton (stored once outside) and its leaves; a leaf's text follows from its value by Go's
// own rules (`GoNumberText`). Where one does not, it is an exception and kept as text. The rings of pauses follow from
// NumGC and the stream of collections (`ChunkRings`).

/// What a chunk may hold at most; a reader refuses what announces more, before it allocates.
package enum ChunkLimits {
    /// Scrapes.
    package static let rowsMax = 16_384
    /// Shapes of documents.
    package static let shapesMax = 4_096
    /// Leaves of one document; a document of more is kept raw.
    package static let leavesMax = 65_536
    /// Columns of leaves.
    package static let columnsMax = 131_072
    /// Values in columns together, of 8 bytes each; documents beyond are kept raw.
    package static let valuesMax = 16 * 1024 * 1024
    /// Bytes of an expanded header.
    package static let headerBytesMax = 64 * 1024 * 1024
    /// Stretches of rows that a chunk has statistics of.
    package static let partsMax = 128
    /// Bytes of an expanded list of parts.
    package static let partsBytesMax = 64 * 1024 * 1024
    /// Bytes of all texts together (spellings that are not numbers, and reasons); over that, a chunk must hold fewer
    /// rows.
    package static let textBytesMax = 256 * 1024 * 1024
    /// Bytes of all raw bodies together; likewise.
    package static let blobBytesMax = 1024 * 1024 * 1024
}

/// How hard the encoder tries.
package enum ChunkLevel: UInt8, Sendable {
    /// For sealing: some µs a scrape, besides reading the body.
    case quick = 0
    /// For merging old chunks: each column foretold by others; some 100 µs a scrape.
    case cold = 1
}

/// Why bytes are no chunk, or scrapes make none.
package enum ChunkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It was written by a later version.
    case newer(version: UInt8)
    /// The bytes are not what was written; where, in words.
    case damaged(String)
    /// More than `ChunkLimits` allows; what.
    case overLimit(String)
    /// A shape was not given that the chunk needs.
    case unknownShape(Int64)
    /// zstd failed for want of memory.
    case unavailable(String)
    /// What was encoded does not read back as what was put in: a defect of this program, and nothing to be stored.
    case notReadBack

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .newer(let version): "the chunk has format \(version), which only a newer expvault reads"
        case .damaged(let what): "the chunk is damaged: \(what)"
        case .overLimit(let what): "the chunk is over a limit: \(what)"
        case .unknownShape(let id): "the chunk needs shape \(id), which the database lacks"
        case .unavailable(let detail): "the chunk could not be compressed or expanded: \(detail)"
        case .notReadBack: "a chunk of them does not read back as what was put into it"
        }
    }
}

/// A scrape, for a chunk.
package struct ChunkScrape: Hashable, Sendable {
    /// What came of it.
    package enum Outcome: Hashable, Sendable {
        /// A document of that shape and run. Of its collections the `seen` newest are new with it; `missed` is nil where
        /// nothing was.
        case document(shape: ShapeID, run: RunID, seen: Int, missed: MissedCollections?, body: [UInt8])
        /// None: why, and what is kept of what was served.
        case failure(reason: String, body: [UInt8])
    }

    /// Its number in the order of commits.
    package var seq: Int64
    /// Its place among the target's scrapes.
    package var position: ScrapePosition
    /// The row number of its origin.
    package var origin: Int64
    /// The row number of its boot id; nil where unknown.
    package var boot: Int64?
    /// CLOCK_BOOTTIME in nanoseconds; nil where unknown.
    package var bootNanoseconds: Int64?
    /// How long the request took; nil where unknown.
    package var durationNanoseconds: Int64?
    /// The HTTP status; nil where there was none.
    package var status: Int?
    /// The answer's `Date`; nil where not sent.
    package var serverDate: Timestamp?
    /// Whether a clock step lies between the target's scrape before it and this one.
    package var isAfterStep: Bool
    /// What came of it.
    package var outcome: Outcome
    /// In which order the members of its document were served, as `MemberOrder` has it; empty for that of its shape.
    package var order: [UInt16]

    /// A scrape with those parts.
    package init(
        seq: Int64,
        position: ScrapePosition,
        origin: Int64,
        boot: Int64? = nil,
        bootNanoseconds: Int64? = nil,
        durationNanoseconds: Int64? = nil,
        status: Int? = nil,
        serverDate: Timestamp? = nil,
        isAfterStep: Bool = false,
        outcome: Outcome,
        order: [UInt16] = []
    ) {
        self.seq = seq
        self.position = position
        self.origin = origin
        self.boot = boot
        self.bootNanoseconds = bootNanoseconds
        self.durationNanoseconds = durationNanoseconds
        self.status = status
        self.serverDate = serverDate
        self.isAfterStep = isAfterStep
        self.outcome = outcome
        self.order = order
    }
}

/// The streams that every chunk has, by their number; those of leaves follow from `firstLeaf` on.
enum ChunkStream {
    // A value for each row.
    static let seq = 0
    static let time = 1
    static let epoch = 2
    static let origin = 3
    /// Bits, see `ChunkRowFlags`.
    static let flags = 4
    static let boot = 5
    static let bootNanoseconds = 6
    static let duration = 7
    static let status = 8
    static let serverDate = 9
    /// 0 for a failed scrape, else 1 + 2 × index of the shape, + 1 where raw.
    static let form = 10
    // A value for each document.
    static let run = 11
    /// How many slots of the rings it sets (`ChunkRings`).
    static let ringCount = 12
    /// How many of its collections are new with it, less `ringCount`.
    static let seen = 13
    static let missedCount = 14
    static let missedPause = 15
    // A value for each slot set.
    static let ringEnd = 16
    static let ringPause = 17
    // A value for each failed scrape: the place of its reason among the texts.
    static let reason = 18
    // A value for each blob: its size.
    static let blobSize = 19
    static let storedCount = 20

    // Not stored, only for predictions; a value for each document.
    /// The sum of `ringCount` up to it.
    static let ringTotal = 20
    /// The end of its last collection.
    static let lastEnd = 21
    /// The sum of pauses of all slots set up to it.
    static let pauseTotal = 22

    /// No numbers: in which orders documents were served (`ChunkOrders`).
    static let orders = 23

    static let firstLeaf = 24
}

/// What of a row is known.
struct ChunkRowFlags: OptionSet {
    let rawValue: Int64

    static let boot = Self(rawValue: 1)
    static let bootNanoseconds = Self(rawValue: 2)
    static let duration = Self(rawValue: 4)
    static let status = Self(rawValue: 8)
    static let serverDate = Self(rawValue: 16)
    static let isAfterStep = Self(rawValue: 32)
    static let missed = Self(rawValue: 64)
    static let all = Self(rawValue: 127)
}
