// Any bytes as a body of /debug/vars: never a trap, and what was taken apart goes together again.
// Seeds: Tests/Fixtures/bodies Tests/Fixtures/bodies/odd
// Longest: 1500
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
    follow(body, document)
    return 0
}

/// Bodies that differ from `body` by one leaf, which has another one's spelling: found alike after `body` and alone.
private func follow(_ body: [UInt8], _ document: ScannedDocument) {
    let leaves = document.leaves
    guard leaves.count < 64 else { return }
    for (index, leaf) in leaves.enumerated() {
        let other = leaves[(index * 7 + 1) % leaves.count].spelling(in: body)
        let end = Int(leaf.offset) + Int(leaf.length)
        let changed = body[..<Int(leaf.offset)] + other + body[end...]
        var following = document
        var alone = ScannedDocument()
        let isFollowed = (try? following.scan(Array(changed))) != nil
        let isAlone = (try? alone.scan(Array(changed))) != nil
        precondition(isFollowed == isAlone, "BUG: followed and refused, or the other way round")
        precondition(
            following.leaves == alone.leaves && following.skeleton == alone.skeleton,
            "BUG: another document than alone"
        )
    }
}
