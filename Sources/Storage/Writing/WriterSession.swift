import Compression
import Expvar
import Model
import SQLite

/// The writer's insides: the lock, the connection, and what it remembers.
///
/// Used on the writer's thread only.
///
/// Every call that stores is one transaction. Where one fails, what is remembered is thrown away and read again from
/// the file, so memory and file never disagree, and the next call may succeed (the disk was full, and no longer is).
final class WriterSession {
    /// After so many pages in the WAL it is written back: 2048 pages are 8 MiB.
    ///
    /// Fewer would write hot pages to the database more often than needed, more would make recovery and
    /// readers' searches longer.
    static let pagesPerCheckpoint = 2048
    /// Beyond so many pages (32 MiB) readers are waited for, `checkpointWaitMilliseconds` at most, to cut the WAL.
    static let pagesMax = 8192
    static let checkpointWaitMilliseconds: Int32 = 200
    /// Below this a limit of size is a small one.
    private static let smallBytesMax: Int64 = 32 << 20
    /// A reader holds its locks for moments only; longer waits are somebody else's fault.
    static let busyMilliseconds: Int32 = 5000

    let file: VaultFile
    let connection: Connection
    let store: RowStore
    let compressor: ZstdCompressor
    /// The newest scrapes.
    let tail: TailWriter
    let lock: VaultLock
    /// Room for the way out of a full disk.
    let reserve: SpaceReserve
    /// See `WALTie`.
    var tie = WALTieState()
    /// Whether the WAL had commits when the file was opened.
    let hadCommits: Bool
    /// Whether the file was left without the WAL that was in use when it was copied or moved.
    let lacksWAL: Bool
    /// What is kept while the file grows.
    var policy = RetentionPolicy()
    /// What that dropped, and was not told yet.
    var dropped = PruneSummary()
    private(set) var targets: [String: TargetState] = [:]
    private var tails: [TargetID: [ScrapeRow]]?
    var nextSeq: Int64 = 1
    /// So many scrapes a step of finding runs anew goes over, and to the end of the chunk that it is in then.
    ///
    /// Some seconds, and 200 MB of bodies. A variable for tests.
    var refreshScrapesMax = 20_000
    /// Makes the encoder of a chunk; a parameter for tests.
    var makeEncoder: (ChunkLevel, @escaping (ShapeID) throws -> Shape) -> ChunkEncoder = {
        ChunkEncoder(level: $0, shape: $1)
    }
    /// Targets of which a chunk did not read back: this session does not try again, since that would fail alike.
    private(set) var unsealable: Set<TargetID> = []
    /// The error for the last of them, until it was told.
    private var untoldUnsealable: StorageError?
    /// Whether the database is a capture, and nothing was added to it yet.
    private var isCapture = false
    /// Who records here.
    private(set) var recorder: RecorderIdentity?
    /// Buffers that are filled anew for each body.
    var document = ScannedDocument()
    /// Where its files were when they were opened.
    private(set) var standing: StandingFiles

    /// Whether there is a limit of size, and a small one.
    var isSmallLimit: Bool { policy.bytesMax.map { $0 < WriterSession.smallBytesMax } ?? false }

    /// Takes the lock, makes the file where `create` allows it, migrates it, and mends what a crash left half done.
    ///
    /// `held` is the lock, where the caller has it already.
    init(path: String, create: Bool, lock held: VaultLock? = nil) throws(StorageError) {
        if create { try VaultFile.makeDirectories(for: path) }
        let file = try VaultFile(path: path)
        // Looked at before the lock is taken, so that nothing appears beside a file that is not ours.
        try WriterSession.admit(file, create: create)
        if let held { lock = held } else { lock = try VaultLock(file: file) }
        try PutAsideFiles.finish(file)
        if try WriterSession.admit(file, create: create) {
            try file.requireNoOrphan("its WAL is there, and the file itself is not")
            try file.create()
        }
        reserve = SpaceReserve(file: file)
        reserve.releaseForOpening(keepsHalf: create)
        self.file = file
        try lock.holdDatabase(file)
        standing = StandingFiles(file: file, lock: lock)
        do {
            let scan = try WALScan.require(file)
            lacksWAL = try WALTie.isWithoutWAL(file, scan)
            hadCommits = scan.commitCount > 0
        } catch {
            lock.releaseDatabase()
            throw error
        }
        let opened = try StorageError.wrapping(path) {
            let connection = try Connection(
                path: file.realPath,
                role: .writer(create: false),
                busyMilliseconds: WriterSession.busyMilliseconds
            )
            let version = Migrations.currentVersion
            return (connection, try RowStore(connection: connection, path: path, version: version))
        }
        connection = opened.0
        store = opened.1
        compressor = try StorageError.wrapping(path) { try ZstdCompressor(level: BodyEncoding.level) }
        tail = TailWriter(store, compressor)
        do {
            try StorageError.wrapping(path) {
                try prepare()
                try standing.noteLog()
            }
        } catch {
            // Whoever cannot read the file must not write its WAL back either.
            connection.leaveWAL()
            throw error
        }
    }

