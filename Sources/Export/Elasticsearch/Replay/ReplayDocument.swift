package import Model

/// One value for each stream.
package struct PerStream<Value> {
    package var heap: Value
    package var expvar: Value

    /// The same value for both.
    package init(_ value: Value) {
        heap = value
        expvar = value
    }

    /// The value for that stream.
    package subscript(stream: DocumentKind) -> Value {
        get {
            switch stream {
            case .heap: heap
            case .expvar: expvar
            }
        }
        set {
            switch stream {
            case .heap: heap = newValue
            case .expvar: expvar = newValue
            }
        }
    }
}

extension PerStream: Sendable where Value: Sendable {}
extension PerStream: Equatable where Value: Equatable {}
extension PerStream: Hashable where Value: Hashable {}

/// A document ready to be sent.
package struct ReplayDocument: Hashable, Sendable {
    /// Its `_id`: letters, digits, `-` and `_` only.
    ///
    /// The same scrape always gets the same.
    package var id: String
    /// The number of its scrape.
    package var seq: Int64
    package var target: TargetID
    package var targetName: String
    /// The time of its scrape.
    package var time: Timestamp
    /// Whether this database's recorder stored its scrape, as against: an import, which brings what is older.
    package var isRecorded: Bool
    package var kind: DocumentKind
    /// The source: one JSON object without a newline.
    package var bytes: [UInt8]
    /// What its maker left out of it, and which of its numbers a `long` would cut.
    package var remarks = DocumentRemarks()

    /// A document with that identity and source.
    package init(
        id: String,
        seq: Int64,
        target: TargetID,
        targetName: String,
        time: Timestamp,
        isRecorded: Bool = false,
        kind: DocumentKind,
        bytes: [UInt8],
        remarks: DocumentRemarks = DocumentRemarks()
    ) {
        self.id = id
        self.seq = seq
        self.target = target
        self.targetName = targetName
        self.time = time
        self.isRecorded = isRecorded
        self.kind = kind
        self.bytes = bytes
        self.remarks = remarks
    }
}

/// What a source hands out.
package enum ReplayDelivery: Sendable {
    case document(ReplayDocument)
    /// Every document of that target with a `seq` up to this one has been handed out.
    ///
    /// Documents may come in any order (an import of old scrapes has high numbers and early times); this is what
    /// lets a cursor move.
    case frontier(TargetID, seq: Int64)
}

/// Where documents come from: a database, the quarantine, or a test.
///
/// Owned by one task.
package protocol ReplaySource: AnyObject {
    /// The next delivery; nil while there is nothing more, which may change when `refresh()` is called.
    func next() async throws -> ReplayDelivery?

    /// Looks for what was recorded since; used by an export that follows.
    func refresh() async throws

    /// Lets go of what it holds open, for a caller that is going to wait; `next()` goes on where it was.
    func rest()

    /// How many documents are left, about; nil where nobody knows. For the progress line only.
    var remaining: Int64? { get }

    /// How many documents are not handed out yet, at most, those recorded since included; nil where nobody knows.
    func pending() -> Int64?
}
