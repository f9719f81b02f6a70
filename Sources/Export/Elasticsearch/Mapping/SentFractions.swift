/// Fields of a stream that fractions were sent to, and whether its index cuts them.
///
/// An index never changes the type of a field, so that each field is looked up once.
package struct SentFractions: Sendable {
    /// Of so many fields is told whether they are cut.
    static let pathsMax = 10_000

    /// What is known of a field.
    enum Fate: Hashable {
        case cut
        case kept
        /// It must be looked up.
        case open
    }

    /// A field that was looked up, and is cut.
    struct Settled {
        var path: String
        /// The first document that brought a fraction.
        var document: ReplayDocument
        /// How many did, until now.
        var count: Int
    }

    private var fates: [String: Fate] = [:]
    private var waiting: [String: (document: ReplayDocument, count: Int)] = [:]

    /// Nothing was sent.
    package init() {}

    /// Whether a field must be looked up.
    var isOpen: Bool { !waiting.isEmpty }

    /// A document brought a fraction there.
    mutating func note(_ path: String, of document: ReplayDocument) -> Fate {
        if let fate = fates[path] { return fate }
        guard waiting[path] != nil || waiting.count + fates.count < SentFractions.pathsMax else {
            return .kept
        }
        if waiting[path] == nil {
            var first = document
            // Its source is not needed any more.
            first.bytes = []
            waiting[path] = (first, 1)
        } else {
            waiting[path]?.count += 1
        }
        return .open
    }

    /// Decides over what was waiting; by nothing where the mapping could not be seen.
    mutating func settle(_ fields: MappedFields?) -> [Settled] {
        var settled: [Settled] = []
        for (path, entry) in waiting {
            let isCut = fields?.cutsFractions(at: path) ?? false
            fates[path] = isCut ? .cut : .kept
            if isCut { settled.append(Settled(path: path, document: entry.document, count: entry.count)) }
        }
        waiting = [:]
        return settled.sorted { $0.path < $1.path }
    }

    /// Another index may have other types.
    mutating func forgetTypes() {
        fates = [:]
    }
}
