import CZlib
import CZstd

/// Expands a compressed stream of bytes, in pieces.
///
/// What comes out is handed to a sink in pieces of at most `pieceBytes`, so memory use does not grow with the
/// stream, however much it expands. Several members or frames one after the other are one stream, as `gzip -d` and
/// `zstd -d` have it.
package final class StreamDecoder {
    /// What comes out at a time.
    package static let pieceBytes = 64 * 1024
    /// The largest window of a zstd frame, as a power of two: 8 MiB, what RFC 8878 asks every decoder to have.
    ///
    /// `zstd --long` and `--ultra` make larger ones, up to 128 MiB (27), which is what the tool itself accepts.
    private static let windowLogMax: Int32 = 27

    private enum Engine {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let engine: Engine
    private let bytesMax: Int
    private var piece = [UInt8](repeating: 0, count: pieceBytes)
    private var outputBytes = 0
    /// Between members; at the very beginning too, although there a stream may not end.
    private var isAtBoundary = true
    private var hasBegun = false
    private var hasMember = false
    private var isInTrailingZeros = false

    /// A decoder of that format, for streams that expand to no more than `bytesMax`.
    package init(_ format: CompressionFormat, bytesMax: Int = .max) throws(CompressionError) {
        self.bytesMax = bytesMax
        switch format {
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard expvault_gzip_inflate_init(stream) == Z_OK else {
                stream.deallocate()
                throw .unavailable(detail: "zlib could not begin")
            }
            engine = .gzip(stream)
        case .zstd:
            guard let context = ZSTD_createDCtx() else { throw .unavailable(detail: "out of memory") }
            ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, StreamDecoder.windowLogMax)
            engine = .zstd(context)
        }
    }

    deinit {
        switch engine {
        case .gzip(let stream):
            inflateEnd(stream)
            stream.deallocate()
        case .zstd(let context):
            ZSTD_freeDCtx(context)
        }
    }

    /// Takes more of the stream; `sink` gets what it expands to.
    ///
    /// - Throws: `CompressionError`, and what `sink` throws.
    package func decode(_ input: [UInt8], _ sink: (ArraySlice<UInt8>) throws -> Void) throws {
        guard !input.isEmpty else { return }
        hasBegun = true
        try input.withUnsafeBytes { bytes in
            switch engine {
            case .gzip(let stream): try decodeGzip(stream, bytes, sink)
            case .zstd(let context): try decodeZstd(context, bytes, sink)
            }
        }
    }

    /// Says that the stream has ended.
    ///
    /// - Throws: `CompressionError.cutShort` where it ended in the middle.
    package func finish() throws(CompressionError) {
        guard hasBegun, isAtBoundary else { throw .cutShort }
    }

    private func hand(_ count: Int, to sink: (ArraySlice<UInt8>) throws -> Void) throws {
        guard count > 0 else { return }
        outputBytes += count
        guard outputBytes <= bytesMax else { throw CompressionError.tooLarge(bytesMax: bytesMax) }
        try sink(piece[..<count])
    }

    private func decodeGzip(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ input: UnsafeRawBufferPointer,
        _ sink: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var rest = input[...]
        while !rest.isEmpty {
            if isAtBoundary && hasMember && (rest.first == 0 || isInTrailingZeros) {
                // tar and tape pad with zeros, and gzip ignores them; anything after them is no member.
                guard rest.allSatisfy({ $0 == 0 }) else {
                    throw CompressionError.damaged(detail: "bytes after the end")
                }
                isInTrailingZeros = true
                return
            }
            // zlib counts in 32 bits, so a longer input goes in parts.
            let part = rest.prefix(1 << 30)
            setInput(stream, UnsafeRawBufferPointer(rebasing: part))
            isAtBoundary = false
            var isMore = true
            while isMore {
                let code = piece.withUnsafeMutableBytes { buffer in
                    setOutput(stream, buffer)
                    return inflate(stream, Z_NO_FLUSH)
                }
                guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                    let words = stream.pointee.msg.map { String(cString: $0) }
                    throw CompressionError.damaged(detail: words ?? "zlib code \(code)")
                }
                try hand(piece.count - Int(stream.pointee.avail_out), to: sink)
                if code == Z_STREAM_END {
                    isAtBoundary = true
                    break
                }
                isMore = stream.pointee.avail_out == 0 || (stream.pointee.avail_in > 0 && code != Z_BUF_ERROR)
            }
            rest = rest.dropFirst(part.count - Int(stream.pointee.avail_in))
            if isAtBoundary {
                hasMember = true
                inflateReset(stream)
            }
        }
    }

    private func decodeZstd(
        _ context: OpaquePointer,
        _ input: UnsafeRawBufferPointer,
        _ sink: (ArraySlice<UInt8>) throws -> Void
    ) throws {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var isMore = true
        while isMore {
            var written = 0
            let hint = piece.withUnsafeMutableBytes { buffer in
                var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                let hint = ZSTD_decompressStream(context, &target, &source)
                written = target.pos
                return hint
            }
            guard ZSTD_isError(hint) == 0 else { throw CompressionError.damaged(detail: zstdName(hint)) }
            isAtBoundary = hint == 0
            try hand(written, to: sink)
            // A full piece may leave more inside the decoder, also where the input is used up.
            isMore = source.pos < source.size || (written == piece.count && !isAtBoundary)
        }
    }
}
