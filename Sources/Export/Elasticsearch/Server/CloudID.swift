import Model

/// An Elastic Cloud deployment's name for itself: `NAME:BASE64`, where the latter is `HOST[:PORT]$UUID[:PORT]$KIBANA`.
///
///     CloudID.url(of: "prod:ZXhhbXBsZS5jb206OTI0MyRhYmM=")   // https://abc.example.com:9243
///
/// See: https://www.elastic.co/guide/en/cloud/current/ec-cloud-id.html
package enum CloudID {
    /// The URL of the deployment's Elasticsearch; nil where the text is no Cloud id.
    package static func url(of text: String) -> String? {
        let encoded = text.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
        var padded = Array(encoded.utf8)
        while padded.count % 4 != 0 { padded.append(UInt8(ascii: "=")) }
        guard !encoded.isEmpty, let bytes = Base64.bytes(of: padded),
            let decoded = String(validating: bytes, as: UTF8.self)
        else { return nil }
        let parts = decoded.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count >= 2, let host = Endpoint(parts[0]), let elasticsearch = Endpoint(parts[1]) else {
            return nil
        }
        let port = elasticsearch.port ?? host.port ?? 443
        return "https://\(elasticsearch.name).\(host.name):\(port)"
    }

    /// A name with a port, where one is given.
    private struct Endpoint {
        var name: String
        var port: Int?

        init?(_ text: Substring) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard let name = parts.first, parts.count <= 2, !name.isEmpty,
                name.utf8.allSatisfy({ Endpoint.isNameByte($0) })
            else { return nil }
            self.name = String(name)
            if parts.count == 2 {
                guard let port = Int(parts[1]), (1...65_535).contains(port) else { return nil }
                self.port = port
            }
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
