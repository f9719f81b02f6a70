import Model

/// How we say who we are, and what of it must never be shown.
package struct Authentication: Sendable {
    /// The value of the header `Authorization`; nil where nothing is sent.
    package let header: String?
    /// Everything that gives the credential away, in each form in which a server could repeat it.
    package let secrets: [String]

    /// Nobody in particular.
    package static let none = Authentication(header: nil, secrets: [])

    /// An API key: as Kibana shows it (encoded), or as `id:key`.
    package static func apiKey(_ text: String) -> Authentication {
        let isPlain = text.contains(":")
        let encoded = isPlain ? Base64.text(of: Array(text.utf8), alphabet: .standard) : text
        let plain =
            isPlain ? text : Base64.bytes(of: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
        var secrets = [encoded]
        if let plain {
            secrets.append(plain)
            // The id alone is no secret.
            if let colon = plain.firstIndex(of: ":") {
                secrets.append(String(plain[plain.index(after: colon)...]))
            }
        }
        return Authentication(header: "ApiKey \(encoded)", secrets: secrets)
    }

    /// A user with a password (RFC 7617).
    package static func basic(user: String, password: String) -> Authentication {
        let encoded = Base64.text(of: Array("\(user):\(password)".utf8), alphabet: .standard)
        return Authentication(
            header: "Basic \(encoded)",
            secrets: [encoded, "\(user):\(password)", password]
        )
    }

    /// A token of a service or an identity provider.
    package static func bearer(_ token: String) -> Authentication {
        Authentication(header: "Bearer \(token)", secrets: [token])
    }
}

// So that nobody prints it by accident.
extension Authentication: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { header == nil ? "no credential" : "a credential" }
    package var debugDescription: String { description }
    /// A mirror that shows nothing, since `dump` and string interpolation go by it.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
