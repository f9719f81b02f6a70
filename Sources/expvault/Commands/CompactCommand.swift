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
            let outcome = try await writer.compact(
                RetentionPolicy(ageMilliseconds: retain?.milliseconds, sizeBytes: maxSize?.bytes)
            )
            try await writer.close()
            StandardStreams.errorLine(
                "\(HumanText.bytes(Double(outcome.bytesBefore))) before, \(HumanText.bytes(Double(outcome.bytesAfter))) now"
            )
        } catch {
            // The first error is the one to tell.
            try? await writer.close()
            throw error
        }
    }
}
