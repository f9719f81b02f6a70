// Any integers as a column of doubles, and any doubles through each form and back.
// With: Tests/CodecTests/HostileColumns.swift
// Longest: 256

/// Kept, since its buffers are large; libFuzzer calls from one thread.
private nonisolated(unsafe) var columns = HostileColumns()

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDoubleColumn(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    columns.doubles(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
