import Query
import Storage
import Synchronization
import TerminalView

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads the database on a thread of its own, so that no key waits for a disk.
///
/// Each reading has a snapshot of its own and lets go of it when it is done: between two refreshes nothing keeps the
/// WAL from being cut.
final class ReadingThread: Sendable {
    /// What became of a request.
    struct Outcome: Sendable {
        /// What was read, or the sentence that says why not.
        var result: Result<LiveReading, Failure>
        /// How long it took.
        var duration: Duration
    }

    /// Why nothing could be read.
    struct Failure: Error {
        var sentence: String
    }

    /// A snapshot is held no longer than some such time: what is left waits for the next refresh.
    static let readingMax = Duration.milliseconds(500)

    private let vault: Vault
    private let request = Mutex<LiveRequest?>(nil)
    private let outcome = Mutex<Outcome?>(nil)
    /// One byte says that something is there.
    private let requestPipe: (exit: Int32, entry: Int32)
    private let outcomePipe: (exit: Int32, entry: Int32)

    /// Starts the thread; it ends with the process.
    init(_ vault: Vault, reader: LiveReader) throws {
        self.vault = vault
        requestPipe = try SignalPipe.pipe()
        outcomePipe = try SignalPipe.pipe()
        let work = Unmanaged.passRetained(Work(thread: self, reader: reader))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            work.toOpaque()
        )
        guard code == 0 else {
            work.release()
            throw StreamError(errorNumber: code)
        }
        pthread_detach(thread)
    }

    /// The descriptor that is readable once an outcome is there.
    var descriptor: Int32 { outcomePipe.exit }

    /// Asks for a reading; there is one at a time.
    func ask(_ new: LiveRequest) {
        request.withLock { $0 = new }
        var byte: UInt8 = 1
        _ = write(requestPipe.entry, &byte, 1)
    }

    /// Takes the outcome that is there.
    func take() -> Outcome? {
        var byte: UInt8 = 0
        _ = read(outcomePipe.exit, &byte, 1)
        return outcome.withLock { value in
            defer { value = nil }
            return value
        }
    }

    /// What the thread does; nobody else touches it.
    private final class Work {
        private let thread: ReadingThread
        private var reader: LiveReader

        init(thread: ReadingThread, reader: LiveReader) {
            self.thread = thread
            self.reader = reader
        }

        func run() {
            var byte: UInt8 = 0
            while true {
                let count = read(thread.requestPipe.exit, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1 else { return }
                let asked = thread.request.withLock { value in
                    defer { value = nil }
                    return value
                }
                guard let asked else { continue }
                let done = answer(asked)
                thread.outcome.withLock { $0 = done }
                _ = write(thread.outcomePipe.entry, &byte, 1)
            }
        }

        private func answer(_ request: LiveRequest) -> Outcome {
            let began = ContinuousClock.now
            let result: Result<LiveReading, Failure>
            do {
                let snapshot = try thread.vault.snapshot()
                let reading = try reader.read(
                    request,
                    from: QueryEngine(snapshot),
                    database: snapshot.databaseUUID,
                    isLate: { ContinuousClock.now - began > ReadingThread.readingMax }
                )
                result = .success(reading)
            } catch {
                let sentence = ExitStatus.verdict(on: error).1
                result = .failure(Failure(sentence: sentence))
            }
            return Outcome(result: result, duration: ContinuousClock.now - began)
        }
    }
}
