package import JSON

/// What a server says of itself at `GET /`, once it has shown that it is one we can send to.
package struct ServerInfo: Hashable, Sendable {
    /// Whose server it is.
    package enum Product: String, Hashable, Sendable {
        case elasticsearch = "Elasticsearch"
        case openSearch = "OpenSearch"
    }

    package var product: Product
    /// Such as `8.13.0`; major, minor and patch are compared, whatever follows a `-` is not.
    package var version: Version
    /// The UUID that the cluster gave itself; a destination is known by it.
    package var clusterUUID: String
    /// Of Elasticsearch 7 the edition without its own licence, which lacks data streams and histograms.
    package var isOSS: Bool

    /// A version number.
    package struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
        package var major: Int
        package var minor: Int
        package var patch: Int

        package init(_ major: Int, _ minor: Int, _ patch: Int = 0) {
            self.major = major
            self.minor = minor
            self.patch = patch
        }

        /// The version of a text such as `8.13.0` or `9.0.0-SNAPSHOT`; nil where it is none.
        package init?(_ text: String) {
            let numbers = text.prefix { $0 != "-" && $0 != "+" }.split(
                separator: ".",
                omittingEmptySubsequences: false
            )
            guard (2...4).contains(numbers.count) else { return nil }
            let values = numbers.compactMap { part in
                part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
            }
            guard values.count == numbers.count else { return nil }
            self.init(values[0], values[1], values.count > 2 ? values[2] : 0)
        }

        package static func < (a: Version, b: Version) -> Bool {
            (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
        }

        package var description: String { "\(major).\(minor).\(patch)" }
    }

    /// The oldest Elasticsearch that takes `create` into data streams as we send it.
    package static let versionMin = Version(7, 10)
    /// From here on every answer carries the product's name in a header.
    private static let headerSince = Version(7, 14)

    /// Reads the answer to `GET /`.
    ///
    /// `productHeader` is the value of `X-Elastic-Product`, where there was one; `hasCredential` says whether we
    /// showed who we are.
    ///
    /// - Throws: `ReplayStop`: this is no server for us; a proxy, a captive portal, something else, or too old.
    package init(
        status: Int,
        productHeader: String?,
        body: [UInt8],
        hasCredential: Bool = true,
        url: String,
        text: ServerText
    ) throws(ReplayStop) {
        // What is no JSON says nothing, as an answer without the member does.
        let value = try? JSONReader.value(of: body, bytesMax: 1 << 20)
        if status != 200 {
            let error = ServerInfo.error(in: value)
            throw ServerInfo.refusal(
                status: status,
                type: error.type.map(text.clean),
                reason: error.reason.map(text.clean),
                hasCredential: hasCredential,
                url: url
            )
        }
        guard let value, let number = value[path: ["version", "number"]]?.string,
            let version = Version(number)
        else { throw ServerInfo.stranger(url, "does not say its version") }
        guard let uuid = value["cluster_uuid"]?.string, !uuid.isEmpty else {
            // VictoriaLogs answers so, that log shippers send to it.
            throw ReplayStop(
                .unavailable,
                "\(url) answers a version, \(version), but is no cluster of Elasticsearch or OpenSearch: it has no "
                    + "cluster_uuid; what only takes its bulk requests, as VictoriaLogs does, has no data streams"
            )
        }
        guard uuid != "_na_" else {
            throw ReplayStop(.unavailable, "\(url) has not formed a cluster yet; try again in a while")
        }
        self.version = version
        // Only ASCII letters and the like: it becomes part of a file's name and of keys.
        guard uuid.utf8.count <= 64, uuid.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x2F }) else {
            throw ServerInfo.stranger(url, "has a cluster UUID that is none")
        }
        clusterUUID = uuid
        isOSS = value[path: ["version", "build_flavor"]]?.string == "oss"
        if value[path: ["version", "distribution"]]?.string == "opensearch" {
            product = .openSearch
            return
        }
        product = .elasticsearch
        guard version >= ServerInfo.versionMin else {
            throw ReplayStop(.unavailable, "\(url) is version \(version); 7.10 or newer is needed")
        }
        if version >= ServerInfo.headerSince {
            guard productHeader == "Elasticsearch" else {
                throw ServerInfo.stranger(url, "lacks the header X-Elastic-Product")
            }
        } else if value["tagline"]?.string != "You Know, for Search" {
            throw ServerInfo.stranger(url, "lacks the tagline")
        }
    }

    /// What an answer to `GET /` other than 200 means.
    private static func refusal(
        status: Int,
        type: String?,
        reason: String?,
        hasCredential: Bool,
        url: String
    ) -> ReplayStop {
        let said = BulkOutcome.words(status, type, reason)
        if status == 401, !hasCredential {
            return ReplayStop(
                .forbidden,
                "\(url) wants to know who asks, and no credential was given: \(said); "
                    + "see --api-key-file, --user and --bearer-token-file"
            )
        }
        if status == 407 {
            return ReplayStop(
                .forbidden,
                "the proxy before \(url) wants to know who asks: \(said); see --proxy-user and "
                    + "--proxy-password-file"
            )
        }
        if let stop = BulkOutcome.stop(status: status, type: type, reason: reason, on: url) {
            // A proxy or portal answers 404 to anything, and would have us look for an index.
            return status == 404 ? stranger(url, "answered 404") : stop
        }
        switch status {
        case 429:
            return ReplayStop(
                .unavailable,
                "\(url) is overloaded: it answered \(said); try again later, or with a longer --max-wait"
            )
        // 511 (RFC 6585, 6) is what a captive portal should answer.
        case 408, 500...510, 512...599:
            return ReplayStop(
                .unavailable,
                "\(url) cannot answer at present: \(said); is the cluster up, and what stands before it?"
            )
        default: return stranger(url, "answered \(said)")
        }
    }

    private static func stranger(_ url: String, _ why: String) -> ReplayStop {
        ReplayStop(
            .unavailable,
            "\(url) is not Elasticsearch 7.10 or newer, nor OpenSearch: it \(why); "
                + "is there a proxy or a captive portal before it?"
        )
    }

    /// Type and reason of an error, as servers spell it: an object, or just a text.
    package static func error(in value: JSONValue?) -> (type: String?, reason: String?) {
        guard let error = value?["error"] else { return (nil, nil) }
        if let text = error.string { return (nil, text) }
        return (error["type"]?.string, error["reason"]?.string)
    }
}

