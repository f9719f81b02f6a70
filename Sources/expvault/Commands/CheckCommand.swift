import ArgumentParser
import Model
import Storage

/// `expvault check`: whether everything in the file is what was written.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Verify the file: every checksum, every body, every invariant.",
        discussion: """
            EXAMPLES
              expvault check --db edge.db && echo sound
              expvault check --db damaged.db --salvage rescued.db

            The ledger of exports beside it (PATH-export) is looked at too. --salvage writes what can be read into a new \
            file (--force: also over one that is there) and says what is lost.

            EXIT STATUS
              0   all is well, and what is there is said in words
              65  one line for each finding; those that differ in
                  numbers only are one
            """
    )

    @Option(help: ArgumentHelp("Write what is readable into this new file.", valueName: "path"))
    var salvage: String?
    @OptionGroup var overwriting: OverwritingOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        if let salvage { return try rescue(into: salvage) }
        let path = database.resolvedPath
        let vault: Vault
        let snapshot: VaultSnapshot
        do {
            vault = try Vault.openReader(path: path)
            snapshot = try vault.snapshot()
        } catch StorageError.damaged(path, let detail) {
            // What keeps it from being opened is a finding as any other, and all that can be said.
            try tell([Finding(description: detail)])
            throw ExitCode(ExitStatus.dataError.rawValue)
        }
        let findings = IntegrityCheck(snapshot: snapshot).findings()
        var others = ReplayLedger.findings(vaultPath: path)
        if snapshot.lacksWAL { others.append(Finding(description: WithoutWALText.words(path))) }
        try tell(findings, others)
        guard findings.isEmpty, others.isEmpty else { throw ExitCode(ExitStatus.dataError.rawValue) }
        StandardStreams.errorLine(try CheckText.sound(snapshot, vault.condition()))
    }

    /// One line for each finding, then what to do.
    private func tell(_ findings: [Finding], _ others: [Finding] = []) throws {
        for finding in findings + others {
            try StandardStreams.output(EscapedText.escape("\(finding)") + "\n")
        }
        guard !findings.isEmpty else { return }
        StandardStreams.errorLine(CheckText.damaged(database.resolvedPath))
    }

    private func rescue(into path: String) throws {
        let summary = try Salvage.write(
            from: database.resolvedPath,
            to: path,
            replaces: overwriting.force,
            begins: UnfinishedFiles.removeWhenEnded
        )
        for finding in summary.findings {
            try StandardStreams.output(EscapedText.escape("\(finding)") + "\n")
        }
        StandardStreams.errorLine("\(path): \(summary.scrapes) scrapes rescued, \(summary.lost) lost")
        if summary.lost > 0 || !summary.findings.isEmpty { throw ExitCode(ExitStatus.dataError.rawValue) }
    }
}
