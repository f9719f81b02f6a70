/// Where a program is asked, and how that is written as a URL.
struct ProbeTarget: Hashable, Sendable {
    /// What is connected to.
    enum Door: Hashable, Sendable {
        /// Addresses in the order in which they are tried.
        case tcp([IPAddress], port: Int)
        case unix(path: String)
        /// None of this host's; nobody is asked.
        case foreign(IPAddress, port: Int)
    }

    let place: Door
    /// The port, or the name of the socket's file.
    let door: String

    /// Where to ask whoever listens at `listening`.
    init(_ listening: ListeningSocket.Place, ownAddresses: Set<IPAddress>) {
        door = ProbeTarget.door(of: listening)
        switch listening {
        case .unix(let path): place = .unix(path: path)
        case .tcp(let address, let port):
            // One that listens on :: mostly takes IPv4 as well, and where it does not, IPv6 alone.
            let loopback4 = IPAddress(bytes: [127, 0, 0, 1])
            let loopback6 = IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [1])
            if address.isAny {
                place = .tcp(address.bytes.count == 4 ? [loopback4] : [loopback4, loopback6], port: port)
            } else if address.isLoopback || ownAddresses.contains(address) && !address.isLinkLocal {
                place = .tcp([address], port: port)
            } else {
                place = .foreign(address, port: port)
            }
        }
    }

    /// The port, or the name of the socket's file.
    static func door(of place: ListeningSocket.Place) -> String {
        switch place {
        case .tcp(_, let port): String(port)
        case .unix(let path): path.split(separator: "/").last.map(String.init) ?? path
        }
    }

    /// The URL of `path` there.
    static func url(_ address: IPAddress, port: Int, path: String) -> String {
        "http://\(host(address)):\(port)\(path)"
    }

    /// The URL of `path` behind a Unix socket.
    static func url(socket: String, path: String) -> String { "unix:\(socket):\(path)" }

    /// An address as URLs have it.
    static func host(_ address: IPAddress) -> String {
        address.bytes.count == 16 ? "[\(address.text)]" : address.text
    }
}