/// What may be sent to a server, given what it is.
package struct ServerFeatures: Hashable, Sendable {
    /// Whether `_bulk` knows `require_data_stream`; a server that does not answers 400 to it.
    package var knowsRequireDataStream: Bool
    /// Whether there is a field type `histogram`.
    package var knowsHistogram: Bool

    /// The features of that server.
    package init(_ info: ServerInfo) {
        switch info.product {
        case .elasticsearch:
            knowsRequireDataStream = info.version >= ServerInfo.Version(8, 13)
            knowsHistogram = !info.isOSS
        case .openSearch:
            knowsRequireDataStream = false
            knowsHistogram = false
        }
    }

    /// What is wanted of an answer, beyond elasticsearch.md the id: nothing else shows that items of one stream were
    /// given back in another order.
    static let filterPath =
        "errors,items.*._index,items.*._id,items.*.status,items.*.failure_store,items.*.error.type,"
        + "items.*.error.reason"

    /// The query of a bulk request.
    package func bulkQuery(viaPipeline: Bool) -> String {
        var query = "filter_path=\(ServerFeatures.filterPath)"
        // The integration's own pipeline would fail on documents that are ready.
        if !viaPipeline { query += "&pipeline=_none" }
        if knowsRequireDataStream { query += "&require_data_stream=true" }
        return query
    }
}
