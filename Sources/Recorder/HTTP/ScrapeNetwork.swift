import NIOCore
import NIOPosix
import NIOSSL

/// The one thread on which all targets are asked, and what they share there.
///
/// A scrape is a fraction of a millisecond of work: one thread serves hundreds of targets. The recorder's tasks run on
/// it too (`executor`): each hop to another thread costs a wake-up, and with ten targets at 1 s the fourteen hops of a
/// scrape were half of what recording cost.
actor ScrapeNetwork {
    private struct Lease {
        var context: NIOSSLContext
        var users: Int
    }

    private let group: MultiThreadedEventLoopGroup
    /// The thread's event loop.
    nonisolated let eventLoop: any EventLoop
    /// Runs tasks on that thread.
    nonisolated let executor: EventLoopTaskExecutor
    private var leases: [TLSSettings: Lease] = [:]

    init() {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        eventLoop = group.next()
        executor = EventLoopTaskExecutor(eventLoop)
    }

    /// What that TLS needs; reads the files for the first user, and is given back with `release`.
    func acquire(_ tls: TLSSettings) throws(ConfigurationError) -> NIOSSLContext {
        if let lease = leases[tls] {
            leases[tls]?.users += 1
            return lease.context
        }
        let configuration = try tls.clientConfiguration()
        // Settings were tried when they were read; the failure below says so.
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            // Each file was read, and the key is the certificate's: what is left are the authorities.
            throw ConfigurationError("TLS cannot be set up with these authorities", file: tls.caFile)
        }
        leases[tls] = Lease(context: context, users: 1)
        return context
    }

    /// Gives it back; the last user's is forgotten, so that renewed files are read.
    func release(_ tls: TLSSettings) {
        guard var lease = leases[tls] else { return }
        lease.users -= 1
        leases[tls] = lease.users == 0 ? nil : lease
    }

    /// Ends the thread, in the background; nothing runs on it any more.
    nonisolated func shutdown() {
        group.shutdownGracefully { _ in }
    }
}

/// Runs tasks on an event loop's thread, in order.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}
