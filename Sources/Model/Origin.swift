/// Where scrapes of a target come from, as far as documents need to know it.
///
/// A target's origin may change; every scrape keeps the one it came from.
package struct Origin: Hashable, Sendable {
    /// The URL that was asked, without user and password; nil where an imported line had none.
    package var url: String?
    /// Labels of the target by name.
    package var labels: [String: String]
    /// `service_address` of the configuration, where set.
    package var serviceAddress: String?
    /// Which database recorded it, and on which host; nil: the one that it is in.
    package var recorder: RecorderIdentity?
    /// The target's name when it was recorded; nil: the one that it has.
    ///
    /// Documents are named by it, so that a target that gets another name does not send its past a second time.
    package var recordedName: String?

    /// An origin; `url` must not hold a user or password any more.
    package init(url: String?, labels: [String: String] = [:], serviceAddress: String? = nil) {
        self.url = url
        self.labels = labels
        self.serviceAddress = serviceAddress
    }
}

/// The database that recorded a scrape, and the host on which it was: what tells a fleet's scrapes apart.
package struct RecorderIdentity: Hashable, Sendable {
    /// The longest id and host in bytes: those of an import are taken as they stand.
    package static let bytesMax = 255

    /// The database's UUID.
    package var id: String
    /// The host's name.
    package var host: String

    /// That database on that host.
    package init(id: String, host: String) {
        self.id = id
        self.host = host
    }
}

extension Origin {
    /// What of the URL says which process answers: scheme, host, port and path; nil where there is no URL.
    ///
    /// Spelled in one way: `HTTP://Host:80/debug/vars?x=1` is `http://host/debug/vars`. Two origins with different
    /// endpoints are different places, and what one counted says nothing of the other. See docs/semantics.md.
    package var endpoint: String? {
        guard let url else { return nil }
        let address = url.prefix { $0 != "?" && $0 != "#" }
        guard let colon = address.firstIndex(of: ":"), address[colon...].hasPrefix("://") else {
            return String(address)
        }
        let scheme = address[..<colon].lowercased()
        let rest = address[address.index(colon, offsetBy: 3)...]
        let path = rest.firstIndex(of: "/").map { rest[$0...] } ?? ""
        var host = rest.prefix { $0 != "/" }.lowercased()
        if let at = host.lastIndex(of: "@") { host.removeSubrange(...at) }
        let port = Origin.defaultPorts[scheme].map { ":\($0)" }
        if let port, host.hasSuffix(port) { host.removeLast(port.count) }
        return "\(scheme)://\(host)\(path)"
    }

    private static let defaultPorts = ["http": 80, "https": 443]
}
