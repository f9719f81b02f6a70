package import Model
package import Storage

/// What an export asks a database for once, before it begins.
///
/// A snapshot that is kept holds up the recorder's checkpoints, and an export may take days: so what is needed of it is taken out,
/// and it is let go of.
package struct ExportedDatabase: Sendable {
    /// Who recorded what does not say otherwise.
    package let recorder: RecorderIdentity
    /// The newest scrape.
    package let lastSeq: Int64
    /// Its targets, ascending by name.
    package let targets: [TargetRecord]
    /// Of a capture its range.
    package let capturedRange: TimeRange

    /// What the database of `vault` says now.
    package init(_ vault: Vault) throws {
        let snapshot = try vault.snapshot()
        recorder = RecorderIdentity(id: snapshot.databaseUUID, host: snapshot.recordingHost)
        lastSeq = snapshot.lastSeq
        targets = try snapshot.targets()
        capturedRange = snapshot.capturedRange
    }
}
