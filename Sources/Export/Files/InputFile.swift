import Compression

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file that is read from the beginning to the end; expanded where it ends in `.gz` or `.zst`.
final class InputFile {
    /// So much is read at once, in bytes.
    private static let readBytes = 64 * 1024
    /// So much is expanded at once, in bytes.
    ///
    /// zstd can make 128 KiB of 4 bytes, so this bounds what comes out to 32 MiB; of real recordings, which shrink to
    /// a fortieth, it is 40 KiB.
    private static let expandBytes = 1024

    /// The path as it was given; `-` is standard input.
    let path: String
    /// The size of a regular file; nil for everything else.
    let bytesTotal: Int64?
    /// How much of it was read, before it was expanded.
    private(set) var bytesRead: Int64 = 0

    private let descriptor: Int32
    private let decoder: StreamDecoder?
    private var buffer = [UInt8](repeating: 0, count: readBytes)
    /// What was read and not yet expanded.
    private var compressed: ArraySlice<UInt8> = []
    private var isAtEnd = false

    /// Opens the file for reading.
    init(path: String) throws {
        self.path = path
        if path == "-" {
            descriptor = 0
            decoder = nil
        } else {
            decoder = try CompressionFormat(fileName: path).map { try StreamDecoder($0) }
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw InputFile.failure(opening: path) }
        }
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        bytesTotal = isRegular ? Int64(status.st_size) : nil
    }

    deinit {
        if descriptor > 0 { close(descriptor) }
    }

    /// Reads on, and hands the next pieces, expanded, to `sink`; false at the end.
    func read(_ sink: (ArraySlice<UInt8>) throws -> Void) throws -> Bool {
        guard let decoder else {
            let count = try fill()
            guard count > 0 else { return false }
            try sink(buffer[..<count])
            return true
        }
        if compressed.isEmpty { compressed = buffer[..<(try fill())] }
        guard !compressed.isEmpty else {
            if !isAtEnd { try expanding { try decoder.finish() } }
            isAtEnd = true
            return false
        }
        let piece = Array(compressed.prefix(InputFile.expandBytes))
        compressed = compressed.dropFirst(InputFile.expandBytes)
        try expanding { try decoder.decode(piece, sink) }
        return true
    }

    private func fill() throws -> Int {
        // A slice that still shares the buffer would make it a copy.
        compressed = []
        while true {
            let count = buffer.withUnsafeMutableBytes { readDescriptor(descriptor, $0) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw ExportFileError.inputOutput(path: path, detail: String(cString: strerror(errno)))
            }
            bytesRead += Int64(count)
            return count
        }
    }

    private func expanding(_ work: () throws -> Void) throws {
        do {
            try work()
        } catch let error as CompressionError {
            throw ExportFileError.damaged(path: path, detail: error.description)
        }
    }

    private static func failure(opening path: String) -> ExportFileError {
        switch errno {
        case ENOENT, ENOTDIR: .notFound(path: path)
        case EACCES, EPERM: .permissionDenied(path: path)
        default: .inputOutput(path: path, detail: String(cString: strerror(errno)))
        }
    }
}

// The method above has the name of this call.
private func readDescriptor(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    read(descriptor, buffer.baseAddress, buffer.count)
}
