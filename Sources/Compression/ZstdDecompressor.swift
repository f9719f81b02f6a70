import CZstd

/// Expands whole zstd frames; its context is kept from call to call.
package final class ZstdDecompressor {
    private let context: OpaquePointer

    /// A decompressor.
    package init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .unavailable(detail: "out of memory") }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Expands one frame that `ZstdCompressor` made.
    ///
    /// - Throws: `CompressionError.tooLarge` before anything is allocated where the frame says that it holds more
    ///   than `bytesMax`.
    package func decompress(
        _ input: UnsafeRawBufferPointer,
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
            let written = ZSTD_decompressDCtx(
                context,
                buffer.baseAddress,
                buffer.count,
                input.baseAddress,
                input.count
            )
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
    package func decompress(_ input: [UInt8], bytesMax: Int) throws(CompressionError) -> [UInt8] {
        // `withUnsafeBytes` rethrows untyped before Swift 6's typed overload for arrays, so the result is carried out.
        let result: Result<[UInt8], CompressionError> = input.withUnsafeBytes { bytes in
            do throws(CompressionError) {
                return .success(try decompress(bytes, bytesMax: bytesMax))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

func zstdName(_ code: Int) -> String { String(cString: ZSTD_getErrorName(code)) }
