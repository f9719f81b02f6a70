import CZstd

/// Compresses whole buffers with zstd; its context is kept from call to call.
///
/// Each frame holds its size and a checksum of its content.
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

    /// Compresses `input` into one frame.
    package func compress(_ input: [UInt8]) throws(CompressionError) -> [UInt8] {
        let bound = ZSTD_compressBound(input.count)
        // ZSTD_compressBound gives an error code for sizes that no array has; both fit Int.
        if output.count < bound { output = [UInt8](repeating: 0, count: bound) }
        let written = input.withUnsafeBytes { source in
            output.withUnsafeMutableBytes { target in
                ZSTD_compress2(
                    context,
                    target.baseAddress,
                    target.count,
                    source.baseAddress,
                    source.count
                )
            }
        }
        guard ZSTD_isError(written) == 0 else { throw .unavailable(detail: zstdName(written)) }
        return Array(output[..<written])
    }
}
