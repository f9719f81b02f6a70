// Any bytes as a chunk, with its checksums mended, so that what lies behind them is met: never a trap.
// With: Tests/StorageTests/ChunkFormat/HostileChunk.swift
// Longest: 2048

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChunk(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let chunk = HostileChunk(Array(UnsafeBufferPointer(start: start, count: count)))?.chunk() else {
        return 0
    }
    HostileChunk.readAll(chunk, shape: HostileChunk.shape)
    return 0
}
