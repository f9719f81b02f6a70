#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A directory of its own for a test, removed with everything in it when the value goes away.
package final class TemporaryDirectory: Sendable {
    /// The directory could not be made.
    package struct CreationError: Error {}

    /// Its absolute path.
    package let path: String

    /// Makes a directory under $TMPDIR or /tmp.
    package init() throws {
        path = try TemporaryDirectory.make()
    }

    /// Makes a directory that its maker removes.
    package static func make() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/expvault-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CreationError() }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        TemporaryDirectory.remove(path)
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file in it and gives its path.
    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        let path = file(name)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw CreationError() }
        defer { close(descriptor) }
        let bytes = Array(bytes)
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[offset...])
                return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset))
            }
            guard count > 0 else { throw CreationError() }
            offset += count
        }
        return path
    }

    /// Writes a text file with that mode, whatever the umask.
    package static func write(_ text: String, to path: String, mode: UInt32 = 0o600) throws {
        guard let file = fopen(path, "we") else { throw CreationError() }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count, chmod(path, mode) == 0 else { throw CreationError() }
    }

    /// The names of the files in it, ascending.
    package var names: [String] { TemporaryDirectory.names(in: path) }

    /// The bytes of a file in it; none where there is no such file.
    package func read(_ name: String) -> [UInt8] { TemporaryDirectory.contents(of: file(name)) ?? [] }

    /// The names in a directory, ascending; none where it cannot be read.
    package static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A file's bytes; nil where it cannot be read.
    package static func contents(of path: String) -> [UInt8]? {
        guard let stream = fopen(path, "re") else { return nil }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            guard count > 0 else { return ferror(stream) == 0 ? bytes : nil }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Removes a file, or a directory with everything in it.
    package static func remove(_ path: String) {
        // First as a file, so that a symbolic link is removed and never followed.
        if unlink(path) == 0 { return }
        // A directory that a test made read-only must not stay.
        chmod(path, 0o700)
        for name in names(in: path) { remove(path + "/" + name) }
        rmdir(path)
    }
}
