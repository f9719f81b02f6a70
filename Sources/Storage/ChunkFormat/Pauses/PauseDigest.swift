/// The collections of a chunk as wide steps ask for them: their pauses, sorted, by six hours, and the extremes of each
/// hour.
///
/// A third of what the columns take in the file, and read in a tenth of the time: a year of one target may have ten
/// million collections. Nothing is lost of the pauses; of the ends only that hour is known.
package struct PauseDigest: Sendable {
    /// The length of an hour, in nanoseconds.
    package static let hourNanoseconds: UInt64 = 3_600_000_000_000
    /// How many hours the pauses of a list are of.
    package static let hoursPerList: UInt64 = 6

    private struct List {
        /// Whole lists' lengths since 1970.
        var number: UInt64
        var count: Int
        var bytes: Range<Int>
    }

    private var lists: [List] = []
    private var bytes: [UInt8] = []
    /// By hours since 1970, ascending.
    package private(set) var hours: [(hour: UInt64, extremes: PauseExtremes)] = []

    /// Nil where hours come out of order, or a pause takes seconds: then the columns are to be asked.
    init?(_ columns: PauseColumns) {
        var scratch: [UInt32] = []
        var list: [UInt32] = []
        var number: UInt64?
        let isFine = columns.ends.withUnsafeBufferPointer { ends in
            columns.pauses.withUnsafeBufferPointer { pauses in
                var next = 0
                while next < ends.count {
                    let hour = UInt64(bitPattern: ends[next]) / Self.hourNanoseconds
                    if let last = hours.last, last.hour >= hour { return false }
                    if number != hour / Self.hoursPerList {
                        if let number { close(&list, number, &scratch) }
                        number = hour / Self.hoursPerList
                    }
                    let first = hour * Self.hourNanoseconds
                    let after = first.addingReportingOverflow(Self.hourNanoseconds)
                    let last = after.overflow ? .max : after.partialValue - 1
                    var end = next
                    while end < ends.count, first <= UInt64(bitPattern: ends[end]),
                        UInt64(bitPattern: ends[end]) <= last
                    {
                        guard let pause = UInt32(exactly: UInt64(bitPattern: pauses[end])) else {
                            return false
                        }
                        list.append(pause)
                        end += 1
                    }
                    let place = next..<end
                    if let found = PauseExtremes(.init(rebasing: ends[place]), .init(rebasing: pauses[place]))
                    {
                        hours.append((hour, found))
                    }
                    next = end
                }
                return true
            }
        }
        guard isFine else { return nil }
        if let number { close(&list, number, &scratch) }
    }

    private mutating func close(_ list: inout [UInt32], _ number: UInt64, _ scratch: inout [UInt32]) {
        PauseSort.sort(&list, scratch: &scratch)
        let start = bytes.count
        var last: UInt32 = 0
        for pause in list {
            // As a varint: mostly a byte or two.
            var rest = pause &- last
            while rest >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            bytes.append(UInt8(rest))
            last = pause
        }
        lists.append(List(number: number, count: list.count, bytes: start..<bytes.count))
        list.removeAll(keepingCapacity: true)
    }

    /// How many bytes it takes in memory, about.
    var byteCount: Int { bytes.capacity + hours.count * 72 + lists.count * 32 + 96 }

    /// Calls `body` with the pauses of each six hours, ascending, and the first nanosecond of these.
    package func forEachList(_ body: (UInt64, UnsafeBufferPointer<UInt32>) -> Void) {
        bytes.withUnsafeBufferPointer { bytes in
            for list in lists {
                withUnsafeTemporaryAllocation(of: UInt32.self, capacity: list.count) { pauses in
                    // What this wrote itself: as many numbers as it says.
                    var place = list.bytes.lowerBound
                    var last: UInt32 = 0
                    for index in 0..<list.count {
                        var byte = bytes[place]
                        place &+= 1
                        var distance = UInt32(byte & 0x7f)
                        var shift: UInt32 = 7
                        while byte >= 0x80 {
                            byte = bytes[place]
                            place &+= 1
                            distance |= UInt32(byte & 0x7f) &<< shift
                            shift &+= 7
                        }
                        last &+= distance
                        pauses.initializeElement(at: index, to: last)
                    }
                    body(list.number * Self.hoursPerList * Self.hourNanoseconds, UnsafeBufferPointer(pauses))
                }
            }
        }
    }
}