    /// Closes the file and leaves it as it is; the lock goes on to the caller.
    func abandon() -> VaultLock {
        connection.leaveWAL()
        connection.close()
        lock.releaseDatabase()
        return lock
    }

    /// Whether the file must be made; throws where it must not be used.
    @discardableResult
    private static func admit(_ file: VaultFile, create: Bool) throws(StorageError) -> Bool {
        let content = try file.inspect()
        if create && (content == .missing || content == .empty) { return true }
        try file.requireOurs()
        return false
    }

    private func prepare() throws {
        let version = try connection.integer("PRAGMA user_version") ?? 0
        try Migrations.requireKnown(version, path: file.path)
        try Schema.verify(on: connection, version: version, path: file.path)
        _ = try connection.integer("PRAGMA journal_mode = WAL")
        if version < Migrations.currentVersion {
            try connection.transaction { try Migrations.run(on: connection, from: version) }
        }
        try loadNextSeq()
        tails = try store.readTails(keepBodies: false)
        try refreshStaleRuns()
    }

    private func loadNextSeq() throws {
        let meta = try MetaValues(connection: connection, path: file.path)
        nextSeq =
            max(meta.seqFloor, meta.markSeq, try store.highestTailSeq()) &+ 1
        isCapture = meta.capturedRange != .all
        recorder = RecorderIdentity(id: meta.databaseUUID, host: meta.recordingHost)
    }

    /// A capture that something is added to is a database as any other, whose answers are about all that it has.
    func becomeRecording() throws(SQLiteError) {
        guard isCapture else { return }
        try connection.execute("DELETE FROM meta WHERE key IN ('capture_since', 'capture_until')")
        isCapture = false
    }

    /// Writes everything back and lets go of the file.
    func close() throws(StorageError) {
        defer {
            connection.close()
            lock.release()
        }
        do {
            try StorageError.wrapping(file.path) {
                try refreshStaleRuns()
                // From here on even the last row of the tail would be missed.
                try closeWAL { try storeMark() }
            }
        } catch {
            // The file says that it has a WAL: it must not be without one.
            connection.leaveWAL()
            throw error
        }
    }

    // MARK: Transactions

    /// Runs `body` in a transaction, and stores with it what changed of runs.
    func transaction<Result>(_ body: () throws -> Result) throws(StorageError) -> Result {
        do {
            let result = try StorageError.wrapping(file.path) {
                try commit {
                    let result = try body()
                    for target in targets.values { try storeChanges(of: target) }
                    try tail.flush()
                    return result
                }
            }
            checkpointWhereDue()
            return result
        } catch {
            forget()
            throw error
        }
    }

    /// Throws away what is remembered, but for the tails of all targets, which are at hand: reading these again takes as
    /// long as they are.
    func forgetAllButTails() {
        tails = Dictionary(uniqueKeysWithValues: targets.values.map { ($0.id, $0.history.tail) })
        targets.removeAll()
        store.forgetRows()
    }

    /// Throws away what is remembered; it is read again when it is needed.
    func forget() {
        targets.removeAll()
        tails = nil
        store.forget()
        tail.forget()
        // Where even this cannot be read, the next transaction fails on the same file with its own error.
        try? loadNextSeq()
    }

    private func storeChanges(of target: TargetState) throws {
        for id in target.changedRuns {
            if let run = target.runs[id] { try storedRow(of: run, target).update(on: connection) }
        }
        target.changedRuns.removeAll(keepingCapacity: true)
        if target.isRowChanged {
            try target.row.store(on: connection)
            target.isRowChanged = false
        }
        target.dropForgottenRuns()
    }

    // MARK: Storing

    /// Gives the next scrape its number.
    func takeSeq() -> Int64 {
        defer { nextSeq += 1 }
        return nextSeq
    }

    /// See `VaultWriter.append`.
    func append(_ scrapes: [(TargetDescription, Scrape)]) throws(StorageError) -> [StoredScrape] {
        for (description, _) in scrapes {
            guard TargetName.isValid(description.name) else { throw .invalidTargetName(description.name) }
            try StorageError.wrapping(file.path) { try refreshStaleRuns(ofTargetNamed: description.name) }
        }
        // Of a small limit 64 slots are a part that counts.
        tail.growth = isSmallLimit ? TailWriter.slotsPerGrowth / 8 : TailWriter.slotsPerGrowth
        let stored: [StoredScrape]
        do throws(StorageError) {
            stored = try storeAll(scrapes)
        } catch {
            // On a full disk the oldest go first, where a limit says that any may.
            guard case .diskFull = error, try makeRoom() else { throw error }
            stored = try storeAll(scrapes)
        }
        // What was stored is stored, whatever becomes of this; the next call tries again.
        try? sealLongTails(stored: stored.count)
        keepSize()
        return stored
    }

