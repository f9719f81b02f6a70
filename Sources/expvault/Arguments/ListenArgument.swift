import ArgumentParser

/// An address to listen on: `127.0.0.1:9121`, `[::1]:9121`, or a port alone for the loopback.
struct ListenArgument: ExpressibleByArgument {
    /// The address, without brackets.
    let host: String
    /// The port; 0 for any that is free.
    let port: Int

    /// 127.0.0.1:9121, beside the 9200 of Elasticsearch and far from what Go services take.
    static let standard = ListenArgument(host: "127.0.0.1", port: 9121)

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":") else {
            guard let port = UInt16(argument) else { return nil }
            self.init(host: "127.0.0.1", port: Int(port))
            return
        }
        guard let port = UInt16(argument[argument.index(after: colon)...]) else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: Int(port))
    }

    /// As it is written in an address, with the port that the system gave.
    func text(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var defaultValueDescription: String { text(port: port) }
}
