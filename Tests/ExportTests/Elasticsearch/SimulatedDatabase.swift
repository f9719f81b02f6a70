import Export
import Model
import Storage

/// A database as far as exports know it: documents with numbers, and a ledger with its past.
struct SimulatedDatabase {
    /// What a database can be.
    enum Kind: CaseIterable {
        /// Recorded into.
        case source
        /// A range of another one, with its numbers; exported as a part.
        case capture
        /// Another one as it was, recorded into on a host of its own from then on.
        case copy
        /// What was recorded elsewhere, imported: with numbers of its own, and identities of others.
        case central
    }

    var kind: Kind
    var documents: [ReplayDocument] = []
    var lastSeq: Int64 = 0
    var ledger = SimulatedLedger()
    /// The ledger as it was now and then, to be put back.
    var backups: [SimulatedLedger] = []
    /// Whether the key may look.
    var mayLook = true
    /// How far the host's clock is off.
    var clockOffset: Int64 = 0

    var isRecorded: Bool { kind == .source || kind == .copy }
    var targets: Set<TargetID> { Set(documents.map(\.target)) }
}

/// An export at work on a database.
struct SimulatedExporter {
    var machine: ReplayMachine
    var deliveries: ArraySlice<ReplayDelivery>
    var follows: Bool
    /// The newest scrape that was handed out, or none is up to it.
    var upToSeq: Int64
}
