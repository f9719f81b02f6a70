#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A serial executor with one thread of its own, for the writer.
///
/// SQLite blocks, and a commit that waits for a disk must not hold up the cooperative pool. See docs/decisions, "owning
/// thread". The thread ends when the executor is let go.
final class WriterThread: SerialExecutor {
    private let queue: JobQueue

    init() {
        queue = JobQueue()
        queue.executor = self
        queue.startThread()
    }

    deinit { queue.stop() }

    func enqueue(_ job: consuming ExecutorJob) {
        queue.add(UnownedJob(job))
    }

    func checkIsolated() {
        precondition(queue.isOnThread, "BUG: the writer's state was touched outside its thread")
    }
}

/// The jobs that wait, shared by the executor and its thread.
///
/// Unchecked: `jobs`, `isStopped` and `thread` are only touched under `mutex`; `executor` is set before the thread
/// starts, and read only while a job runs, which keeps the actor and so the executor alive.
private final class JobQueue: @unchecked Sendable {
    unowned(unsafe) var executor: WriterThread?
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var jobs: [UnownedJob] = []
    private var isStopped = false
    private var thread: pthread_t?

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func startThread() {
        var created = pthread_t()
        let context = Unmanaged.passRetained(self)
        let code = pthread_create(
            &created,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue().runJobs()
                return nil
            },
            context.toOpaque()
        )
        // Without a thread nothing can ever be written; there is no caller yet to tell.
        precondition(code == 0, "BUG: no thread could be started for the writer (code \(code))")
        pthread_detach(created)
    }

    func add(_ job: UnownedJob) {
        pthread_mutex_lock(mutex)
        jobs.append(job)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    func stop() {
        pthread_mutex_lock(mutex)
        isStopped = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    var isOnThread: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
    }

    private func runJobs() {
        pthread_mutex_lock(mutex)
        thread = pthread_self()
        pthread_mutex_unlock(mutex)
        while let ready = waitForJobs() {
            for job in ready {
                guard let executor else { return }
                job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
    }

    /// What waits, in order; nil once stopped and empty.
    private func waitForJobs() -> [UnownedJob]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if isStopped { return nil }
            pthread_cond_wait(condition, mutex)
        }
        let ready = jobs
        jobs.removeAll(keepingCapacity: true)
        return ready
    }
}
