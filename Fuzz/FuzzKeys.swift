// Any bytes from a terminal: keys or nothing, never a trap, and the same whether they come at once or one by one.
// With: Sources/TerminalView/KeyParser.swift
// Longest: 512

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKeys(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var whole = KeyParser()
    var pieces = KeyParser()
    let keys = whole.keys(bytes) + whole.timeOut()
    var others: [Key] = []
    for byte in bytes { others += pieces.keys([byte]) }
    precondition(keys == others + pieces.timeOut(), "however they arrive, they are the same keys")
    return 0
}
