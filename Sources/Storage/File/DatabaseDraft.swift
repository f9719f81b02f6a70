package import HostFiles

extension Vault {
    /// The database at `path` with all that stands beside it: what no output may take the place of.
    package static func files(at path: String) -> ProtectedFiles {
        ProtectedFiles(
            base: path,
            suffixes: [
                "-wal", "-shm", "-journal", "-lock", "-key", SpaceReserve.suffix, "-aside", "-aside-new",
                "-new", "-new-wal", "-new-shm", "-new-journal",
            ],
            // The ledger, its journal, and a lock for each of its destinations.
            prefixes: [ReplayLedger.suffix]
        )
    }
}

/// A database that is written under another name, and gets its own once it is whole.
struct DatabaseDraft {
    private let draft: DraftFile

    private static let databaseSuffix = ".db"
    /// What SQLite, the lock and the making of a database put beside it.
    private static let beside = ["", "-wal", "-shm", "-journal", "-lock"]
    /// The database, and the draft that it is made from.
    private static let further = ["", "-new"].flatMap { part in beside.map { databaseSuffix + part + $0 } }

    /// Where the database is written.
    var path: String { draft.path + Self.databaseSuffix }

    /// A draft of the database that goes to `destination`, made from the one at `source`.
    ///
    /// `begins` is told of all paths that are only there meanwhile, before the first of them is.
    init(
        _ destination: String,
        source: String,
        replaces: Bool,
        begins: ([String]) -> Void
    ) throws {
        let place = try OutputPlace(destination, replaces: replaces, protecting: Vault.files(at: source))
        guard try place.admit() != .stream else { throw place.refusal("it is no regular file") }
        try Self.requireNoLog(beside: place)
        draft = try DraftFile(for: place, further: Self.further, begins: begins)
    }

    /// SQLite would take the log beside a replaced file for its own.
    private static func requireNoLog(beside place: OutputPlace) throws {
        guard try VaultFile(path: place.path).hasWAL else { return }
        throw place.refusal("\(place.path)-wal belongs to a database in use; give another name")
    }

    /// Gives the database its name; its size.
    func finish() throws -> Int64 {
        try Self.requireNoLog(beside: draft.place)
        let size = try draft.publish(Self.databaseSuffix)
        // An empty log may be left beside a database that was replaced.
        for suffix in ["-wal", "-shm"] { SystemCall.remove(draft.place.realPath + suffix) }
        return size
    }

    /// Removes what is there only meanwhile.
    func end() { draft.abandon() }
}
