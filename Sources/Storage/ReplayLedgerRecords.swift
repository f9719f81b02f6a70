package import Model

/// Where an export goes: two exports share a position exactly where these three agree.
///
/// The URL is no part of it: a cluster has many, and they change.
package struct ReplayDestination: Hashable, Sendable {
    /// The UUID that the cluster gave itself.
    package var clusterUUID: String
    /// The namespace of the data streams.
    package var namespace: String
    /// How documents are made, such as `documents` or `pipeline`: what one mode sent, another did not.
    package var mode: String

    /// The destination of that cluster, namespace and mode.
    package init(clusterUUID: String, namespace: String, mode: String) {
        self.clusterUUID = clusterUUID
        self.namespace = namespace
        self.mode = mode
    }
}

/// What is known of the backing index that a data stream writes to.
package enum WriteIndex: Hashable, Sendable {
    /// Nobody looked: documents may lie in any index of the stream.
    case unknown
    /// The stream does not exist.
    case absent
    /// Its name.
    case named(String)
}

/// The part of an export's past that is not settled: what may have been sent without an answer.
///
/// Every document with a `seq` up to `high` and beyond its target's cursor may be in the destination already. If it
/// is, it lies in the stream's index `indices[stream]` or one that came after it.
package struct ReplayDoubt: Hashable, Sendable {
    /// The highest `seq` that was ever handed to the network.
    package var high: Int64
    /// By name of the stream, the oldest index that an unanswered document can be in.
    package var indices: [String: WriteIndex]

    /// Doubt about everything up to `high`.
    package init(high: Int64, indices: [String: WriteIndex]) {
        self.high = high
        self.indices = indices
    }
}

/// What the ledger remembers of a destination.
package struct ReplayPosition: Hashable, Sendable {
    /// By target, the `seq` up to which every document was answered for.
    package var cursors: [TargetID: Int64]
    /// What may have been sent beyond the cursors; nil where nothing ever was.
    package var doubt: ReplayDoubt?

    /// A position; empty for a destination that was never sent to.
    package init(cursors: [TargetID: Int64] = [:], doubt: ReplayDoubt? = nil) {
        self.cursors = cursors
        self.doubt = doubt
    }
}

/// A document that a destination refused, kept until it is taken or the ledger is deleted.
package struct RejectedDocument: Hashable, Sendable {
    /// Its `_id`.
    package var id: String
    package var target: TargetID
    /// The target's name when the document was refused.
    package var targetName: String
    package var seq: Int64
    package var time: Timestamp
    /// The data stream that refused it.
    package var stream: String
    /// The HTTP status of the item, or of the whole answer for a document that is too large.
    package var status: Int
    /// The error's type, and its reason, cut and cleared of credentials.
    package var type: String
    package var reason: String
    /// The document as it was first sent, whole, so that it outlives its scrape.
    package var document: [UInt8]

    /// A refused document.
    package init(
        id: String,
        target: TargetID,
        targetName: String,
        seq: Int64,
        time: Timestamp,
        stream: String,
        status: Int,
        type: String,
        reason: String,
        document: [UInt8]
    ) {
        self.id = id
        self.target = target
        self.targetName = targetName
        self.seq = seq
        self.time = time
        self.stream = stream
        self.status = status
        self.type = type
        self.reason = reason
        self.document = document
    }
}

/// One step of an export, committed as a whole before anything that depends on it is sent.
package struct ReplayCommit: Hashable, Sendable {
    /// The cursors that moved.
    package var cursors: [TargetID: Int64] = [:]
    /// The doubt from now on; nil leaves it as it is.
    package var doubt: ReplayDoubt?
    /// Documents that were refused; one that was refused before gets the newer reason.
    package var rejected: [RejectedDocument] = []
    /// The ids of documents that were taken and need not be kept any longer.
    package var released: [String] = []

    /// A step that changes nothing yet.
    package init() {}

    /// Whether there is nothing to commit.
    package var isEmpty: Bool { cursors.isEmpty && doubt == nil && rejected.isEmpty && released.isEmpty }
}
