// Any bytes as two bodies: where one can be tidied to the other's shape, it comes back as it was served.
// With: Tests/ExpvarTests/HostileMembers.swift
// Longest: 512

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMembers(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HostileMembers.tidy(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
