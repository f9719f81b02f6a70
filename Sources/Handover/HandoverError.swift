import HostFiles
import SQLite

/// Why an output of this module did not come to be.
package enum HandoverError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It must not, or cannot, go there.
    case cannotCreate(path: String, detail: String)
    /// The operating system lets us not.
    case permissionDenied(path: String)
    /// The disk is full.
    case diskFull(path: String)
    /// Writing failed.
    case inputOutput(path: String, detail: String)

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .cannotCreate(let path, let detail): "\(path) cannot be created: \(detail)"
        case .permissionDenied(let path): "\(path): permission denied"
        case .diskFull(let path): "\(path): the disk is full"
        case .inputOutput(let path, let detail): "\(path): \(detail)"
        }
    }

    /// Runs `body`; what the modules below throw of the output at `path` becomes a `HandoverError`.
    static func wrapping<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as OutputError {
            switch error {
            case .cannotCreate(let path, let detail): throw cannotCreate(path: path, detail: detail)
            case .permissionDenied(let path): throw permissionDenied(path: path)
            case .inputOutput(let error): throw inputOutput(path: path, detail: error.words)
            }
        } catch let error as SQLiteError {
            throw error.primary == .full
                ? diskFull(path: path) : inputOutput(path: path, detail: error.message)
        }
    }
}
