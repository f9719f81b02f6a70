import HostFiles
package import Model

/// Where a target's scrapes are to be stored, and how.
package struct TargetDescription: Hashable, Sendable {
    /// The name; see `TargetName`.
    package var name: String
    /// Where its scrapes come from.
    package var origin: Origin

    /// A target of that name.
    package init(name: String, origin: Origin) {
        self.name = name
        self.origin = origin
    }
}

/// A scrape that was stored: its number and its final place.
package struct StoredScrape: Hashable, Sendable {
    /// Its number in the order of commits.
    package var seq: Int64
    /// Where it stands.
    package var position: ScrapePosition
    /// Why the body counts as failed although it was handed in as a document; nil otherwise.
    package var failure: String?
    /// Where the target's scrape before came from, if scheme, host, port or path are others now.
    package var movedFrom: String?
    /// What of the body cannot be read, where that is the target's first such scrape of this writer.
    package var unread: UnreadPart?
}

/// What became of one imported scrape.
package enum ImportOutcome: Hashable, Sendable {
    /// It is stored.
    case stored
    /// Stored, but as a failed scrape: the body is no document, for that reason.
    case storedAsFailure(reason: String)
    /// It was there already, with the same body.
    case skipped
    /// Another body stands at that position; the first is kept.
    case conflict
}

/// An imported scrape: a raw line.
package struct ImportedScrape: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// nil: the target's present epoch.
    package var epoch: Int64?
    /// Its URL is nil where the line had none.
    package var origin: Origin
    /// The scrape; its time is its place in the epoch.
    package var scrape: Scrape

    /// A scrape to import.
    package init(target: String, epoch: Int64? = nil, origin: Origin, scrape: Scrape) {
        self.target = target
        self.epoch = epoch
        self.origin = origin
        self.scrape = scrape
    }
}

