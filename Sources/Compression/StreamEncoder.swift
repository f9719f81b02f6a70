import CZlib
import CZstd

/// The compressed formats of files and HTTP bodies that we read and write.
package enum CompressionFormat: Hashable, Sendable {
    /// RFC 1952.
    case gzip
    /// RFC 8878.
    case zstd

    /// The format that a file's ending names (`.gz`, `.zst`); nil for another ending.
    package init?(fileName: String) {
        if fileName.hasSuffix(".gz") {
            self = .gzip
        } else if fileName.hasSuffix(".zst") {
            self = .zstd
        } else {
            return nil
        }
    }
}

/// Compresses a stream of bytes, in pieces.
///
/// What comes out is handed to a sink in pieces of at most `pieceBytes`; memory use does not grow with the stream.
package final class StreamEncoder {
    /// What comes out at a time.
    package static let pieceBytes = 64 * 1024

    /// The level that a format gets where the caller does not care: what `gzip` and `zstd` take.
    package static func defaultLevel(of format: CompressionFormat) -> Int32 { format == .gzip ? 6 : 3 }

    private enum Engine {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let engine: Engine
    private var piece = [UInt8](repeating: 0, count: pieceBytes)

    /// An encoder of that format.
    package init(_ format: CompressionFormat, level: Int32? = nil) throws(CompressionError) {
        let level = level ?? StreamEncoder.defaultLevel(of: format)
        switch format {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard expvault_gzip_deflate_init(stream, level) == Z_OK else {
                stream.deallocate()
                throw .unavailable(detail: "zlib could not begin")
            }
            engine = .gzip(stream)
        case .zstd:
            guard let context = ZSTD_createCCtx() else { throw .unavailable(detail: "out of memory") }
            ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
            ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
            engine = .zstd(context)
        }
    }

    deinit {
        switch engine {
        case .gzip(let stream):
            deflateEnd(stream)
            stream.deallocate()
        case .zstd(let context):
            ZSTD_freeCCtx(context)
        }
    }

    /// Takes more of the stream; `sink` gets what is ready, if anything.
    package func encode(_ input: [UInt8], _ sink: (ArraySlice<UInt8>) throws -> Void) throws {
        try input.withUnsafeBytes { try run($0, ends: false, sink) }
    }

    /// Ends the stream.
    ///
    /// `sink` gets the rest; nothing may follow.
    package func finish(_ sink: (ArraySlice<UInt8>) throws -> Void) throws {
        try run(UnsafeRawBufferPointer(start: nil, count: 0), ends: true, sink)
    }

    private func run(
        _ input: UnsafeRawBufferPointer,
        ends: Bool,
        _ sink: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        switch engine {
        case .gzip(let stream): try runGzip(stream, input, ends: ends, sink)
        case .zstd(let context): try runZstd(context, input, ends: ends, sink)
        }
    }

    private func runGzip(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ input: UnsafeRawBufferPointer,
        ends: Bool,
        _ sink: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var rest = input[...]
        repeat {
            // zlib counts in 32 bits, so a longer input goes in parts.
            let part = rest.prefix(1 << 30)
            rest = rest.dropFirst(part.count)
            setInput(stream, UnsafeRawBufferPointer(rebasing: part))
            var isMore = true
            while isMore {
                let flush = ends && rest.isEmpty ? Z_FINISH : Z_NO_FLUSH
                let code = piece.withUnsafeMutableBytes { buffer in
                    setOutput(stream, buffer)
                    return deflate(stream, flush)
                }
                guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                    throw CompressionError.unavailable(detail: "zlib code \(code)")
                }
                let count = piece.count - Int(stream.pointee.avail_out)
                if count > 0 { try sink(piece[..<count]) }
                isMore = stream.pointee.avail_out == 0
            }
        } while !rest.isEmpty
    }

    private func runZstd(
        _ context: OpaquePointer,
        _ input: UnsafeRawBufferPointer,
        ends: Bool,
        _ sink: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var isMore = true
        while isMore {
            var written = 0
            let left = piece.withUnsafeMutableBytes { buffer in
                var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                let left = ZSTD_compressStream2(
                    context,
                    &target,
                    &source,
                    ends ? ZSTD_e_end : ZSTD_e_continue
                )
                written = target.pos
                return left
            }
            guard ZSTD_isError(left) == 0 else { throw CompressionError.unavailable(detail: zstdName(left)) }
            if written > 0 { try sink(piece[..<written]) }
            isMore = ends ? left != 0 : source.pos < source.size
        }
    }
}

func setInput(_ stream: UnsafeMutablePointer<z_stream>, _ input: UnsafeRawBufferPointer) {
    // zlib never writes through next_in; its type lacks the const (ZLIB_CONST).
    stream.pointee.next_in = input.baseAddress.map {
        UnsafeMutablePointer(mutating: $0.assumingMemoryBound(to: UInt8.self))
    }
    stream.pointee.avail_in = UInt32(truncatingIfNeeded: input.count)
}

func setOutput(_ stream: UnsafeMutablePointer<z_stream>, _ output: UnsafeMutableRawBufferPointer) {
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(truncatingIfNeeded: output.count)
}
