#if canImport(Glibc)
import Glibc
#endif

/// A loopback port that is bound, and on which every connection is refused.
///
/// Of a port that was given up another test's server may take hold.
package struct TakenPort {
    private struct Failed: Error {}

    private let descriptor: Int32
    /// The port's number.
    package let port: UInt16

    /// Takes a free one.
    package init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw Failed() }
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Gives it up.
    package func close() { Glibc.close(descriptor) }
}
