package import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a capture holds.
package struct CaptureSummary: Hashable, Sendable {
    /// Targets, also such without a scrape in the range.
    package var targets = 0
    /// Scrapes of the range, failed ones included.
    package var scrapes: Int64 = 0
    /// Scrapes beside the range, which answers at its ends need.
    package var marginScrapes: Int64 = 0
    /// The size of the file.
    package var bytes: Int64 = 0
}

/// Writes a range of a database into a new one that answers for the range as the whole does.
///
/// Scrapes, runs and all else keep their numbers, places and bytes, the database its UUID and host: a document that is
/// exported of the capture has the `_id` that the whole gives it. The file appears whole under its name, or not at all.
///
/// See docs/capture.md.
package enum Capture {
    /// A snapshot of the source is let go of after so long: it keeps the recorder's WAL from being cut.
    package static let snapshotMax = Duration.seconds(2)

    /// What is being copied: how much of how many bytes of chunks, of which target.
    package typealias Progress = (_ done: Int64, _ total: Int64, _ target: String) -> Void

    /// Captures `range` of the targets of those names (all where empty) from the database at `source`.
    ///
    /// The source is read in short snapshots, without its lock: also while it is recorded.
    ///
    /// - Parameters:
    ///   - source: The database, which is left as it is.
    ///   - destination: Where the capture goes.
    ///   - range: What to capture.
    ///   - targets: Names of targets.
    ///   - replaces: Whether what is there already is replaced.
    ///   - snapshotMax: How long a snapshot is held; a chunk is copied in each all the same.
    ///   - begins: Called once before anything is written, with all paths that are only there until the file is whole:
    ///     for whoever is ended by a signal.
    ///   - progress: Called now and then.
    /// - Returns: What the capture holds.
    /// - Throws: `StorageError`; `.cannotCreate` where the destination exists.
    package static func run(
        from source: String,
        to destination: String,
        range: TimeRange = .all,
        targets: [String] = [],
        replaces: Bool = false,
        snapshotMax: Duration = Capture.snapshotMax,
        begins: ([String]) -> Void = { _ in },
        progress: Progress = { _, _, _ in }
    ) throws -> CaptureSummary {
        try StorageError.wrapping(destination) {
            let file = try CaptureFile(destination, source: VaultFile(path: source), replaces: replaces)
            defer { file.end() }
            begins(file.unfinished)
            var origin = source
            if case .ours(version: 1) = try VaultFile(path: source).inspect() {
                // Version 1 does not say what each scrape was the first to show: brought up to date on the side.
                try file.require(try Salvage.run(from: source, to: file.migrated), of: source)
                origin = file.migrated
            }
            let session = try WriterSession(path: file.draft, create: true)
            var work = CaptureWork(source: origin, session: session, range: range, snapshotMax: snapshotMax)
            do {
                try work.run(targets, progress)
                try session.close()
            } catch {
                try? session.close()  // the first error is the one to tell
                throw error
            }
            work.summary.bytes = try file.finish()
            return work.summary
        }
    }
}

/// The file that a capture becomes: written under another name, and renamed when it is whole.
private struct CaptureFile {
    let file: VaultFile
    let replaces: Bool
    /// Whoever captures to this place holds it, from the beginning to the end.
    private let lock: VaultLock
    var draft: String { file.realPath + ".partial" }
    var migrated: String { file.realPath + ".migrated" }
    private var guarded: String { file.realPath + ".capture" }

    /// All that is there only meanwhile; the lock goes last.
    var unfinished: [String] {
        [draft, migrated].flatMap { base in
            ["", "-wal", "-shm", "-journal", "-lock", "-new", "-new-journal", "-new-wal", "-new-shm"].map {
                base + $0
            }
        } + [guarded + "-lock"]
    }

    init(_ path: String, source: VaultFile, replaces: Bool) throws {
        do {
            file = try VaultFile(path: path)
        } catch {
            throw StorageError.cannotCreate(path: path, detail: "its directory is not there")
        }
        self.replaces = replaces
        try source.requireOurs()
        try CaptureFile.admit(file, source, replaces)
        lock = try VaultLock(file: VaultFile(path: file.realPath + ".capture"))
        // What one that was killed left.
        for path in unfinished.dropLast() { unlink(path) }
    }

    private static func admit(_ file: VaultFile, _ source: VaultFile, _ replaces: Bool) throws {
        func fail(_ detail: String) -> StorageError { .cannotCreate(path: file.path, detail: detail) }
        var own = stat()
        if lstat(file.realPath, &own) == 0 {
            var other = stat()
            if stat(source.realPath, &other) == 0, own.st_dev == other.st_dev, own.st_ino == other.st_ino {
                throw fail("it is the database that is captured")
            }
            guard own.st_mode & S_IFMT == S_IFREG else { throw fail("it is no regular file") }
            guard replaces else { throw fail("it exists already; --force replaces it") }
        }
        // SQLite would take the log beside a replaced file for its own.
        if lstat(file.realPath + "-wal", &own) == 0, own.st_size > 0 {
            throw fail("\(file.path)-wal belongs to a database in use; give another name")
        }
    }

    func require(_ salvage: SalvageSummary, of source: String) throws {
        guard salvage.lost == 0, salvage.findings.isEmpty else {
            throw StorageError.damaged(
                path: source,
                detail: salvage.findings.first?.description ?? "\(salvage.lost) scrapes cannot be read"
            )
        }
    }

    /// Gives the file its name; returns its size.
    func finish() throws -> Int64 {
        let descriptor = open(draft, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SystemCall.error(errno, path: draft) }
        defer { close(descriptor) }
        var status = stat()
        guard fsync(descriptor) == 0, fstat(descriptor, &status) == 0 else {
            throw SystemCall.error(errno, path: draft)
        }
        if replaces {
            guard rename(draft, file.realPath) == 0 else { throw failure(errno) }
        } else if link(draft, file.realPath) != 0 {
            // Unlike rename, a link never takes the place of a file that came in the meantime.
            let code = errno
            guard code == EPERM || code == ENOTSUP || code == EOPNOTSUPP else { throw failure(code) }
            guard rename(draft, file.realPath) == 0 else { throw failure(errno) }
        }
        // An empty log may be left beside a database that is replaced.
        for suffix in ["-wal", "-shm"] { unlink(file.realPath + suffix) }
        try SystemCall.syncDirectory(file.directory)
        return Int64(status.st_size)
    }

    private func failure(_ code: Int32) -> StorageError {
        .cannotCreate(path: file.path, detail: SystemCall.words(code))
    }

    /// Removes what is there only meanwhile.
    func end() {
        for path in unfinished { unlink(path) }
        lock.release()
    }
}
