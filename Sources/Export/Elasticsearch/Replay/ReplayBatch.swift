import Storage

/// A document on its way, and what happened to it so far.
struct ReplayItem: Sendable {
    /// What is sent: the document, or the same without custom variables that were refused.
    var document: ReplayDocument
    /// The document as it was, where `document` lacks variables.
    var original: ReplayDocument?
    /// Those variables, and why they were left out.
    var leftOut: [LeftOutVariable] = []
    /// Why the server refused `document`, until that is seen to.
    var refusal: String?
    /// How often it was refused.
    var refusalCount = 0
    /// Whether it was sent again as it is since another document was the first to have a field of it in that moment.
    var wasSentAgainWhole = false
    /// Whether all custom variables were left out: nothing more can be.
    var isBare = false
    /// Whether the document says what was left out of it.
    var isTold = false
    /// What was known of the stream's mapping when it was last made to fit.
    var fittedTo: Int?
    /// The oldest index of its stream that it can lie in; nil where it may be any.
    ///
    /// The index that wrote its documents when they did not exist yet, or when a look-up did not find it.
    var floor: String?
    /// Whether it may lie in an index that could not be searched.
    var mayBeElsewhere = false
    /// What the server answered where that needs another look: it is in an index that nobody foresaw, and may be in an older one,
    /// too.
    var taken: Taken?

    /// How a document came to be where it is.
    enum Taken: Hashable {
        /// By this request.
        case now
        /// Before it: 409.
        case before
    }
}

/// Documents that are sent together, and what must be done before they may be.
///
/// An id is unique within one backing index only. So before a document is sent to a stream of several, it must be known that
/// it lies in none but the one written to, where 409 protects it: either that index is older than the document (`ReplayItem.floor`),
/// or the ids are looked up in the whole stream.
struct ReplayBatch: Sendable {
    /// What is being done with it.
    enum Phase: Hashable {
        /// Nothing: it waits for its turn.
        case waiting
        /// Its request, or a lookup of its ids, is on the way.
        case sending
        case lookingUp
    }

    let id: Int
    var items: [ReplayItem]
    /// The size of its request, uncompressed.
    var bytes: Int
    var phase = Phase.waiting
    /// What each stream wrote to when it was sent, or looked up, as far as we knew.
    var assumed = PerStream<WriteIndex>(.unknown)
    /// Whether it was made sure, before it was sent, that its documents lie in no index but those.
    var isProtected = false
    /// Where a request of it may have stored something without our knowing, or may do so yet: what each stream wrote to
    /// at the first of these.
    var sentUnder: PerStream<WriteIndex>?
    /// When the server has finished with these requests or given up, in milliseconds of the machine's clock.
    var settledAt: Int64 = 0
    /// Not before this moment may the next step be taken.
    var notBefore: Int64 = 0
    /// When its request was handed to the network.
    var sentAt: Int64 = 0
    /// The streams that a look-up on the way asks.
    var lookedUp: [DocumentKind] = []
    /// Whether what a look-up on the way finds includes everything that earlier requests stored.
    var isLookUpFinal = false
    /// How often its request got no answer at all.
    var unansweredCount = 0

    init(id: Int, items: [ReplayItem], bytes: Int) {
        self.id = id
        self.items = items
        self.bytes = bytes
    }

    /// The streams that its documents go to.
    var streams: [DocumentKind] {
        DocumentKind.allCases.filter { stream in items.contains { $0.document.kind == stream } }
    }
}
