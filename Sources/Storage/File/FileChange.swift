/// What somebody did to the files of a database while it was recorded.
package enum FileChange: Hashable, Sendable {
    /// The database was removed, and all that was in it with it.
    case removed(path: String, isReplaced: Bool)
    /// It was moved, and is whole under its new name.
    case moved(path: String, to: String, isReplaced: Bool)
    /// Its WAL was removed; all that was in it was written back first.
    case logRemoved(path: String)
    /// The lock file was removed, and made anew.
    case lockRemoved(path: String)
}

extension FileChange: CustomStringConvertible {
    /// One sentence: what was done, and how it goes on.
    package var description: String {
        switch self {
        case .removed(let path, let isReplaced):
            "\(path) was removed while it was recorded, and what was in it is lost with it; "
                + FileChange.further(isReplaced)
        case .moved(let path, let new, let isReplaced):
            "\(path) was moved to \(new) while it was recorded, and all that was acknowledged is there; "
                + FileChange.further(isReplaced)
        case .logRemoved(let path):
            "the WAL of \(path) was removed while it was recorded; all that was in it is in the database now"
        case .lockRemoved(let path):
            "\(path)-lock was removed while \(path) was recorded, and is made anew; leave it where it is"
        }
    }

    private static func further(_ isReplaced: Bool) -> String {
        isReplaced ? "what stands there now is recorded into" : "a new database is begun"
    }
}
