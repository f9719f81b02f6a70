import Codec
import Compression
import Expvar
import Model
import SQLite

/// Finding the shape of a body, whatever order its members come in.
extension WriterSession {
    /// So many shapes of the same members a body is tidied to, where the first do not fit.
    private static let candidatesMax = 4
    /// Shapes of the same members beyond so many are looked for in the file each time.
    private static let rememberedMax = 16
    /// After a body in an order of its own so many more are looked at for that first, since two orders may be equal.
    private static let tidyingScrapes = 16

    /// Takes a body apart, into the target's `document`, and tidies it where its members are those of a shape that is known.
    func understand(_ body: inout TidyBody, of target: TargetState) throws -> Understanding {
        let found: (id: ShapeID, shape: Shape)
        let known: ProcessState?
        do {
            if try !tidyAsBefore(&body, target) { try target.document.scan(body.bytes) }
            // Of the scan before it is known which shape it has, and what did not change since.
            known = target.lastScan?.number == target.document.scanCount - 1 ? target.lastScan?.state : nil
            if known != nil, target.document.changedLeaves != nil, let last = target.lastShape {
                found = last
            } else {
                found = try shape(of: &body, target)
            }
        } catch let error as DocumentError {
            return .failure(reason: error.description)
        }
        let state = ProcessState(
            shape: found.shape,
            document: target.document,
            body: body.bytes,
            previous: target.lastScan?.number == target.document.scanCount - 1 ? known : nil
        )
        target.lastScan = (target.document.scanCount, state)
        return .document(id: found.id, shape: found.shape, state: state)
    }

    /// Tidies a body to the shape that the last ones were tidied to; says whether it did, and then it is scanned.
    private func tidyAsBefore(_ body: inout TidyBody, _ target: TargetState) throws -> Bool {
        guard let tidying = target.tidying else { return false }
        try target.served.scan(body.bytes)
        guard let (bytes, order) = tidying.order.tidied(target.served, body.bytes) else { return false }
        try target.document.scan(bytes)
        let isOfShape =
            target.lastShape?.id == tidying.id
            && isEqual(target.document.skeleton, target.lastShape?.shape.skeleton ?? [])
        guard isOfShape else { return false }
        let isInOrder = PermutationCoder.isIdentity(order, tidying.order.sizes)
        body = TidyBody(bytes, order: isInOrder ? [] : order)
        if !isInOrder {
            target.tidying?.scrapes = WriterSession.tidyingScrapes
        } else if tidying.scrapes > 1 {
            target.tidying?.scrapes -= 1
        } else {
            target.tidying = nil
        }
        return true
    }

    /// The shape of the target's `document`, which is of `body`; stored where it is new.
    private func shape(of body: inout TidyBody, _ target: TargetState) throws -> (id: ShapeID, shape: Shape) {
        let skeleton = target.document.skeleton
        if let last = target.lastShape, isEqual(last.shape.skeleton, skeleton) { return last }
        target.tidying = nil
        let hash = MemberOrder.hash(of: target.document) ?? 0
        var known = try target.shapes[hash] ?? findShapes(hash, of: target.id)
        var found = known.first { isEqual($0.shape.skeleton, skeleton) }
        if found == nil { found = try tidy(&body, to: known.prefix(WriterSession.candidatesMax), target) }
        if found == nil, known.count >= WriterSession.rememberedMax {
            found = try findShape(skeleton, hash: hash, of: target.id)
        }
        let result = try found ?? storeShape(skeleton, hash: hash, of: target.id)
        if found == nil, known.count < WriterSession.rememberedMax { known.append(result) }
        if target.shapes[hash]?.count != known.count { target.remember(known, hash: hash) }
        target.lastShape = result
        return result
    }

    /// Tidies a body to the first shape that it fits, and has it scanned; nil, and scanned as it was, where it fits none.
    private func tidy(
        _ body: inout TidyBody,
        to shapes: some Sequence<(id: ShapeID, shape: Shape)>,
        _ target: TargetState
    ) throws -> (id: ShapeID, shape: Shape)? {
        for candidate in shapes {
            store.remember(candidate.shape, as: candidate.id)
            let order = try store.memberOrder(of: candidate.id)
            guard let (bytes, served) = order.tidied(target.document, body.bytes) else { continue }
            try target.document.scan(bytes)
            if isEqual(target.document.skeleton, candidate.shape.skeleton) {
                body = TidyBody(bytes, order: served)
                target.tidying = (candidate.id, order, WriterSession.tidyingScrapes)
                return candidate
            }
            // Keys that are spelled in other ways, or other text between members.
            try target.document.scan(body.bytes)
        }
        return nil
    }

    private func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && a == b }

    /// The first shapes of a target with those members.
    private func findShapes(
        _ hash: UInt64,
        of target: TargetID
    ) throws -> [(id: ShapeID, shape: Shape)] {
        var found: [(id: ShapeID, shape: Shape)] = []
        try eachShape(hash, of: target) { id, shape in
            found.append((id, shape))
            return found.count < WriterSession.rememberedMax
        }
        return found
    }

    private func findShape(
        _ skeleton: [UInt8],
        hash: UInt64,
        of target: TargetID
    ) throws -> (id: ShapeID, shape: Shape)? {
        var found: (id: ShapeID, shape: Shape)?
        try eachShape(hash, of: target) { id, shape in
            if isEqual(shape.skeleton, skeleton) { found = (id, shape) }
            return found == nil
        }
        return found
    }

    /// Calls `take` with the shapes of that hash, the first ones first, while it says true.
    private func eachShape(
        _ hash: UInt64,
        of target: TargetID,
        _ take: (ShapeID, Shape) throws -> Bool
    ) throws {
        let statement = try connection.ownStatement(
            "SELECT id, target, hash, skeleton, checksum FROM shapes WHERE target = ?1 AND hash = ?2 ORDER BY id"
        )
        try statement.bind(1, target.value).bind(2, Int64(bitPattern: hash))
        while try statement.step() {
            let id = ShapeID(statement.integer(0))
            let shape = try RowStore.shape(id, from: statement, firstColumn: 1, store: store)
            guard try take(id, shape) else { return }
        }
    }

    private func storeShape(
        _ skeleton: [UInt8],
        hash: UInt64,
        of target: TargetID
    ) throws -> (id: ShapeID, shape: Shape) {
        let shape = try Shape(skeleton: skeleton)
        let hash = Int64(bitPattern: hash)
        let id = ShapeID(try RowNumber.next(of: "shapes", on: connection))
        let bytes = try BodyEncoding.whole(skeleton, with: compressor)
        let checksum = RowChecksum.of(
            "shapes",
            .integer(id.value),
            .integer(target.value),
            .integer(hash),
            .bytes(bytes)
        )
        try connection.statement(
            "INSERT INTO shapes(id, target, hash, skeleton, checksum) VALUES (?1, ?2, ?3, ?4, ?5)"
        )
        .bind(1, id.value).bind(2, target.value).bind(3, hash).bind(4, bytes).bind(5, checksum)
        .run()
        return (id, shape)
    }
}
