import Model
import Storage

/// What `record` says of a damaged database that it put aside.
enum PutAsideText {
    /// One line: what is wrong, where it is now, and the command that gets the rest out.
    static func words(_ aside: PutAside) -> String {
        "\(EscapedText.escape(aside.original)) is damaged (\(EscapedText.escape(aside.reason))); "
            + "it was put aside as \(EscapedText.escape(aside.path)), and a new database is begun. "
            + "What can be read of it: \(salvageCommand(aside.path))"
    }

    /// The command that writes what can be read of a damaged database into a new one.
    static func salvageCommand(_ path: String) -> String {
        let path = EscapedText.escape(path)
        return "expvault check --db \(quoted(path)) --salvage \(quoted(path + ".salvaged"))"
    }

    /// As a shell takes it for one word.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || Array("/._-+:@%".utf8).contains(byte)
        }
        return isPlain
            ? word
            : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
                + "'"
    }
}
