import HostFiles
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
    private struct Use: Sendable {
        var connections = 0
        /// Descriptors that wait for the last connection; one at most, since the next look uses it again.
        var descriptors: [Int32] = []
    }

    private static let uses = Mutex<[FileIdentity: Use]>([:])

    /// Notes that SQLite has the file at `path` open, or will in a moment; nil where there is none.
    static func begin(_ path: String) -> FileIdentity? {
        guard let id = FileIdentity.of(path: path, followingLinks: true) else { return nil }
        uses.withLock { $0[id, default: Use()].connections += 1 }
        return id
    }

    /// Notes that it has let go of it.
    static func end(_ id: FileIdentity) {
        uses.withLock { uses in
            guard var use = uses[id] else { return }
            use.connections -= 1
            uses[id] = use.connections > 0 ? use : nil
            guard use.connections <= 0 else { return }
            // Under the mutex: a connection that begins meanwhile would lose the locks that it takes.
            for descriptor in use.descriptors { close(descriptor) }
        }
    }

    /// A descriptor of the file at `path` that waits to be closed, for another look; `release` it as well.
    package static func waiting(for path: String) -> Int32? {
        guard let id = FileIdentity.of(path: path, followingLinks: true) else { return nil }
        return uses.withLock { $0[id]?.descriptors.popLast() }
    }

    /// Closes a descriptor of a database's file: now, or with the last connection to it.
    package static func release(_ descriptor: Int32) {
        release(descriptor) { _ = close($0) }
    }

    /// The same with other words for closing, so that a test can see what others may do meanwhile.
    static func release(_ descriptor: Int32, closing: (Int32) -> Void) {
        uses.withLock { uses in
            guard let id = FileIdentity.of(descriptor: descriptor), uses[id] != nil else {
                // Under the mutex, as above.
                closing(descriptor)
                return
            }
            uses[id]?.descriptors.append(descriptor)
        }
    }
}
