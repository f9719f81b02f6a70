#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Tells systemd how the service is doing (sd_notify(3)): one datagram to the socket named in NOTIFY_SOCKET.
package struct SystemdNotifier: Sendable {
    /// What may be told.
    package enum State: String, Sendable {
        /// The service has started.
        case ready = "READY=1"
        /// The configuration is being read again.
        case reloading = "RELOADING=1"
        /// The service is ending.
        case stopping = "STOPPING=1"
        /// The service is alive.
        case watchdog = "WATCHDOG=1"
    }

    private let path: String

    /// How often `watchdog` is to be told, in milliseconds: half of what systemd waits; nil where it does not
    /// wait.
    package let watchdogMilliseconds: Int64?

    /// The notifier for that environment; nil where systemd did not start us.
    package init?(environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@"),
            path.utf8.count < Self.pathBytesMax
        else { return nil }
        self.path = path
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) }
        watchdogMilliseconds = microseconds.flatMap { $0 >= 2000 ? $0 / 2000 : nil }
    }

    /// Sends `state`, and says whether it went out.
    ///
    /// Nothing depends on it: systemd has its own timeouts.
    @discardableResult
    package func notify(_ state: State) -> Bool {
        #if canImport(Glibc)
        let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #else
        let type = SOCK_DGRAM | SOCK_CLOEXEC
        #endif
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path.utf8)
            // An abstract socket's name begins with NUL where we write @.
            if path.hasPrefix("@") { bytes[0] = 0 }
        }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        let length = socklen_t(offset + path.utf8.count)
        let message = Array(state.rawValue.utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == message.count
    }

    /// sizeof sun_path on Linux, with room for a final NUL.
    private static let pathBytesMax = 108
}
