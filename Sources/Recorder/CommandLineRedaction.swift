import HostFiles
import Model
import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Replaces the arguments in `cmdline` by one keyed hash, so that they are not stored but restarts still
/// show.
///
/// The hash is HMAC-SHA256 over the arguments as they are spelled, with a key that lies beside the database
/// and in no document: without it nobody can try out likely arguments. The program's name stays; so does
/// every byte outside the array:
///
///     "cmdline": ["/usr/bin/api","-password","x"]   ->   "cmdline": ["/usr/bin/api","redacted:9f86d0…"]
///
/// Works on the bytes and not on a parsed document, because what is kept of a failed scrape must not hold the
/// arguments either. `"cmdline"` with its quotes cannot stand inside a JSON string, where quotes are escaped.
/// It is replaced at any depth: a nested one is as likely to be secret.
struct CommandLineRedaction: Sendable {
    /// The key's length in bytes.
    static let keyBytes = 32

    private let key: [UInt8]

    /// A redaction with that key.
    init(key: [UInt8]) {
        self.key = key
    }

    /// The scrape without arguments.
    func redact(_ scrape: Scrape) -> Scrape {
        var redacted = scrape
        switch scrape.outcome {
        case .document(let body): redacted.outcome = .document(redact(body))
        case .failure(let reason, let body):
            redacted.outcome = .failure(
                reason: reason,
                body: Array(redact(body).prefix(Scrape.failureBodyMax))
            )
        }
        return redacted
    }

    /// The body without arguments; a copy only where there are any.
    func redact(_ body: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var copied = 0
        var at = 0
        while let name = Self.find(Self.name, in: body, from: at) {
            at = name + Self.name.count
            guard let secret = Self.secret(in: body, afterName: at) else { continue }
            let code = SHA256.authenticationCode(of: Array(body[secret]), key: key)
            result.append(contentsOf: body[copied..<secret.lowerBound])
            result.append(contentsOf: "\"redacted:\(SHA256.hexadecimal(code))\"".utf8)
            copied = secret.upperBound
            at = copied
        }
        if copied == 0 { return body }
        result.append(contentsOf: body[copied...])
        return result
    }

