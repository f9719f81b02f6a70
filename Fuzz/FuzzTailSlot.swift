// Any bytes as the records of a slot of the tail, its checksum mended: never a trap, and what was read is written as it reads.
// With: Tests/StorageTests/Tail/HostileTail.swift
// Longest: 256

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTailSlot(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HostileTail.slot(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
