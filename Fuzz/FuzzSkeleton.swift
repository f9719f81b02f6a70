// Any bytes as a skeleton out of a damaged or hostile file: never a trap.
// Seeds: Tests/Fixtures/bodies Tests/Fixtures/bodies/odd
// Longest: 1500
import Expvar

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSkeleton(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let skeleton = Array(UnsafeBufferPointer(start: start, count: count))
    guard let shape = try? Shape(skeleton: skeleton) else { return 0 }
    // Fewer leaves than markers, as many, and more: the count comes from another place of the file.
    for leafCount in [0, shape.leafKinds.count, shape.leafKinds.count + 1] {
        let leaves = [ArraySlice<UInt8>](repeating: [0x31], count: leafCount)
        _ = shape.body(leaves: leaves)
    }
    return 0
}
