import Model
import Storage

/// What `check` says in sum.
enum CheckText {
    /// Of a sound database what it holds, so that nobody takes comfort from a file that is not the one he means.
    static func sound(_ snapshot: VaultSnapshot, _ condition: VaultCondition) throws -> String {
        let targets = try snapshot.targets()
        let count = targets.reduce(Int64(0)) { $0 &+ $1.scrapeCount &+ $1.failureCount }
        let first = targets.compactMap(\.first?.time).min()
        let last = targets.compactMap(\.last?.time).max()
        var words = "\(EscapedText.escape(snapshot.path)): sound. "
        if let first, let last, count > 0 {
            words += "It holds \(counted(count, "scrape")) of \(counted(Int64(targets.count), "target")), "
            words += "from \(first) to \(last)"
        } else {
            words += "It holds no scrape"
        }
        words += ", in \(HumanText.bytes(Double(condition.fileBytes)))"
        if condition.walBytes > 0 { words += " and a WAL of \(HumanText.bytes(Double(condition.walBytes)))" }
        if let writer = condition.writer {
            return words + "; it is being written (\(EscapedText.escape(writer)))"
        }
        return words + "; nobody records into it now"
    }

    /// Of a damaged one the command that gets the rest out.
    static func damaged(_ path: String) -> String {
        "\(EscapedText.escape(path)): damaged. What can be read of it: \(PutAsideText.salvageCommand(path))"
    }

    private static func counted(_ count: Int64, _ word: String) -> String {
        "\(count) \(word)\(count == 1 ? "" : "s")"
    }
}
