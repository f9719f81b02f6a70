import Model

/// Where the newest scrapes stand in the table `tail`.
///
/// A slot is written over in place, and a row of it that was sealed stays until then: what says that it is gone is its
/// ordinal, a number that every record ever written gets, against `tail_ends` of its target.
final class TailIndex {
    /// The place of a row.
    struct Place {
        var slot: Int64
        var range: Range<Int>
        var target: TargetID
        var ordinal: Int64
    }

    /// The rows that are there, by their `seq`.
    var places: [Int64: Place] = [:]
    /// Rows that are gone, and that the bodies of rows which are there stand against.
    var bases: [TargetID: [Int64: Place]] = [:]
    /// How many of both each slot holds.
    var rowsInSlot: [Int64: Int] = [:]
    /// The ordinal of the first record of each slot that has one.
    var firstOrdinals: [Int64: Int64] = [:]
    /// Up to which ordinal a target's rows are gone.
    var ends: [TargetID: Int64] = [:]
    /// The ordinal of the next record.
    var nextOrdinal: Int64 = 1
    /// The slot that is being filled, where the file does not have it yet.
    var unwritten: Unwritten?
    /// The slots that cannot be read.
    var unreadable: [Unreadable] = []

    /// A slot that cannot be read.
    struct Unreadable {
        var slot: Int64
        /// Why.
        var error: any Error
        /// No scrape in it has a higher number; nil where nobody knows.
        var highestSeq: Int64?
    }

    /// A slot as it will be once it is written.
    struct Unwritten {
        var slot: Int64
        var firstOrdinal: Int64
        var highestSeq: Int64
        var records: [UInt8] = []

        var bytes: [UInt8] {
            TailSlot.encode(firstOrdinal: firstOrdinal, highestSeq: highestSeq, records: records)
        }
    }
}

extension TailIndex {
    /// The rows of a slot, gone or not, with their places.
    static func places(of content: TailSlot.Content, slot: Int64) -> [(row: ScrapeRow, place: Place)] {
        content.records.enumerated().map { offset, record in
            let ordinal = content.firstOrdinal &+ Int64(offset)
            let place = Place(slot: slot, range: record.range, target: record.row.target, ordinal: ordinal)
            return (record.row, place)
        }
    }

    /// Rows that are gone, while it is found out which of them bodies stand against.
    ///
    /// Retention takes the first rows of a target by its ordinal alone; the rest of their chain of patches stays, and so do the
    /// slots that it needs.
    struct Gone {
        private var rows: [Int64: (base: Int64?, place: Place)] = [:]
        private var wanted: [(seq: Int64, target: TargetID)] = []

        /// A row that is gone; of two with a number the later one counts.
        mutating func add(_ row: ScrapeRow, _ place: Place) {
            if let known = rows[row.seq], known.place.ordinal > place.ordinal { return }
            rows[row.seq] = (row.base == row.seq ? nil : row.base, place)
        }

        /// A row that is there, whose body may stand against one that is gone.
        mutating func note(liveBase row: ScrapeRow) {
            if let base = row.base, base != row.seq { wanted.append((base, row.target)) }
        }

        /// Notes what is needed in an index that has all rows that are there.
        func store(into index: TailIndex) {
            for (seq, target) in wanted where index.places[seq] == nil {
                var next: Int64? = seq
                while let seq = next, index.places[seq] == nil, index.bases[target]?[seq] == nil,
                    let row = rows[seq], row.place.target == target
                {
                    index.bases[target, default: [:]][seq] = row.place
                    index.rowsInSlot[row.place.slot, default: 0] += 1
                    next = row.base
                }
            }
        }
    }
}
