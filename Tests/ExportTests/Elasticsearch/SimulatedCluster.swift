import Export
import Storage

/// What a cluster has, as far as ids are concerned: backing indices that know their ids, and a search that sees only
/// what was refreshed.
struct SimulatedCluster {
    struct Index {
        var name: String
        /// The source that was stored under each id, and when.
        var documents: [String: (bytes: [UInt8], order: Int)] = [:]
        var refreshedUpTo = 0
    }

    var streams = PerStream<[Index]>([])
    private var order = 0

    /// A new write index; the ids of the old one are not known to it.
    mutating func rollOver(_ stream: DocumentKind) {
        let generation = streams[stream].count + 1
        let padded = String(repeating: "0", count: 6 - String(generation).count) + String(generation)
        streams[stream].append(Index(name: ".ds-\(stream.stream(namespace: "default"))-2026.01.02-\(padded)"))
    }

    /// What `create` answers: 201, or 409 where the write index knows the id.
    mutating func create(_ document: ReplayDocument) -> BulkItemAnswer {
        if streams[document.kind].isEmpty { rollOver(document.kind) }
        let last = streams[document.kind].count - 1
        let name = streams[document.kind][last].name
        if streams[document.kind][last].documents[document.id] != nil {
            return BulkItemAnswer(status: 409, index: name, type: "version_conflict_engine_exception")
        }
        order += 1
        streams[document.kind][last].documents[document.id] = (document.bytes, order)
        return BulkItemAnswer(status: 201, index: name)
    }

    mutating func refresh() {
        for stream in DocumentKind.allCases {
            for index in streams[stream].indices { streams[stream][index].refreshedUpTo = order }
        }
    }

    /// The ids that a search finds, once for each index that holds them.
    func find(_ ids: [DocumentKind: [String]]) -> [String] {
        var found: [String] = []
        for (stream, ids) in ids {
            for index in streams[stream] {
                for id in ids where (index.documents[id]?.order ?? .max) <= index.refreshedUpTo {
                    found.append(id)
                }
            }
        }
        return found
    }

    func state(_ stream: DocumentKind) -> ReplayMachine.StreamState {
        ReplayMachine.StreamState(
            writeIndex: streams[stream].last.map { .named($0.name) } ?? .absent,
            indexCount: streams[stream].count
        )
    }

    /// How often the document lies there.
    func copies(of document: ReplayDocument) -> Int {
        streams[document.kind].count { $0.documents[document.id] != nil }
    }
}

/// What the ledger file keeps, in memory.
struct SimulatedLedger {
    var position = ReplayPosition()
    var rejected: [String: RejectedDocument] = [:]

    mutating func apply(_ commit: ReplayCommit) {
        position.cursors.merge(commit.cursors) { _, new in new }
        if let high = commit.high { position.high = high }
        position.sightings.merge(commit.sightings) { _, new in new }
        for document in commit.rejected { rejected[document.id] = document }
        for id in commit.released { rejected[id] = nil }
    }
}
