// Any bytes as a server's answer or a raw line: never a trap.
// Seeds: Tests/Fixtures/bodies Tests/Fixtures/bodies/odd
// Longest: 512
import JSON

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    guard let value = try? JSONReader.value(of: text) else { return 0 }
    _ = value["took"]
    _ = value.members?.count
    _ = value.elements?.count
    return 0
}
