// Any bytes as entropy coded numbers: never a trap, and what was read comes back from the encoder.
// With: Tests/CodecTests/HostileColumns.swift
// Longest: 256

/// Kept, since its buffers are large; libFuzzer calls from one thread.
private nonisolated(unsafe) var columns = HostileColumns()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTokens(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    columns.tokens(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
