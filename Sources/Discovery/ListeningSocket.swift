/// A socket of this host's that takes connections, by the kernel's lists.
///
///     /proc/net/tcp    sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode
///                       0: 0100007F:17AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 34567
///     /proc/net/unix   Num: RefCount Protocol Flags Type St Inode Path
///                      0000000000000000: 00000002 00000000 00010000 0001 01 23456 /run/app.sock
///
/// An address of IPv6 is four words, each in the byte order of the host, as the one of IPv4.
struct ListeningSocket: Hashable, Sendable {
    /// Where it is reached.
    enum Place: Hashable, Sendable {
        case tcp(IPAddress, port: Int)
        case unix(path: String)
    }

    var place: Place
    /// What descriptors are told by that have it: `socket:[34567]`.
    var inode: UInt64

    /// TCP_LISTEN of include/net/tcp_states.h.
    private static let listening = "0A"
    /// __SO_ACCEPTCON of include/uapi/linux/net.h.
    private static let acceptsConnections: UInt32 = 1 << 16
    /// SOCK_STREAM.
    private static let stream = "0001"

    /// The listening sockets in the text of /proc/net/tcp or /proc/net/tcp6.
    static func tcp(_ text: [UInt8]) -> [ListeningSocket] {
        lines(text).compactMap { words in
            guard words.count > 9, words[3] == listening, let inode = UInt64(words[9]) else { return nil }
            let parts = words[1].split(separator: ":")
            guard parts.count == 2, let port = Int(parts[1], radix: 16), (1...65_535).contains(port),
                let address = IPAddress(kernelWords: parts[0])
            else { return nil }
            return ListeningSocket(place: .tcp(address, port: port), inode: inode)
        }
    }

    /// The listening sockets with a path in the text of /proc/net/unix; those of the abstract namespace have none.
    static func unix(_ text: [UInt8]) -> [ListeningSocket] {
        lines(text).compactMap { words in
            guard words.count > 7, words[4] == stream, let flags = UInt32(words[3], radix: 16),
                flags & acceptsConnections != 0, let inode = UInt64(words[6])
            else { return nil }
            let path = words[7...].joined(separator: " ")
            return path.hasPrefix("@") ? nil : ListeningSocket(place: .unix(path: path), inode: inode)
        }
    }

    private static func lines(_ text: [UInt8]) -> [[Substring]] {
        String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
    }
}
