import HostFiles
import Synchronization
import TestBasics
import Testing

@testable import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Descriptors of a database's file that are closed beside its connections.
///
///     one thread                            another
///     nobody has it open: to be closed
///                                           opens the database, takes its locks
///     closes: the process's locks are gone
///
/// So the decision and the closing are one step, and whoever opens waits for it.
@Suite("Files that connections have open")
struct OpenFilesTests {
    /// So often the one who closes lets others go first; far more than it takes to open a database.
    private static let turns = 20_000

    /// A thread that opens the database and reads, and what has come of it.
    private final class Reader: @unchecked Sendable {
        // @unchecked: the connection is the thread's until that has ended.
        let path: String
        let hasBegun = Atomic(false)
        let hasRead = Atomic(false)
        var connection: Connection?
        private var thread = pthread_t()

        init(_ path: String) { self.path = path }

        func start() {
            let code = pthread_create(
                &thread,
                nil,
                { context in
                    guard let context else { return nil }
                    let reader = Unmanaged<Reader>.fromOpaque(context).takeUnretainedValue()
                    reader.hasBegun.store(true, ordering: .sequentiallyConsistent)
                    // What does not succeed shows as a lock that is not there.
                    reader.connection = try? Connection(path: reader.path, role: .reader, busyMilliseconds: 0)
                    _ = try? reader.connection?.integer("SELECT count(*) FROM t")
                    reader.hasRead.store(true, ordering: .sequentiallyConsistent)
                    return nil
                },
                Unmanaged.passUnretained(self).toOpaque()
            )
            precondition(code == 0, "BUG: a test's thread does not start")
        }

        func join() { pthread_join(thread, nil) }
    }

    private static func locks(on path: String) -> Int {
        guard let inode = FileIdentity.of(path: path)?.inode else { return 0 }
        let text = String(decoding: TemporaryDirectory.contents(of: "/proc/locks") ?? [], as: UTF8.self)
        return text.split(separator: "\n").count { $0.contains("POSIX") && $0.contains(":\(inode) ") }
    }

    @Test("nobody begins with a database between the decision to close a descriptor of it and the closing")
    func closing() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("test.db")
        let maker = try Connection(path: path, role: .writer(create: true), busyMilliseconds: 0)
        _ = try maker.integer("PRAGMA journal_mode = WAL")
        try maker.execute("CREATE TABLE t(i)")
        maker.leaveWAL()
        maker.close()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        let reader = Reader(path)
        OpenFiles.release(descriptor) { descriptor in
            reader.start()
            while !reader.hasBegun.load(ordering: .sequentiallyConsistent) { sched_yield() }
            // It gets there now, or waits until we are done: then nothing is lost by going on.
            for _ in 0..<Self.turns where !reader.hasRead.load(ordering: .sequentiallyConsistent) {
                sched_yield()
            }
            close(descriptor)
        }
        reader.join()
        #expect(reader.connection != nil)
        #expect(Self.locks(on: path) > 0, "its locks are there")
        reader.connection?.close()
        #expect(Self.locks(on: path) == 0)
    }
}
