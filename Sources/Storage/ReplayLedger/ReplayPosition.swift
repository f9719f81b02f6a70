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

/// The backing index that a data stream was seen to write to, and how far the database had come by then.
///
/// What the recorder stored after that (a higher `seq`, a later time) did not exist before the index did. So whoever sent
/// its documents, from this database, a copy or a capture of it, they lie in this index or one that came after it. That
/// stays true whatever becomes of the ledger.
package struct IndexSighting: Hashable, Sendable {
    /// The index's name.
    package var index: String
    /// The newest scrape when it was seen.
    package var seq: Int64
    /// The wall clock then: of two copies of a database that both go on, one may be ahead with its numbers.
    package var time: Timestamp

    /// That index, seen then.
    package init(index: String, seq: Int64, time: Timestamp) {
        self.index = index
        self.seq = seq
        self.time = time
    }
}

/// What the ledger remembers of a destination.
package struct ReplayPosition: Hashable, Sendable {
    /// By target, the `seq` up to which every document was answered for.
    package var cursors: [TargetID: Int64]
    /// The highest `seq` that was ever handed to the network; nil where nothing ever was.
    package var high: Int64?
    /// By name of the stream, the index that it was last seen to write to.
    package var sightings: [String: IndexSighting]

    /// A position; empty for a destination that was never sent to.
    package init(
        cursors: [TargetID: Int64] = [:],
        high: Int64? = nil,
        sightings: [String: IndexSighting] = [:]
    ) {
        self.cursors = cursors
        self.high = high
        self.sightings = sightings
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
    /// The highest `seq` that is handed to the network; nil leaves it as it is.
    package var high: Int64?
    /// By name of the stream, the index that it was just seen to write to.
    package var sightings: [String: IndexSighting] = [:]
    /// Documents that were refused; one that was refused before gets the newer reason.
    package var rejected: [RejectedDocument] = []
    /// The ids of documents that were taken and need not be kept any longer.
    package var released: [String] = []

    /// A step that changes nothing yet.
    package init() {}

    /// Whether there is nothing to commit.
    package var isEmpty: Bool {
        cursors.isEmpty && high == nil && sightings.isEmpty && rejected.isEmpty && released.isEmpty
    }
}
