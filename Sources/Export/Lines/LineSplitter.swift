#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Cuts a stream of bytes into lines, none longer than a limit.
struct LineSplitter: Sendable {
    /// One line of the stream, or that there was one too long to be kept.
    enum Line: Sendable {
        case line([UInt8])
        case tooLong
    }

    /// The longest line that is kept, in bytes.
    let bytesMax: Int

    /// The beginning of a line whose end has not come yet.
    private var partial: [UInt8] = []
    /// Whether the rest of a line that was too long is being passed over.
    private var isPassingOver = false

    /// A splitter at the beginning of a stream.
    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Takes more of the stream; `body` gets each line that it ends, without the newline.
    mutating func split(_ bytes: ArraySlice<UInt8>, _ body: (Line) throws -> Void) rethrows {
        var rest = bytes
        while let newline = LineSplitter.newline(in: rest) {
            try take(rest[..<newline], body)
            rest = rest[(newline + 1)...]
        }
        guard !rest.isEmpty, !isPassingOver else { return }
        if partial.count + rest.count > bytesMax {
            isPassingOver = true
            partial = []
        } else {
            partial += rest
        }
    }

    /// Says that the stream has ended; `body` gets a last line that has no newline.
    mutating func finish(_ body: (Line) throws -> Void) rethrows {
        guard isPassingOver || !partial.isEmpty else { return }
        try take([], body)
    }

    private mutating func take(_ end: ArraySlice<UInt8>, _ body: (Line) throws -> Void) rethrows {
        if isPassingOver || partial.count + end.count > bytesMax {
            isPassingOver = false
            partial = []
            return try body(.tooLong)
        }
        if partial.isEmpty { return try body(.line(Array(end))) }
        var line = partial
        partial = []
        line += end
        try body(.line(line))
    }

    private static func newline(in bytes: ArraySlice<UInt8>) -> Int? {
        // memchr looks at 32 bytes at a time; what it returns points into the slice.
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base, 0x0A, buffer.count) else {
                return nil
            }
            return bytes.startIndex + (UnsafeRawPointer(found) - base)
        }
    }
}
