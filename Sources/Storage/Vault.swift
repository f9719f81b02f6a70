import Model
import SQLite

/// The database: one SQLite file in WAL mode.
///
/// See docs/format.md.
package final class Vault: Sendable {
    /// The path of the database file.
    package let path: String

    /// Keeps opened chunks from one snapshot to the next.
    private let cache: ChunkCache?

    /// Opens the file for reading; nothing is written.
    ///
    /// - Parameters:
    ///   - path: The path of the database file.
    ///   - cache: What keeps opened chunks from one snapshot to the next; nothing where nil.
    /// - Returns: The database.
    /// - Throws: `StorageError`: no such file, not ours, newer than us, damaged, no permission.
    package static func openReader(path: String, keeping cache: ChunkCache? = nil) throws -> Vault {
        let vault = Vault(path: path, cache: cache)
        // A database that cannot be read is better told of here than at the first question.
        _ = try vault.snapshot()
        return vault
    }

    init(path: String, cache: ChunkCache? = nil) {
        self.path = path
        self.cache = cache
    }

    /// A consistent view of what is committed now, with a connection of its own.
    ///
    /// Not Sendable; use it and let go.
    package func snapshot() throws -> VaultSnapshot {
        let file = try VaultFile(path: path)
        try file.requireOurs()
        // Who writes has looked at it when he began, and what he wrote since is in his memory as well.
        let lacksWAL = try VaultLock.isHeld(for: file) ? false : lookAtWAL(of: file)
        return try VaultSnapshot(file: file, cache: cache, lacksWAL: lacksWAL)
    }

    /// Makes sure that the WAL is sound and the file's own; whether the file lacks the one that was in use.
    private func lookAtWAL(of file: VaultFile) throws(StorageError) -> Bool {
        func look() throws(StorageError) -> Bool {
            try WALTie.isWithoutWAL(file, file.hasWAL ? WALScan.require(file) : WALScan())
        }
        do throws(StorageError) {
            return try look()
        } catch {
            switch error {
            case .damaged, .foreignWAL: break
            default: throw error
            }
            // Or somebody wrote it meanwhile, whom the list of locks does not show.
            var lacksWAL = false
            try VaultLock.whileNobodyWrites(file) { () throws(StorageError) in lacksWAL = try look() }
            return lacksWAL
        }
    }
}
