// Any bytes as a body of /debug/vars: never a trap, and what was taken apart goes together again.
// Seeds: Tests/Fixtures/bodies Tests/Fixtures/bodies/odd
import Expvar
import Model

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDocument(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = Array(UnsafeBufferPointer(start: start, count: count))
    var document = ScannedDocument()
    guard (try? document.scan(body)) != nil else { return 0 }

    guard let shape = try? Shape(skeleton: document.skeleton) else {
        // What the scanner makes, the reader of skeletons must take: only a limit may say no.
        precondition(document.skeleton.count > Shape.nameBytesMax / 64, "BUG: a skeleton that is refused")
        return 0
    }
    precondition(shape.leafKinds == document.leaves.map(\.kind), "BUG: leaves and markers differ")
    let spellings = document.leaves.map { $0.spelling(in: body) }
    precondition(shape.body(leaves: spellings) == body, "BUG: the body does not come back")

    for series in shape.series {
        _ = Shape.number(document.leaves[series.leaf], in: body)
        _ = SeriesNaming.keys(of: series.name)
    }
    let state = ProcessState(shape: shape, document: document, body: body)
    let new = PauseRing.newCollections(in: state, after: .runBegin)
    precondition(new.seen.count <= PauseRing.slots, "BUG: more collections than slots")
    _ = PauseRing.newCollections(in: state, after: .scrape(state))
    _ = try? DocumentTree.variables(of: body)
    return 0
}
