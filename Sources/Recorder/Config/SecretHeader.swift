/// Headers that are known to carry credentials, by their names.
///
/// A name is the only thing to go by, so the rule rather takes too many: a header that is none of these, and carries a
/// credential all the same, is the user's to guard.
enum SecretHeader {
    /// Words between the dashes of a name that tell of a credential.
    private static let words: Set<Substring> = [
        "auth", "bearer", "credential", "credentials", "jwt", "key", "passwd", "pwd", "session", "sid",
        "signature",
    ]
    /// The same anywhere in a name.
    private static let parts = [
        "apikey", "authorization", "cookie", "credential", "passphrase", "password", "secret", "token",
    ]

    /// Whether the header of that name is taken from a file only.
    static func isOne(_ name: String) -> Bool {
        let name = name.lowercased()
        return parts.contains { name.contains($0) }
            || name.split { $0 == "-" || $0 == "_" || $0 == "." }.contains { words.contains($0) }
    }
}
