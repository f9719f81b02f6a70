/// Why a statement over virtual tables gave no answer.
package enum VirtualTableError: Error, Sendable, CustomStringConvertible {
    /// SQLite does not take the statement, or it failed; SQLite's words.
    case refused(String)
    /// The text holds no statement.
    case noStatement
    /// The text goes on after the first statement.
    case manyStatements
    /// It took longer than it was given.
    case deadlinePassed
    /// It needs more memory than it may have.
    case outOfMemory

    /// One sentence.
    package var description: String {
        switch self {
        case .refused(let message): message
        case .noStatement: "there is no statement"
        case .manyStatements: "there is more than one statement"
        case .deadlinePassed: "the statement took longer than it was given"
        case .outOfMemory: "the statement needs more memory than it may have"
        }
    }
}