/// The one writer of a database: holds the lock, and one thread that owns the connection.
///
/// Calls are carried out in order, on that thread; a commit never holds up the cooperative pool. A call that throws
/// has stored nothing, and the next one may succeed.
package actor VaultWriter {
    /// The path of the database.
    package nonisolated let path: String
    private let thread: WriterThread
    private var session: WriterSession?

    /// The writer's own thread.
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Who is told when a damaged database was put aside; nil: none is, and damage is an error.
    private let tellOfPutAside: (@Sendable (PutAside) -> Void)?
    /// Who is told when somebody moved or removed the files; nil: that is an error.
    private let tellOfChange: (@Sendable (FileChange) -> Void)?
    /// The lock, while what is at the path could not be opened after the database was let go of there.
    private var left: VaultLock?
    /// What is to be put aside, with the lock that is held for it.
    private var damaged: (lock: VaultLock, reason: String)?
    private var lastPutAside: ContinuousClock.Instant?
    /// What is kept of a database that takes the place of a damaged one, too.
    private var policy = RetentionPolicy()
    /// Whether `limit` was called, as a recorder does.
    private var keepsReserve = false

    /// A new database that is found damaged so soon would not be the last: then it is an error after all.
    private static let putAsideIntervalMin: Duration = .seconds(60)

    /// Takes the lock, creates the file if `create`, migrates it if it is older, and opens it for writing.
    ///
    /// With `putAside` a database that is damaged, now or later, is put aside whole and a new one begun, and
    /// `putAside` is told; see `replaceDamaged`. With `fileChange` a database that is moved, removed or replaced is let go of,
    /// one is begun at its path, and `fileChange` is told.
    ///
    /// - Throws: `StorageError.locked` with the holder's words where somebody else writes.
    package static func open(
        path: String,
        create: Bool,
        putAside: (@Sendable (PutAside) -> Void)? = nil,
        fileChange: (@Sendable (FileChange) -> Void)? = nil
    ) async throws -> VaultWriter {
        let writer = VaultWriter(path: path, putAside: putAside, fileChange: fileChange)
        try await writer.begin(create: create)
        return writer
    }

    private init(
        path: String,
        putAside: (@Sendable (PutAside) -> Void)?,
        fileChange: (@Sendable (FileChange) -> Void)?
    ) {
        self.path = path
        tellOfPutAside = putAside
        tellOfChange = fileChange
        thread = WriterThread()
    }

    private func begin(create: Bool) throws(StorageError) {
        do {
            try beginSession(create: create, lock: nil)
        } catch .damaged(let path, let detail) {
            guard tellOfPutAside != nil, create else { throw .damaged(path: path, detail: detail) }
            let lock = try VaultLock(file: VaultFile(path: path))
            // Somebody else may have put it aside before we had the lock.
            do {
                try beginSession(create: true, lock: lock)
            } catch .damaged(_, let detail) {
                damaged = (lock, detail)
                try replace()
            }
        }
    }

    private func beginSession(create: Bool, lock: VaultLock?) throws(StorageError) {
        let opened = try WriterSession(path: path, create: create, lock: lock)
        if tellOfPutAside != nil {
            do {
                try opened.verifyReferences()
            } catch {
                _ = opened.abandon()
                throw error
            }
        }
        session = opened
    }

    /// A session whose files stand at the path.
    private func opened() throws(StorageError) -> WriterSession {
        if damaged != nil { try replace() }
        if let left { try resume(left) }
        guard let session else { throw .closed(path: path) }
        switch try session.look() {
        case .inPlace:
            if session.restoreLock() { tellOfChange?(.lockRemoved(path: path)) }
            return session
        case .logRemoved: try leaveLog(session)
        case .departed: try leaveMoved(session)
        }
        guard let session = self.session else { throw .closed(path: path) }
        return session
    }

    /// What `body` stores stands at the path when this returns: where the database was taken away meanwhile, it is stored
    /// again into what stands there now.
    private func storing<Result>(_ body: (WriterSession) throws -> Result) throws -> Result {
        let session = try opened()
        let result = try body(session)
        // Where it cannot be told it was told a moment ago; to store it again would be to double it.
        switch (try? session.look()) ?? .inPlace {
        case .inPlace: return result
        case .logRemoved:
            // It is stored, and the next call insists where a reader holds this up.
            try? leaveLog(session)
            return result
        case .departed:
            try leaveMoved(session)
            return try body(opened())
        }
    }

    private func leaveLog(_ session: WriterSession) throws(StorageError) {
        let lock = try session.leaveLog()
        self.session = nil
        left = lock
        tellOfChange?(.logRemoved(path: path))
        try resume(lock)
    }

    private func leaveMoved(_ session: WriterSession) throws(StorageError) {
        let (lock, new) = try session.leaveMoved()
        self.session = nil
        guard let tellOfChange else {
            lock.release()
            throw .departed(path: path)
        }
        left = lock
        let isReplaced = FileIdentity.of(path: session.file.realPath) != nil
        tellOfChange(
            new.map { .moved(path: path, to: $0, isReplaced: isReplaced) }
                ?? .removed(path: path, isReplaced: isReplaced)
        )
        try resume(lock)
    }

    /// Opens what stands at the path now, or begins a database there.
    private func resume(_ held: VaultLock) throws(StorageError) {
        var lock = held
        if !lock.isInPlace {
            try VaultFile.makeDirectories(for: path)
            lock = try VaultLock(file: VaultFile(path: path))
            lock.reserve()
            left = lock
        }
        do {
            session = try WriterSession(path: path, create: true, lock: lock)
            session?.limit(policy, keepsReserve: keepsReserve)
            left = nil
        } catch .damaged(let path, let detail) {
            guard tellOfPutAside != nil else { throw .damaged(path: path, detail: detail) }
            left = nil
            damaged = (lock, detail)
            try replace()
        }
    }

    /// Puts the database aside and begins a new one, where `error` says that it is damaged and the writer was opened so.
    ///
    /// Returns whether it did, or will with the next call that writes, where there was no room for it now. What was
    /// to be stored can be handed in again then.
    package func replaceDamaged(after error: any Error) -> Bool {
        if damaged != nil { return true }
        // The ledger of exports is a file of its own, and the database beside it is sound.
        guard tellOfPutAside != nil, let session, case StorageError.damaged(let file, let detail) = error,
            file != path + ReplayLedger.suffix
        else { return false }
        if let lastPutAside, lastPutAside.duration(to: .now) < Self.putAsideIntervalMin { return false }
        self.session = nil
        damaged = (session.abandon(), detail)
        // What stands in the way now is told by the next call that writes.
        try? replace()
        return true
    }

    private func replace() throws(StorageError) {
        guard let (lock, reason) = damaged else { return }
        if let path = try PutAsideFiles.run(VaultFile(path: path)) {
            lastPutAside = .now
            tellOfPutAside?(PutAside(original: self.path, path: path, reason: reason))
        }
        session = try WriterSession(path: path, create: true, lock: lock)
        session?.limit(policy, keepsReserve: keepsReserve)
        damaged = nil
    }

    /// Takes room on the disk, which `makeRoom` lets go of.
    package func reserveRoom() {
        session?.lock.reserve()
    }

    /// Lets go of the room that was taken, so that the last words find some on a full disk.
    package func makeRoom() {
        (session?.lock ?? left ?? damaged?.lock)?.releaseReserve()
    }

    /// Stores scrapes of one or several targets in one transaction, durable when this returns.
    ///
    /// A body that is no document is stored as a failed scrape. Positions are made unique, epochs begun and
    /// steps recorded as semantics.md says ("Time and order"). Unknown targets are created; a changed origin is
    /// noted from this scrape on.
    package func append(_ scrapes: [(TargetDescription, Scrape)]) throws -> [StoredScrape] {
        try storing { try $0.append(scrapes) }
    }

    /// Stores raw lines in one transaction, at the places that they name.
    ///
    /// Fastest with lines that follow what is there, several hundred a call. Lines that take their place in between
    /// leave the runs of their target to be found anew, which `finishImport` does.
    package func insert(_ scrapes: [ImportedScrape]) throws -> [ImportOutcome] {
        try storing { try $0.insert(scrapes) }
    }

    /// Finds runs anew where `insert` put scrapes in between.
    ///
    /// Also done by `close`, by the next `append` to such a target, and by the next writer after a crash.
    package func finishImport() throws {
        let session = try opened()
        try StorageError.wrapping(path) { try session.refreshStaleRuns() }
    }

    /// Gives a target another name.
    package func renameTarget(_ old: String, to new: String) throws {
        try storing { try $0.renameTarget(old, to: new) }
    }

    /// Writes the WAL back to the database, waits for nobody.
    package func checkpoint() throws {
        try opened().checkpoint()
    }

    /// From now on the file is kept within the policy's size with each commit, also on a disk that is full.
    package func limit(_ policy: RetentionPolicy) throws {
        self.policy = policy
        keepsReserve = true
        try opened().limit(policy, keepsReserve: true)
    }

    /// What keeping the limit has dropped, and `maintain` has not told yet.
    package func takeDropped() -> PruneSummary { session?.takeDropped() ?? PruneSummary() }

    /// Whether the file was copied or moved without the WAL that was in use: what was in that is not here.
    package var lacksWAL: Bool { session?.lacksWAL ?? false }

    /// Deletes what is too old or too much; see `RetentionPolicy`.
    @discardableResult
    package func prune(_ policy: RetentionPolicy) throws -> PruneSummary {
        try opened().prune(policy)
    }

    /// Seals what is due, merges a few chunks, prunes: a bounded piece of work, for about once a minute.
    ///
    /// Holds up appends by some 100 ms. Where the summary is unfinished, there is more of it.
    @discardableResult
    package func maintain(_ policy: RetentionPolicy = RetentionPolicy()) throws -> PruneSummary {
        self.policy = policy
        let session = try opened()
        session.limit(policy, keepsReserve: keepsReserve)
        return try session.maintain(policy)
    }

    /// Prunes, seals and merges everything, gives all free space back to the file system, and writes the WAL back.
    @discardableResult
    package func compact(_ policy: RetentionPolicy = RetentionPolicy()) throws -> PruneSummary {
        try opened().compact(policy)
    }

    /// Commits, checkpoints, closes and lets go of the lock.
    ///
    /// A second call does nothing.
    package func close() throws {
        damaged?.lock.release()
        damaged = nil
        left?.release()
        left = nil
        guard let session else { return }
        self.session = nil
        // Whoever cannot look is at the file that he has.
        guard (try? session.look()) == .departed else { return try session.close() }
        // What was acknowledged was there then; nothing is begun in its place any more.
        let (lock, new) = try session.leaveMoved()
        lock.release()
        guard let tellOfChange else { throw StorageError.departed(path: path) }
        tellOfChange(
            new.map { .moved(path: path, to: $0, isReplaced: true) }
                ?? .removed(path: path, isReplaced: true)
        )
    }
}
