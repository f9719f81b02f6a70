#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Directories that last as long as a test.
package enum TemporaryDirectory {
    /// A system call that failed.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// A new empty directory, 0700, under $TMPDIR or /tmp.
    package static func make() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/expvault-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure(description: "mkdtemp: \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file with that mode, whatever the umask.
    package static func write(_ text: String, to path: String, mode: UInt32 = 0o600) throws {
        guard let file = fopen(path, "we") else {
            throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
        }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count, chmod(path, mode) == 0 else {
            throw Failure(description: "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Deletes the directory and the files in it; not deeper.
    package static func remove(_ directory: String) {
        guard let handle = opendir(directory) else { return }
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { unlink("\(directory)/\(name)") }
        }
        closedir(handle)
        rmdir(directory)
    }
}
