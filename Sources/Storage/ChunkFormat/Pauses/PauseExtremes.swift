/// A collection: when it ended and how long it paused, in nanoseconds.
package struct PauseMoment: Hashable, Sendable {
    /// Unix nanoseconds.
    package var end: UInt64
    /// Nanoseconds.
    package var pause: UInt64
}

/// What stands for the collections of a stretch of time in a picture: the first, the last, the shortest and the longest.
///
/// Of equal pauses the earlier counts; so these are the same in whatever order and in however many parts they are added.
package struct PauseExtremes: Hashable, Sendable {
    /// The earliest, and the shorter of two that ended at once.
    package private(set) var first: PauseMoment
    /// The latest, and the longer of two that ended at once.
    package private(set) var last: PauseMoment
    /// The shortest pause.
    package private(set) var shortest: PauseMoment
    /// The longest pause.
    package private(set) var longest: PauseMoment

    /// Of collections given by bit patterns, as many of both; nil of none.
    package init?(_ ends: UnsafeBufferPointer<Int64>, _ pauses: UnsafeBufferPointer<Int64>) {
        guard !ends.isEmpty else { return nil }
        func moment(_ index: Int) -> PauseMoment {
            PauseMoment(end: UInt64(bitPattern: ends[index]), pause: UInt64(bitPattern: pauses[index]))
        }
        first = moment(0)
        (last, shortest, longest) = (first, first, first)
        for index in ends.indices.dropFirst() {
            let next = moment(index)
            // First what is seldom true.
            if next.pause <= shortest.pause, next.isShorter(than: shortest) { shortest = next }
            if next.pause >= longest.pause, next.isLonger(than: longest) { longest = next }
            if next.end <= first.end, first.isLater(than: next) { first = next }
            if next.end >= last.end, next.isLater(than: last) { last = next }
        }
    }

    /// Adds those of other collections.
    package mutating func add(_ other: PauseExtremes) {
        if first.isLater(than: other.first) { first = other.first }
        if other.last.isLater(than: last) { last = other.last }
        if other.shortest.isShorter(than: shortest) { shortest = other.shortest }
        if other.longest.isLonger(than: longest) { longest = other.longest }
    }
}

extension PauseMoment {
    /// Whether it comes after the other in order of ends.
    package func isLater(than other: PauseMoment) -> Bool { (end, pause) > (other.end, other.pause) }

    fileprivate func isShorter(than other: PauseMoment) -> Bool { (pause, end) < (other.pause, other.end) }

    fileprivate func isLonger(than other: PauseMoment) -> Bool { (pause, other.end) > (other.pause, end) }
}
