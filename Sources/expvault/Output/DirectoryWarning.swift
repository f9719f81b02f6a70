import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Says where others may write to the directory of a database: they could put another file in its place.
enum DirectoryWarning {
    /// The words; nil where only the owner may write.
    ///
    /// A directory that `record` makes is 0700; one that was there is left as it is.
    static func words(database: String) -> String? {
        var directory = "."
        if let slash = database.utf8.lastIndex(of: UInt8(ascii: "/")) {
            directory = slash == database.startIndex ? "/" : String(database[..<slash])
        }
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & 0o022 != 0 else { return nil }
        let who = status.st_mode & 0o002 != 0 ? "everybody" : "the group"
        return
            "\(who) may write to the directory \(EscapedText.escape(directory)), and so replace the database"
    }
}
