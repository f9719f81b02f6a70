import TestBasics

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a file holds; nothing where it cannot be read.
func contents(of path: String) -> [UInt8] { TemporaryDirectory.contents(of: path) ?? [] }

/// Makes a file hold those bytes, or changes those at `offset`.
func write(_ bytes: [UInt8], to path: String, at offset: Int? = nil) {
    let descriptor = open(path, O_WRONLY | O_CREAT | (offset == nil ? O_TRUNC : 0), 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset ?? 0)) }
}

/// The permission bits of a file.
func permissions(of path: String) -> UInt32 {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    return UInt32(status.st_mode) & 0o777
}

/// Settings for longer runs of tests than the quick set makes.
enum ProcessEnvironment {
    /// The number in that variable.
    static func integer(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }
}
