import Storage

/// A document on its way, and what happened to it so far.
struct ReplayItem: Sendable {
    /// What is sent: the document, or the same without custom variables that were refused.
    var document: ReplayDocument
    /// The document as it was, where `document` lacks variables.
    var original: ReplayDocument?
    /// The paths of those variables, and why they were left out.
    var leftOut: (paths: [String], reason: String)?
}

/// Documents that are sent together, and what must be done before they may be.
///
/// A batch whose request was cut off is *in doubt*: its documents may be stored. While the stream still writes to the
/// index that it wrote to then, sending again is safe, since that index knows the ids (409). Once it writes to another
/// one, the ids must be looked up in the whole stream first.
struct ReplayBatch: Sendable {
    /// What is being done with it.
    enum Phase: Hashable {
        /// Nothing: it waits for its turn.
        case waiting
        /// Its request, a question for the write indices, or a lookup of its ids is on the way.
        case sending
        case probing
        case lookingUp
    }

    /// What is known about documents that may be stored already.
    struct Doubt: Hashable {
        /// The oldest index that they can be in, by stream.
        var indices: PerStream<WriteIndex>
        /// When the server has finished with the request or given up, in milliseconds of the machine's clock.
        var settledAt: Int64
        /// Whether we sent them ourselves, as against: some earlier export might have.
        var wasSent: Bool
    }

    /// A request: where it stood in the order of requests, and what each stream wrote to then, as far as we knew.
    struct Sent: Hashable {
        var order: Int
        var indices: PerStream<WriteIndex>
    }

    let id: Int
    var items: [ReplayItem]
    /// The size of its request, uncompressed.
    var bytes: Int
    var phase = Phase.waiting
    var doubt: Doubt?
    /// The streams whose ids must be looked up before sending, as the last probe found.
    var streamsToLookUp: [DocumentKind] = []
    /// Not before this moment may the next step be taken.
    var notBefore: Int64 = 0
    /// Whether the write indices were just found to be those that the doubt speaks of, and what they are.
    var isProbed = false
    var probedIndices = PerStream<WriteIndex>(.unknown)
    /// When its request was handed to the network.
    var sentAt: Int64 = 0
    /// The first of its requests that may have stored something without our knowing.
    var oldest: Sent?
    /// How often its request got no answer at all.
    var unansweredCount = 0
    /// Whether it is sent without protection: it may be stored twice, and nobody lets us look.
    var isUnprotected = false

    init(id: Int, items: [ReplayItem], bytes: Int, doubt: Doubt? = nil) {
        self.id = id
        self.items = items
        self.bytes = bytes
        self.doubt = doubt
    }

    /// The streams that its documents go to.
    var streams: [DocumentKind] {
        DocumentKind.allCases.filter { stream in items.contains { $0.document.kind == stream } }
    }
}
