package import Model

/// Which fields documents went without, or are cut in, and why; bounded, whatever targets and servers say.
package struct LeftOutPaths: Hashable, Sendable {
    /// So many paths are told apart; of the rest only their number is known.
    package static let countMax = 20
    /// A longer path is cut, in characters.
    package static let pathCharactersMax = 200

    /// A path, and what is known of it.
    package struct Entry: Hashable, Sendable {
        /// Such as `golang.expvar.custom.cache`; `golang.expvar.custom` where all of them were left out.
        package var path: String
        /// How many documents went without it.
        package var documents: Int
        /// The first of them: its target, the time of its scrape, and what the server said.
        package var target: String
        package var time: Timestamp
        package var reason: String
    }

    private var known: [Entry] = []
    /// How often a path was left out that is not among the entries.
    package private(set) var othersCount = 0

    /// The most frequent first.
    package var entries: [Entry] {
        known.sorted { ($1.documents, $0.path) < ($0.documents, $1.path) }
    }

    /// Nothing was left out.
    package init() {}

    /// So many documents went without a path, or with one that is cut; the first of them is given.
    mutating func note(_ path: String, of document: ReplayDocument, reason: String, documents: Int = 1) {
        let path =
            path.count > LeftOutPaths.pathCharactersMax
            ? path.prefix(LeftOutPaths.pathCharactersMax) + "…" : path
        if let index = known.firstIndex(where: { $0.path == path }) {
            known[index].documents += documents
        } else if known.count < LeftOutPaths.countMax {
            known.append(
                Entry(
                    path: path,
                    documents: documents,
                    target: document.targetName,
                    time: document.time,
                    reason: reason
                )
            )
        } else {
            othersCount += documents
        }
    }
}
