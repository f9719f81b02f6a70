#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Whom a file belongs to, and who may read and write it.
package struct FileAccess: Hashable, Sendable {
    /// The permission bits of reading and writing.
    package var mode: UInt32
    /// nil: whoever makes it.
    package var owner: UInt32?
    package var group: UInt32?

    /// For the maker alone, 0600.
    package static let ownerOnly = FileAccess(mode: 0o600, owner: nil, group: nil)

    /// What the file at `path` has; nil where there is no regular file.
    ///
    /// Its maker may always read and write.
    package static func of(path: String) -> FileAccess? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return FileAccess(
            mode: UInt32(status.st_mode) & 0o666 | 0o600,
            owner: status.st_uid,
            group: status.st_gid
        )
    }

    /// Gives the open file to whom it belongs, and sets its mode whatever the umask.
    ///
    /// Only root can give a file away. Where it cannot be done the file is its maker's, and no less private.
    package func apply(to descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        if let owner, let group, geteuid() == 0, status.st_uid != owner || status.st_gid != group {
            _ = fchown(descriptor, owner, group)
        }
        if UInt32(status.st_mode) & 0o7777 != mode { _ = fchmod(descriptor, mode_t(mode)) }
    }

    /// Makes a file that is not there yet, for reading and writing; links are not followed.
    ///
    /// - Returns: Its descriptor.
    /// - Throws: `SystemError`, with EEXIST where something is there.
    package func makeFile(_ path: String) throws(SystemError) -> Int32 {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                apply(to: descriptor)
                return descriptor
            }
            guard errno == EINTR else { throw SystemError(path: path) }
        }
    }
}
