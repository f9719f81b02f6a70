import HostFiles

/// What can go wrong with the files that are exported to and imported from.
///
/// `description` is one sentence: what is wrong, and what would mend it.
package enum ExportFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no such file to read.
    case notFound(path: String)
    /// The file may not be read or written.
    case permissionDenied(path: String)
    /// The file to write could not be created.
    case cannotCreate(path: String, detail: String)
    /// Reading or writing failed; a full disk too.
    case inputOutput(path: String, detail: String)
    /// Whoever read the output has closed it (EPIPE): no error of ours, and nothing more can be written.
    case readerGone(path: String)
    /// The compressed data is not what its ending says, or is cut short.
    case damaged(path: String, detail: String)

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .notFound(let path): "\(path): no such file"
        case .permissionDenied(let path): "\(path): no permission"
        case .cannotCreate(let path, let detail): "\(path) cannot be created: \(detail)"
        case .inputOutput(let path, let detail): "\(path): \(detail)"
        case .readerGone(let path): "\(path) was closed by its reader"
        case .damaged(let path, let detail): "\(path): \(detail)"
        }
    }
}

extension ExportFileError {
    /// Runs `body`; what hinders an output is told as one of these.
    static func wrapping<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as OutputError {
            throw switch error {
            case .cannotCreate(let path, let detail): ExportFileError.cannotCreate(path: path, detail: detail)
            case .permissionDenied(let path): ExportFileError.permissionDenied(path: path)
            case .inputOutput(let error):
                ExportFileError.inputOutput(path: error.path, detail: error.words)
            }
        }
    }
}
