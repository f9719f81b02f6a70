/// The number of a series in its database; one series belongs to one target.
package struct SeriesID: Hashable, Comparable, Sendable {
    /// The row's number, from 1.
    package let value: Int64

    /// The series with that row number.
    package init(_ value: Int64) {
        self.value = value
    }

    /// Series in the order in which their rows were made.
    package static func < (a: SeriesID, b: SeriesID) -> Bool {
        a.value < b.value
    }
}

/// What a series' values are, which decides what may be asked of it.
package enum SeriesKind: String, Hashable, Sendable {
    /// Rises within a run; has a rate.
    case counter
    /// Goes up and down.
    case gauge
    /// A moment, in Unix nanoseconds.
    case time
    /// 0 or 1.
    case state
    /// Names something, and never changes within a run.
    case label
}

/// The unit of a series' values, as it is printed.
package enum Unit: String, Hashable, Sendable {
    /// Bytes.
    case bytes = "B"
    /// Nanoseconds.
    case nanoseconds = "ns"
    /// Seconds.
    case seconds = "s"
}

/// The names of the two series that the recorder adds to what a target serves.
package enum AddedSeries {
    /// 1 for a scrape that got a document, 0 for one that failed.
    package static let up = "up"
    /// How long the request took, in seconds.
    package static let duration = "scrape.duration_seconds"
}