    private func storeAll(_ scrapes: [(TargetDescription, Scrape)]) throws(StorageError) -> [StoredScrape] {
        try transaction {
            try becomeRecording()
            return try scrapes.map { try append($0.1, to: $0.0) }
        }
    }

    private func append(_ scrape: Scrape, to description: TargetDescription) throws -> StoredScrape {
        let target = try target(named: description.name)
        let reading = ScrapeClock.Reading(
            wall: scrape.time,
            bootID: scrape.bootID,
            bootNanoseconds: scrape.bootNanoseconds
        )
        let placement = ScrapeClock.place(reading, after: target.last)
        if let milliseconds = placement.stepMilliseconds, let last = target.last {
            let step = ClockStep(before: last.position, after: placement.position, milliseconds: milliseconds)
            try step.store(target: target.id, on: connection)
            target.row.stepCount += 1
            target.lastStep = placement.position
        }
        let before = target.origin?.value
        let origin = try originID(description.origin, of: target)
        let row = try put(scrape, into: target, at: placement.position, origin: origin)
        var stored = StoredScrape(seq: row.seq, position: placement.position, failure: row.failure)
        if let old = before?.endpoint, let new = target.origin?.value.endpoint, old != new {
            stored.movedFrom = before?.url
        }
        if row.shape != nil, !target.isUnreadTold, let part = target.lastShape?.shape.unread.first,
            case .document(let body) = scrape.outcome, part.leaf < target.document.leaves.count
        {
            target.isUnreadTold = true
            stored.unread = UnreadPart(
                path: part.name,
                text: Array(target.document.leaves[part.leaf].spelling(in: body)),
                first: row.position,
                last: row.position
            )
        }
        return stored
    }

    /// The state of a target, which is made where there is none.
    func target(named name: String) throws -> TargetState {
        if let state = targets[name] { return state }
        let row: TargetRow
        if let found = try TargetRow.find(name, on: store) {
            row = found
        } else {
            let id = TargetID(try RowNumber.next(of: "targets", on: connection))
            row = TargetRow(id: id, name: name, isSeriesLimited: false, hasDates: false)
            try row.store(on: connection)
            var meta = try MetaValues(connection: connection, path: file.path)
            meta.targetCount += 1
            try meta.store(on: connection)
        }
        let state = try loadState(of: row)
        // Its newest chunk was opened for its newest scrape alone.
        store.forgetChunks()
        targets[name] = state
        return state
    }

    /// The scrapes of a target, as the file has them.
    func loadHistory(of target: TargetID) throws -> TargetHistory {
        // Within a transaction numbers may be given that are not stored yet, so only the first look checks them.
        let tails = try tails ?? store.readTails(keepBodies: false, checksNumbers: false)
        self.tails = tails
        return TargetHistory(
            target: target,
            chunks: try ChunkEntry.all(of: target, on: store),
            tail: tails[target] ?? [],
            store: store
        )
    }

    /// Runs `body`, which makes chunks of a target.
    ///
    /// Returns whether it did: where one does not read back the target stays as it is.
    func sealing(_ target: TargetID, _ body: () throws -> Void) throws -> Bool {
        guard !unsealable.contains(target) else { return false }
        do {
            try body()
            return true
        } catch let error as StorageError {
            guard case .notSealed = error else { throw error }
            unsealable.insert(target)
            untoldUnsealable = error
            return false
        } catch is WriterSession.ChunkTooLarge {
            // Nothing to tell: retention takes these scrapes one by one.
            unsealable.insert(target)
            return false
        }
    }

    /// Throws, once, where a target was left as it is because a chunk of it did not read back.
    func tellUnsealable() throws(StorageError) {
        guard let error = untoldUnsealable else { return }
        untoldUnsealable = nil
        throw error
    }

    /// Forgets one target's state.
    func forget(_ target: TargetID) {
        targets = targets.filter { $0.value.id != target }
        tails = nil
    }

    /// See `VaultWriter.renameTarget`.
    func renameTarget(_ old: String, to new: String) throws(StorageError) {
        guard TargetName.isValid(new) else { throw .invalidTargetName(new) }
        try transaction {
            guard var row = try TargetRow.find(old, on: store) else { throw StorageError.unknownTarget(old) }
            guard old != new else { return }
            guard try TargetRow.find(new, on: store) == nil else { throw StorageError.targetExists(new) }
            row.name = new
            try row.store(on: connection)
            try keepRecordedName(old, of: row.id)
            targets[old] = nil
        }
    }

    /// What was recorded stays what was recorded under that name: its documents are named by it.
    private func keepRecordedName(_ name: String, of target: TargetID) throws {
        for id in try OriginRow.numbersWithoutName(of: target, on: connection) {
            guard var row = try OriginRow.find(id, on: store) else { continue }
            row.origin.recordedName = name
            try row.store(on: connection)
        }
        store.forgetRows()
    }
}
