#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Where an output goes: the one rule for what it may take the place of.
///
///     nothing is there          it goes there
///     a file                    only where it is to be replaced, and never a protected one, by whatever name
///     a symbolic link           neither followed nor replaced, be its target there or not
///     a pipe, a terminal        written to, also through a link (/dev/stdout); nothing is replaced then
///     anything else             refused
package struct OutputPlace: Sendable {
    /// The path as it was given.
    package let path: String
    /// The same without symbolic links in its directories.
    package let realPath: String
    /// The directory that it goes to.
    package let directory: String
    /// Whether a file that is there is replaced.
    package let replaces: Bool
    private let protected: ProtectedFiles

    /// What stands there.
    package enum Occupant: Hashable, Sendable {
        /// Nothing.
        case nothing
        /// A file that is to be replaced.
        case file
        /// Something that is written to as it is: a pipe, a terminal, a device.
        case stream
    }

    /// That path; nothing is looked at but its directory.
    ///
    /// - Throws: `OutputError` where there is no such directory.
    package init(
        _ path: String,
        replaces: Bool = false,
        protecting protected: ProtectedFiles = .none
    ) throws(OutputError) {
        guard let parts = PathParts(path) else {
            throw .cannotCreate(path: path, detail: "it names no file")
        }
        guard let resolved = realpath(parts.directory, nil) else {
            let error = SystemError(path: path)
            throw error.code == ENOENT || error.code == ENOTDIR
                ? .cannotCreate(path: path, detail: "its directory is not there")
                : OutputError(creating: path, error)
        }
        defer { free(resolved) }
        directory = String(cString: resolved)
        realPath = (directory == "/" ? "" : directory) + "/" + parts.name
        self.path = path
        self.replaces = replaces
        self.protected = protected
    }

    /// What stands there now; throws where the output must not go there.
    @discardableResult
    package func admit() throws(OutputError) -> Occupant {
        guard !protected.contains(realPath: realPath) else { throw refusal(Self.protectedWords) }
        var status = stat()
        guard lstat(realPath, &status) == 0 else {
            guard errno == ENOENT else { throw OutputError(creating: path, SystemError(path: path)) }
            return .nothing
        }
        let isLink = status.st_mode & S_IFMT == S_IFLNK
        // Where this fails the link points to nothing, and it stays the link's own.
        if isLink, stat(realPath, &status) == 0, protected.contains(FileIdentity(status)) {
            throw refusal(Self.protectedWords)
        }
        switch status.st_mode & S_IFMT {
        case S_IFIFO, S_IFCHR, S_IFSOCK: return .stream
        case _ where isLink:
            throw refusal(
                "it is a symbolic link, which is neither followed nor replaced; name the file itself"
            )
        case S_IFREG:
            guard !protected.contains(FileIdentity(status)) else { throw refusal(Self.protectedWords) }
            guard replaces else { throw refusal("it exists already; --force replaces it") }
            return .file
        case S_IFDIR: throw refusal("it is a directory")
        default: throw refusal("it is no regular file")
        }
    }

    private static let protectedWords =
        "it is the database that is read, or belongs to it, and is never replaced; give another name"

    /// The error that says why not.
    package func refusal(_ detail: String) -> OutputError { .cannotCreate(path: path, detail: detail) }
}