    /// The key in `DATABASE-key`, which is created where it is not there yet, for its owner only.
    ///
    /// - Throws: where it is missing and the database has arguments that were replaced with it: by another key they
    ///   would all look changed, and every process restarted. An empty file stands for the wish to begin with a new one.
    static func loadKey(besideDatabase database: String) throws(ConfigurationError) -> [UInt8] {
        let path = database + "-key"
        if access(path, F_OK) != 0, errno == ENOENT, hasRedacted(database) {
            throw ConfigurationError(
                "the key is missing, and arguments in the database were replaced with it: copy it from where the database came "
                    + "from, or make an empty file of that name to begin with a new key, by which every process counts "
                    + "as restarted once",
                file: path
            )
        }
        var generator = SystemRandomNumberGenerator()
        let fresh = (0..<keyBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        if let key = try create(fresh, besideDatabase: database) { return key }
        let key = try CredentialFile.readBytes(path, bytesMax: keyBytes, mustBePrivate: true)
        if key.isEmpty {
            // Written beside and put in its place, so that a key is there whole or not at all.
            guard unlink(path) == 0 else {
                throw ConfigurationError("cannot be written: \(String(cString: strerror(errno)))", file: path)
            }
            if let made = try create(fresh, besideDatabase: database) { return made }
            return try loadKey(besideDatabase: database)
        }
        guard key.count == keyBytes else {
            throw ConfigurationError(
                "is no key of \(keyBytes) bytes; remove it to begin with a new one",
                file: path
            )
        }
        return key
    }

    /// Makes the file with that key; nil where there is one.
    private static func create(
        _ key: [UInt8],
        besideDatabase database: String
    ) throws(ConfigurationError) -> [UInt8]? {
        let path = database + "-key"
        do throws(SystemError) {
            // Whom the database belongs to has to be able to read it; others must not, whoever may read that.
            var access = FileAccess.of(path: database) ?? .ownerOnly
            access.mode = FileAccess.ownerOnly.mode
            let descriptor = try access.makeFile(path)
            defer { close(descriptor) }
            let written = key.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written == keyBytes, fsync(descriptor) == 0 else {
                let error = SystemError(path: path)
                unlink(path)
                throw error
            }
            return key
        } catch {
            if error.code == EEXIST { return nil }
            throw ConfigurationError("cannot be made: \(error.words)", file: path)
        }
    }

    /// Whether a database has arguments that were replaced; not where it cannot be read, of which others tell.
    private static func hasRedacted(_ database: String) -> Bool {
        // A database that is not there yet, or cannot be read, has no copy to compare with.
        guard let snapshot = try? Vault.openReader(path: database).snapshot(),
            // As above.
            let targets = try? snapshot.targets()
        else { return false }
        return targets.contains { target in
            // As above.
            let runs = (try? snapshot.runs(of: target.id)) ?? []
            return runs.contains { $0.commandLine.contains { $0.hasPrefix("redacted:") } }
        }
    }

    private static let name = Array("\"cmdline\"".utf8)

    /// The range to replace: of an array all but its first element, of anything else all; nil where nothing
    /// is.
    private static func secret(in body: [UInt8], afterName: Int) -> Range<Int>? {
        var reader = Reader(body: body, at: afterName)
        reader.skipSpace()
        guard reader.take(":") else { return nil }
        reader.skipSpace()
        guard reader.take("[") else {
            let start = reader.at
            reader.skipValue()
            return start < reader.at ? start..<reader.at : nil
        }
        reader.skipSpace()
        reader.skipValue()
        reader.skipSpace()
        guard reader.take(",") else { return nil }
        reader.skipSpace()
        let start = reader.at
        var end = start
        repeat {
            reader.skipSpace()
            reader.skipValue()
            end = reader.at
            reader.skipSpace()
        } while reader.take(",")
        return start < end ? start..<end : nil
    }

    private static func find(_ needle: [UInt8], in body: [UInt8], from start: Int) -> Int? {
        guard body.count >= needle.count else { return nil }
        return body.withUnsafeBufferPointer { bytes in
            var at = start
            while at <= bytes.count - needle.count {
                if bytes[at] == needle[0], needle.indices.allSatisfy({ bytes[at + $0] == needle[$0] }) {
                    return at
                }
                at += 1
            }
            return nil
        }
    }

    /// Steps over values, also over such as are cut short.
    private struct Reader {
        let body: [UInt8]
        var at: Int

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard at < body.count, body[at] == UInt8(ascii: character) else { return false }
            at += 1
            return true
        }

        mutating func skipSpace() {
            while at < body.count, [0x20, 0x09, 0x0a, 0x0d].contains(body[at]) { at += 1 }
        }

        /// Steps over a string, an array or object with all that is in it, or a word.
        mutating func skipValue() {
            var depth = 0
            repeat {
                guard at < body.count else { return }
                switch body[at] {
                case UInt8(ascii: "\""): skipString()
                case UInt8(ascii: "["), UInt8(ascii: "{"):
                    depth += 1
                    at += 1
                case UInt8(ascii: "]"), UInt8(ascii: "}"):
                    // The end of what holds the value: the value itself is missing.
                    if depth == 0 { return }
                    depth -= 1
                    at += 1
                case UInt8(ascii: ","), 0x20, 0x09, 0x0a, 0x0d:
                    if depth == 0 { return }
                    at += 1
                case UInt8(ascii: ":") where depth > 0: at += 1
                default: skipWord()
                }
            } while depth > 0
        }

        private mutating func skipString() {
            at += 1
            while at < body.count {
                if body[at] == UInt8(ascii: "\\") {
                    at = min(at + 2, body.count)
                } else if body[at] == UInt8(ascii: "\"") {
                    at += 1
                    return
                } else {
                    at += 1
                }
            }
        }

        private mutating func skipWord() {
            repeat { at += 1 } while at < body.count && !Self.ends.contains(body[at])
        }

        private static let ends = Array(",]}[{\" \t\r\n".utf8)
    }
}
