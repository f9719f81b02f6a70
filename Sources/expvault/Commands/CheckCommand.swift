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
              expvault check --db /var/lib/expvault/expvault.db && echo sound

            The exit status is 0 where all is well, else 65 with one line for each finding.
            """
    )

    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let snapshot = try database.snapshot()
        let findings = IntegrityCheck(snapshot: snapshot).findings()
        for finding in findings { try StandardStreams.output(EscapedText.escape("\(finding)") + "\n") }
        guard findings.isEmpty else { throw ExitCode(ExitStatus.dataError.rawValue) }
        StandardStreams.errorLine("\(database.resolvedPath): sound, \(snapshot.lastSeq) scrapes numbered")
    }
}
