/// Cleans what a server says before it is shown or kept.
///
/// A server may repeat the bytes of a request in an error's reason, the `Authorization` header among them (a real
/// 7.10.2 does so for malformed JSON). So what we know of our credentials is taken out, wherever it stands, and then
/// the rest is cut: in this order, since a cut could leave the first half of a key.
package struct ServerText: Sendable {
    /// What is kept of a text, in characters.
    package static let charactersMax = 500
    /// What stands at the end of a text that was cut.
    static let cutMark = "…"
    /// What stands in place of a credential.
    static let replacement = "[removed]"
    /// A secret shorter than this is not searched for: it would be found in innocent words.
    static let secretBytesMin = 4

    private let secrets: [[UInt8]]

    /// Cleans texts of these secrets, in whatever form they are sent (plain, Base64).
    package init(secrets: [String]) {
        // The longest first, so that of a key and its parts the key goes as a whole.
        self.secrets = Set(secrets).map { Array($0.utf8) }.filter { $0.count >= ServerText.secretBytesMin }
            .sorted { $0.count > $1.count }
    }

    /// The text without secrets, in one line, and not too long.
    package func clean(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets { bytes = ServerText.replace(secret, in: bytes) }
        var result = ""
        var count = 0
        for character in String(decoding: bytes, as: UTF8.self) {
            guard count < ServerText.charactersMax else { return result + ServerText.cutMark }
            result.append(ServerText.isSafe(character) ? character : " ")
            count += 1
        }
        return result
    }

    /// The text as it would come out of `clean`, were it short and without secrets.
    static func inOneLine(_ text: String) -> String {
        text.allSatisfy(isSafe) ? text : String(text.map { isSafe($0) ? $0 : " " })
    }

    private static func isSafe(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { !ServerText.isUnsafe($0) }
    }

    /// Control characters, and the marks that turn the direction of text around, would act on a terminal.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func replace(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= secret.count, let first = secret.first else { return bytes }
        var result: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] == first, bytes[offset...].starts(with: secret) {
                result.append(contentsOf: replacement.utf8)
                offset += secret.count
            } else {
                result.append(bytes[offset])
                offset += 1
            }
        }
        return result
    }
}
