import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The database files that this process has open through SQLite, so that looking at one's bytes does no harm.
///
/// POSIX drops all of a process's locks on a file when the process closes any descriptor of it
/// (https://sqlite.org/howtocorrupt.html, section 2.2): SQLite's own locks too. Another program could then take the
/// writer for gone, and delete the WAL beneath it. So a descriptor of a file that a connection has open is closed
/// with the last such connection, as SQLite itself does it.
package enum OpenFiles {
    struct ID: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
    }

    private struct Use: Sendable {
        var connections = 0
        /// Descriptors that wait for the last connection; one at most, since the next look uses it again.
        var descriptors: [Int32] = []
    }

    private static let uses = Mutex<[ID: Use]>([:])

    private static func id(_ path: String) -> ID? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return ID(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    private static func id(_ descriptor: Int32) -> ID? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        return ID(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Notes that SQLite has the file at `path` open, or will in a moment; nil where there is none.
    static func begin(_ path: String) -> ID? {
        guard let id = id(path) else { return nil }
        uses.withLock { $0[id, default: Use()].connections += 1 }
        return id
    }

    /// Notes that it has let go of it.
    static func end(_ id: ID) {
        let waiting = uses.withLock { uses -> [Int32] in
            guard var use = uses[id] else { return [] }
            use.connections -= 1
            guard use.connections <= 0 else {
                uses[id] = use
                return []
            }
            uses[id] = nil
            return use.descriptors
        }
        for descriptor in waiting { close(descriptor) }
    }

    /// A descriptor of the file at `path` that waits to be closed, for another look; `release` it as well.
    package static func waiting(for path: String) -> Int32? {
        guard let id = id(path) else { return nil }
        return uses.withLock { $0[id]?.descriptors.popLast() }
    }

    /// Closes a descriptor of a database's file: now, or with the last connection to it.
    package static func release(_ descriptor: Int32) {
        let isKept = uses.withLock { uses -> Bool in
            guard let id = id(descriptor), uses[id] != nil else { return false }
            uses[id]?.descriptors.append(descriptor)
            return true
        }
        if !isKept { close(descriptor) }
    }
}
