// Any bytes as a file of raw lines: never a trap, and however it is cut into pieces, the lines are the same.
// With: Tests/ExportTests/HostileLines.swift
// With: Sources/Export/Lines/RawLineReader.swift
// With: Sources/Export/Lines/LineSplitter.swift
// With: Sources/Export/URLText.swift
// Longest: 512

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRawLine(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HostileLines.read(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
