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
            let policy = try RetentionText.policy(
                path: database.resolvedPath,
                ageMilliseconds: retain?.milliseconds,
                bytesMax: maxSize?.bytes
            )
            var outcome = try await writer.compact(policy)
            // One call is a bounded piece of work, so that a recorder would never wait for long.
            while outcome.isUnfinished { outcome = try await writer.compact(policy) }
            try await writer.close()
            let dropped = RetentionText.dropped(outcome).map { ", \($0)" } ?? ""
            StandardStreams.errorLine(
                "\(database.resolvedPath): \(HumanText.bytes(Double(outcome.bytes))) now\(dropped)"
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

    /// The policy of those limits, with what no destination has yet taken protected.
    static func policy(path: String, ageMilliseconds: Int64?, bytesMax: Int64?) throws -> RetentionPolicy {
        guard ageMilliseconds != nil || bytesMax != nil else { return RetentionPolicy() }
        let snapshot = try Vault.openReader(path: path).snapshot()
        // The newest scrape's time and not ours: a clock that jumped ahead must not end anybody's protection.
        let newest = try snapshot.targets().compactMap(\.last?.time).max()
        return RetentionPolicy(
            ageMilliseconds: ageMilliseconds,
            bytesMax: bytesMax,
            protectedAfterSeq: try ReplayLedger.protectedAfterSeq(
                vaultPath: path,
                databaseUUID: snapshot.databaseUUID,
                now: newest ?? TimeArgument.wallClock()
            )
        )
    }
}
