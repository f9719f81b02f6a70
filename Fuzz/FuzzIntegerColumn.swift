// Any bytes as a column of integers, and any integers through the encoder and back.
// With: Tests/CodecTests/HostileColumns.swift
// Longest: 256

/// Kept, since its buffers are large; libFuzzer calls from one thread.
private nonisolated(unsafe) var columns = HostileColumns()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzIntegerColumn(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    columns.integers(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
