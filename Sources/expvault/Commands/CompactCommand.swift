import ArgumentParser
import Model
import Storage

/// `expvault compact`: seal, prune, return space.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Make the file as small as it gets: seal, prune, return space.",
        discussion: """
            EXAMPLES
              expvault compact
              expvault compact --retain 90d
            """
    )

    @Option(help: ArgumentHelp("Also drop what is older than this.", valueName: "duration"))
    var retain: DurationArgument?
    @Option(help: ArgumentHelp("Also drop the oldest until the file is no larger.", valueName: "size"))
    var maxSize: SizeArgument?
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let writer = try await VaultWriter.open(path: database.resolvedPath, create: false)
        do {
            await database.warnWithoutWAL(writer)
            let policy = try RetentionPolicy.lookedUp(
                path: database.resolvedPath,
                ageMilliseconds: retain?.milliseconds,
                bytesMax: maxSize?.bytes
            )
            let outcome = try await writer.compact(policy)
            try await writer.close()
            let dropped = RetentionText.dropped(outcome).map { ", \($0)" } ?? ""
            let isOver = maxSize.map { outcome.bytes > $0.bytes } ?? false
            StandardStreams.errorLine(
                "\(database.resolvedPath): \(HumanText.bytes(Double(outcome.bytes))) now\(dropped)"
                    + (isOver ? "; it cannot be made smaller without its newest scrapes" : "")
            )
        } catch {
            // The first error is the one to tell.
            try? await writer.close()
            throw error
        }
    }
}

/// What is to be dropped, in the words of the command line.
enum RetentionText {
    /// How many scrapes were dropped, and how many of them no destination has yet taken; nil where none was.
    static func dropped(_ summary: PruneSummary) -> String? {
        guard summary.deleted > 0 else { return nil }
        guard summary.deletedProtected > 0 else { return "\(summary.deleted) scrapes dropped" }
        return "\(summary.deleted) scrapes dropped, \(summary.deletedProtected) of them not exported yet"
    }
}
