import CZstd

/// Compresses whole buffers with zstd; its context is kept from call to call.
///
/// Each frame holds its size and a checksum of its content, so that expanding with a wrong prefix is noticed.
package final class ZstdCompressor {
    private let context: OpaquePointer
    private var output: [UInt8] = []

    /// A compressor of that level (https://facebook.github.io/zstd/: 1 is fast, 19 is small).
    package init(level: Int32) throws(CompressionError) {
        guard let context = ZSTD_createCCtx() else { throw .unavailable(detail: "out of memory") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// Compresses `input`; with a `prefix`, against what it shares with it: the same prefix must be given to expand.
    package func compress(_ input: [UInt8], prefix: [UInt8]? = nil) throws(CompressionError) -> [UInt8] {
        let bound = ZSTD_compressBound(input.count)
        // ZSTD_compressBound gives an error code for sizes that no array has; both fit Int.
        if output.count < bound { output = [UInt8](repeating: 0, count: bound) }
        let written = input.withUnsafeBytes { source in
            output.withUnsafeMutableBytes { target in
                // Referenced, not copied: it is let go of when the frame ends, inside this closure.
                withOptionalBytes(prefix) { shared in
                    if let shared { ZSTD_CCtx_refPrefix(context, shared.baseAddress, shared.count) }
                    return ZSTD_compress2(
                        context,
                        target.baseAddress,
                        target.count,
                        source.baseAddress,
                        source.count
                    )
                }
            }
        }
        guard ZSTD_isError(written) == 0 else { throw .unavailable(detail: zstdName(written)) }
        return Array(output[..<written])
    }
}

/// Expands whole zstd frames; its context is kept from call to call.
package final class ZstdDecompressor {
    private let context: OpaquePointer

    /// A decompressor.
    package init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .unavailable(detail: "out of memory") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Expands one frame that `ZstdCompressor` made, with the prefix that it was made with.
    ///
    /// - Throws: `CompressionError.tooLarge` before anything is allocated where the frame says that it holds more
    ///   than `bytesMax`.
    package func decompress(
        _ input: UnsafeRawBufferPointer,
        prefix: [UInt8]? = nil,
        bytesMax: Int
    ) throws(CompressionError) -> [UInt8] {
        let size = ZSTD_getFrameContentSize(input.baseAddress, input.count)
        // zstd.h: ZSTD_CONTENTSIZE_UNKNOWN is 0 - 1, ZSTD_CONTENTSIZE_ERROR is 0 - 2; the macros are no constants
        // in Swift.
        guard size != UInt64.max - 1 else { throw .damaged(detail: "no zstd frame") }
        guard size != UInt64.max else { throw .damaged(detail: "a zstd frame without its size") }
        guard size <= UInt64(bytesMax) else { throw .tooLarge(bytesMax: bytesMax) }
        var failure: CompressionError?
        let result = [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            // Referenced, not copied: it is let go of when the frame ends, inside this closure.
            let written = withOptionalBytes(prefix) { shared in
                if let shared { ZSTD_DCtx_refPrefix(context, shared.baseAddress, shared.count) }
                return ZSTD_decompressDCtx(
                    context,
                    buffer.baseAddress,
                    buffer.count,
                    input.baseAddress,
                    input.count
                )
            }
            if ZSTD_isError(written) != 0 {
                failure = .damaged(detail: zstdName(written))
            } else if written != Int(size) {
                failure = .damaged(detail: "a zstd frame of another size than it says")
            } else {
                count = written
            }
        }
        if let failure { throw failure }
        return result
    }

    /// Expands one frame; see the other `decompress`.
    package func decompress(
        _ input: [UInt8],
        prefix: [UInt8]? = nil,
        bytesMax: Int
    ) throws(CompressionError) -> [UInt8] {
        // `withUnsafeBytes` rethrows untyped before Swift 6's typed overload for arrays, so the result is carried out.
        let result: Result<[UInt8], CompressionError> = input.withUnsafeBytes { bytes in
            do throws(CompressionError) {
                return .success(try decompress(bytes, prefix: prefix, bytesMax: bytesMax))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

func zstdName(_ code: Int) -> String { String(cString: ZSTD_getErrorName(code)) }

private func withOptionalBytes<Result>(
    _ bytes: [UInt8]?,
    _ body: (UnsafeRawBufferPointer?) -> Result
) -> Result {
    guard let bytes else { return body(nil) }
    return bytes.withUnsafeBytes { body($0) }
}
