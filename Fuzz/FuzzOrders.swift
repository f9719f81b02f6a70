// Any bytes as orders of lists: never a trap, always orders, and what was read comes back from the encoder.
// With: Tests/CodecTests/HostileColumns.swift
// Longest: 256

/// Kept, since its buffers are large; libFuzzer calls from one thread.
private nonisolated(unsafe) var columns = HostileColumns()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOrders(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    columns.orders(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
