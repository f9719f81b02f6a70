import Model
import Storage

/// What is said of a database that was copied without its WAL.
enum WithoutWALText {
    /// One line, which names the file.
    static func words(_ path: String) -> String { "\(EscapedText.escape(path)): \(StorageError.withoutWAL)" }

    /// Says so on standard error.
    static func warn(_ path: String) { StandardStreams.errorLine(words(path)) }
}
