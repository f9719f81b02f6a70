import Compression
package import HostFiles
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file that is written from the beginning to the end, or not at all.
///
/// A regular file is a `DraftFile` until it is whole and on disk, so that no half of a file ever stands under the final
/// name; what it may take the place of says `OutputPlace`. `-` is standard output; a pipe, a terminal or a device is
/// written to directly. What ends in `.gz` or `.zst` is compressed. Owned by one task.
package final class OutputFile {
    /// So much is collected before it is compressed or written, in bytes.
    private static let bufferBytes = 128 * 1024
    /// So much a pipe takes at once where poll(2) says that it takes anything (PIPE_BUF).
    private static let pieceBytes = 4096

    private enum Place {
        /// Written directly; closed at the end where it is ours.
        case direct(isOurs: Bool)
        /// Standard output, and a terminal: written directly, escaped.
        case terminal
        /// Written under another name first.
        case draft(DraftFile)
    }

    /// The path as it was given.
    package let path: String
    /// How many bytes were handed in so far, before compression.
    package private(set) var bytesIn: Int64 = 0

    private let place: Place
    private var descriptor: Int32
    /// Whether a write may wait for somebody who reads, for as long as he likes.
    private let mayWait: Bool
    private let encoder: StreamEncoder?
    private var buffer: [UInt8] = []

    /// Creates the file; `-` is standard output, which `.gz` and `.zst` do not apply to.
    ///
    /// - Parameters:
    ///   - path: Where it goes.
    ///   - replaces: Whether a file that is there is replaced.
    ///   - protected: What is never replaced.
    ///   - isRaw: Whether control characters reach a terminal, if standard output is one, as they are.
    ///   - begins: Told of the paths at which it will stand until it is whole, right before something does.
    /// - Returns: The file, empty.
    /// - Throws: `ExportFileError`, `.cannotCreate` where something is there that is not to be replaced.
    package static func create(
        _ path: String,
        replaces: Bool = false,
        protecting protected: ProtectedFiles = .none,
        isRaw: Bool = false,
        begins: ([String]) -> Void = { _ in }
    ) throws -> OutputFile {
        if path == "-" {
            let place: Place = isatty(1) == 1 && !isRaw ? .terminal : .direct(isOurs: false)
            return OutputFile(path: path, place: place, descriptor: 1, encoder: nil)
        }
        let encoder = try CompressionFormat(fileName: path).map { try StreamEncoder($0) }
        return try ExportFileError.wrapping {
            let place = try OutputPlace(path, replaces: replaces, protecting: protected)
            if try place.admit() == .stream {
                let descriptor = open(path, O_WRONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw failure(creating: path) }
                return OutputFile(
                    path: path,
                    place: .direct(isOurs: true),
                    descriptor: descriptor,
                    encoder: encoder
                )
            }
            // Bodies may hold what is nobody else's business (arguments, paths), hence a draft's 0600.
            let draft = try DraftFile(for: place, begins: begins)
            return OutputFile(
                path: path,
                place: .draft(draft),
                descriptor: draft.descriptor,
                encoder: encoder
            )
        }
    }

    private init(path: String, place: Place, descriptor: Int32, encoder: StreamEncoder?) {
        self.path = path
        self.place = place
        self.descriptor = descriptor
        self.encoder = encoder
        mayWait = !OutputFile.isRegular(descriptor)
        buffer.reserveCapacity(OutputFile.bufferBytes + 64 * 1024)
    }

    deinit {
        abandon()
    }

    /// Appends `bytes`, and a newline where asked.
    ///
    /// - Parameters:
    ///   - bytes: What is appended.
    ///   - newline: Whether a newline follows.
    ///   - beforeWaiting: Called where the other end of a pipe takes nothing now, maybe not for hours: nothing that
    ///     holds up others is kept over that.
    /// - Throws: `ExportFileError`.
    package func write(
        _ bytes: [UInt8],
        newline: Bool = false,
        beforeWaiting: () -> Void = {}
    ) throws {
        buffer += bytes
        if newline { buffer.append(UInt8(ascii: "\n")) }
        bytesIn += Int64(bytes.count) + (newline ? 1 : 0)
        if buffer.count >= OutputFile.bufferBytes { try drain(beforeWaiting) }
    }

    /// Writes what is left, makes it durable and gives the file its name.
    package func finish() throws {
        try drain {}
        try encoder?.finish { try self.put($0) {} }
        guard case .draft(let draft) = place else { return close() }
        descriptor = -1
        _ = try ExportFileError.wrapping { try draft.publish() }
    }

    /// Gives up: closes the file and removes what was written of it; harmless after `finish()`.
    package func abandon() {
        guard descriptor >= 0 else { return }
        close()
    }

    private func drain(_ beforeWaiting: () -> Void) throws {
        guard !buffer.isEmpty else { return }
        if let encoder {
            try encoder.encode(buffer) { try self.put($0, beforeWaiting) }
        } else if case .terminal = place {
            // Whole writes are collected, so that no character is cut in two.
            try put(EscapedText.escapeLines(buffer)[...], beforeWaiting)
        } else {
            try put(buffer[...], beforeWaiting)
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private func put(_ bytes: ArraySlice<UInt8>, _ beforeWaiting: () -> Void) throws {
        precondition(descriptor >= 0, "BUG: written to after its end")
        try bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                if mayWait, !OutputFile.takesSome(descriptor) { beforeWaiting() }
                let piece = mayWait ? rest.prefix(OutputFile.pieceBytes) : rest
                let count = writeBytes(descriptor, UnsafeRawBufferPointer(rebasing: piece))
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { throw OutputFile.failure(at: path) }
                rest = rest.dropFirst(count)
            }
        }
    }

    private func close() {
        switch place {
        case .direct(isOurs: false), .terminal: break
        case .direct(isOurs: true): closeDescriptor(descriptor)
        case .draft(let draft): draft.abandon()
        }
        descriptor = -1
    }

    private static func isRegular(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether something can be written without waiting; also where that would be an error.
    private static func takesSome(_ descriptor: Int32) -> Bool {
        var look = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&look, 1, 0) != 0
    }

    private static func failure(creating path: String) -> ExportFileError {
        errno == EACCES || errno == EPERM || errno == EROFS
            ? .permissionDenied(path: path)
            : .cannotCreate(path: path, detail: String(cString: strerror(errno)))
    }

    private static func failure(at path: String) -> ExportFileError {
        errno == EPIPE
            ? .readerGone(path: path) : .inputOutput(path: path, detail: String(cString: strerror(errno)))
    }
}

// The methods above have the names of these calls.

private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

/// Without a look at the result: what matters was synced before, and a descriptor is gone either way (close(2)).
private func closeDescriptor(_ descriptor: Int32) {
    _ = close(descriptor)
}
