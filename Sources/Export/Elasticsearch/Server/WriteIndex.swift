import Model
import Storage

/// What is known of the backing index that a data stream writes to.
package enum WriteIndex: Hashable, Sendable {
    /// Nobody looked: documents may lie in any index of the stream.
    case unknown
    /// The stream does not exist.
    case absent
    /// Its name.
    case named(String)

    /// The index that an answer names.
    var name: String? {
        if case .named(let name) = self { name } else { nil }
    }

    /// The number at the end of a backing index's name, as in `.ds-logs-golang.heap-default-2026.01.02-000007`.
    static func generation(_ index: String) -> Int? {
        guard let dash = index.lastIndex(of: "-") else { return nil }
        return Int(index[index.index(after: dash)...])
    }

    /// Whether it is the first index that its stream ever had: then a document of the stream is in it or nowhere.
    static func isFirst(_ index: String) -> Bool { generation(index) == 1 }
}

/// What is known of one stream, and since when.
struct StreamKnowledge: Hashable, Sendable {
    /// Knowledge of that age is asked for anew before anything is sent, in milliseconds.
    ///
    /// Every answer renews it. What is older may have been overtaken by a rollover: after an outage, or in the nights of
    /// one who follows.
    static let ageMax: Int64 = 30_000

    private(set) var writeIndex = WriteIndex.unknown
    /// How many backing indices it has, at least.
    private(set) var indexCount = 0
    /// When that was so; nil where it must be asked for.
    private var at: Int64?

    /// Whether a request may rely on it.
    func isFresh(now: Int64) -> Bool {
        at.map { now - $0 < StreamKnowledge.ageMax } ?? false
    }

    /// Whether every document of the stream is in the index that it writes to: there 409 tells.
    var hasOneIndex: Bool { writeIndex == .absent || writeIndex != .unknown && indexCount <= 1 }

    /// Takes note of what a probe found.
    mutating func probed(_ state: ReplayMachine.StreamState, now: Int64) {
        writeIndex = state.writeIndex
        indexCount = state.indexCount
        at = now
    }

    /// Takes note of the index that a document just went to, unless a later one is known.
    mutating func answered(_ index: String, now: Int64) {
        // Answers may come in another order than requests; the generation at the name's end tells.
        switch writeIndex {
        case .named(index): break
        case .named(let known):
            if let a = WriteIndex.generation(known), let b = WriteIndex.generation(index), a > b { return }
            indexCount += 1
        case .absent, .unknown: indexCount = WriteIndex.isFirst(index) ? 1 : 2
        }
        writeIndex = .named(index)
        at = now
    }

    /// It must be asked for before anything is sent: nobody knows what happened meanwhile.
    mutating func expire() {
        at = nil
    }
}

extension IndexSighting {
    /// The oldest index that this document can lie in, whoever sent it; nil where it may be any.
    func floor(of document: ReplayDocument) -> String? {
        // A scrape that was imported is as old as whoever recorded it says; its documents may have been sent long ago.
        document.isRecorded && document.seq > seq && document.time > time ? index : nil
    }
}
