#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file with a password, a token or a key, which nobody but its owner may read.
enum CredentialFile {
    /// A longer one is refused, in bytes.
    static let bytesMax = 64 * 1024

    /// The secret, without the line ends after it.
    ///
    /// - Throws: `ConfigurationError` with the file: missing, open to group or others, empty, too long.
    static func read(_ path: String) throws(ConfigurationError) -> String {
        let bytes = try readBytes(path, bytesMax: bytesMax, mustBePrivate: true)
        let end = bytes.lastIndex { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let end else {
            throw ConfigurationError("the file is empty; a password or token belongs there", file: path)
        }
        guard let text = String(validating: bytes[...end], as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { throw ConfigurationError("a password or token must be one line of text", file: path) }
        return text
    }

    /// Makes sure that nobody but its owner may read the file, and that we can.
    static func check(_ path: String) throws(ConfigurationError) {
        _ = try readBytes(path, bytesMax: bytesMax, mustBePrivate: true)
    }

    /// The bytes of a regular file.
    static func readBytes(
        _ path: String,
        bytesMax: Int,
        mustBePrivate: Bool
    ) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw ConfigurationError("cannot be read: \(String(cString: strerror(errno)))", file: path)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigurationError("is no regular file", file: path)
        }
        // Checked on what was opened, so that nobody can put another file there in between.
        if mustBePrivate, status.st_mode & 0o077 != 0 {
            throw ConfigurationError("may be read by others; `chmod 600` it", file: path)
        }
        guard status.st_size <= bytesMax else {
            throw ConfigurationError("is longer than \(bytesMax) bytes", file: path)
        }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Self.read(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            }
            guard got >= 0 else {
                throw ConfigurationError("cannot be read: \(String(cString: strerror(errno)))", file: path)
            }
            if got == 0 { break }
            count += got
        }
        guard count <= bytesMax else {
            throw ConfigurationError("is longer than \(bytesMax) bytes", file: path)
        }
        return Array(bytes[..<count])
    }

    private static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            #if canImport(Glibc)
            let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #else
            let got = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if got < 0, errno == EINTR { continue }
            return got
        }
    }
}
