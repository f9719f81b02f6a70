#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A call of the operating system about a file that failed.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Its `errno`.
    package var code: Int32
    package var path: String

    /// The call on `path` that failed last.
    package init(path: String) {
        code = errno
        self.path = path
    }

    /// The words for the code.
    package var words: String {
        // Glibc's header and Musl's disagree on whether this can be nothing.
        let words: UnsafeMutablePointer<CChar>? = strerror(code)
        return words.map { String(cString: $0) } ?? "error \(code)"
    }

    package var description: String { "\(path): \(words)" }
}

extension SystemError {
    /// Whether the caller may not do that, or nobody.
    package var isPermission: Bool { [EACCES, EPERM, EROFS].contains(code) }
}
