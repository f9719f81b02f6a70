// Any bytes as a patch of a body, and as two bodies of which one is made of the other: never a trap, never another body.
// With: Tests/StorageTests/Tail/HostileTail.swift
// Longest: 512

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBodyPatch(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HostileTail.patch(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
