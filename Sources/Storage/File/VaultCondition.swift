/// What stands at a database's path, as far as its files tell without being read.
package struct VaultCondition: Hashable, Sendable {
    /// The bytes of the file.
    package var fileBytes: Int64
    /// The bytes of its WAL; 0 where there is none.
    package var walBytes: Int64
    /// Who writes it now, in words; nil where nobody does, or where that cannot be told.
    package var writer: String?
}

extension Vault {
    /// What stands at the path now.
    package func condition() throws(StorageError) -> VaultCondition {
        let file = try VaultFile(path: path)
        return VaultCondition(
            fileBytes: file.bytes(of: ""),
            walBytes: file.bytes(of: "-wal"),
            writer: VaultLock.isHeld(for: file) ? VaultLock.words(of: file) : nil
        )
    }
}
