#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A credential from a file that nobody but its owner may read, or a certificate from any file.
package enum CredentialText {
    /// A longer file is refused, in bytes.
    package static let bytesMax = 1 << 20

    /// The one line of text that the file holds.
    ///
    /// - Throws: `ExportSetupError` with the file: missing, open to group or others, empty, not one line.
    package static func line(of path: String) throws(ExportSetupError) -> String {
        let bytes = try bytes(of: path, mustBePrivate: true)
        guard let end = bytes.lastIndex(where: { $0 != 0x0A && $0 != 0x0D }) else {
            throw ExportSetupError("\(path) is empty; a key, password or token belongs there")
        }
        return try checked(String(decoding: bytes[...end], as: UTF8.self), from: path)
    }

    /// The text, where it can be sent in a header.
    package static func checked(_ text: String, from place: String) throws(ExportSetupError) -> String {
        guard !text.isEmpty, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw ExportSetupError("\(place) must hold one line of text")
        }
        return text
    }

    /// The bytes of a regular file.
    package static func bytes(of path: String, mustBePrivate: Bool) throws(ExportSetupError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw ExportSetupError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ExportSetupError("\(path) is no regular file")
        }
        // Checked on what was opened, so that nobody can put another file there in between.
        if mustBePrivate, status.st_mode & 0o077 != 0 {
            throw ExportSetupError("\(path) may be read by others; `chmod 600` it")
        }
        guard status.st_size <= bytesMax else {
            throw ExportSetupError("\(path) is longer than \(bytesMax) bytes")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= bytesMax {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ExportSetupError("\(path): \(String(cString: strerror(errno)))") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: piece[..<count])
        }
        throw ExportSetupError("\(path) is longer than \(bytesMax) bytes")
    }
}

/// What is wrong with how an export was set up, in one sentence: a usage or configuration error.
package struct ExportSetupError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    /// An error with that sentence.
    package init(_ description: String) {
        self.description = description
    }
}
