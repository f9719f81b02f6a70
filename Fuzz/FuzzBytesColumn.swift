// Any bytes as a list of byte strings: never a trap, never more than allowed.
// With: Tests/CodecTests/HostileColumns.swift
// Longest: 256

/// Kept, since its buffers are large; libFuzzer calls from one thread.
private nonisolated(unsafe) var columns = HostileColumns()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBytesColumn(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    columns.bytes(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
