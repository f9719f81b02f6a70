import Compression
import Expvar
import Model
import SQLite

/// Reads the rows that scrapes refer to, with caches; shared by the writer and snapshots.
final class RowStore: RowSource {
    let connection: Connection
    /// The path of the database, for messages.
    let path: String
    let decompressor: ZstdDecompressor
    private var shapes: [ShapeID: Shape] = [:]
    private var origins: [Int64: Origin] = [:]
    private var boots: [Int64: String] = [:]
    private var openChunks: [SealedChunk] = []
    /// Reads chunks part by part; nil for a writer, which takes them whole: no statement is to be at work there.
    let blobs: BlobReader?
    /// The version of the schema.
    let version: Int64
    /// Where the rows of the tail stand, once it was looked at.
    var tail: TailIndex?
    /// Slots that cannot be read, and that hold nothing which is needed.
    var deadSlots: Set<Int64> = []
    /// Slots that a salvage found apart from the table.
    var loose: [Int64: [UInt8]] = [:]
    /// The body that was last read of each target's tail.
    var lastBodies: [TargetID: (seq: Int64, body: TidyBody)] = [:]
    private var memberOrders: [ShapeID: MemberOrder] = [:]
    /// Those that are kept take no more bytes than this together.
    private static let memberOrderBytesMax = 4 << 20

    /// So many chunks are kept open.
    private static let openChunksMax = 3
    /// Of that many shapes copies are kept; processes that take turns need one each.
    private static let cachedMax = 16
    /// Cached shapes hold no more leaves than this together.
    private static let cachedLeavesMax = 32_768

    /// Keeps chunks beyond this store; nil for most.
    let kept: (cache: ChunkCache, database: ChunkCache.Database)?

    init(
        connection: Connection,
        path: String,
        version: Int64,
        kept: (cache: ChunkCache, database: ChunkCache.Database)? = nil
    ) throws {
        self.kept = kept
        self.connection = connection
        self.path = path
        self.version = version
        decompressor = try ZstdDecompressor()
        switch connection.role {
        case .writer: blobs = nil
        case .reader, .immutableReader:
            blobs = BlobReader(connection, table: "chunk_bytes", column: "bytes")
        }
    }

    /// The body of a row, as it is stored; for a failed scrape what was kept of it.
    func body(of row: ScrapeRow) throws -> TidyBody {
        if let (chunk, index) = row.sealed { return try self.chunk(chunk).body(index) }
        return try tailBody(of: row)
    }

    private func chunk(_ id: Int64) throws -> SealedChunk {
        if let open = openChunks.last(where: { $0.entry.id == id }) { return open }
        let statement = try connection.statement("SELECT \(ChunkEntry.columns) FROM chunks WHERE id = ?1")
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("chunk \(id) is missing") }
        return try chunk(ChunkEntry(statement, path: path))
    }

    /// The chunk, opened; from a cache of the last few.
    func chunk(_ entry: ChunkEntry) throws -> SealedChunk {
        if let index = openChunks.firstIndex(where: { $0.entry.id == entry.id }) {
            let chunk = openChunks.remove(at: index)
            openChunks.append(chunk)
            return chunk
        }
        // Whoever goes on to another chunk is done with the bodies of those before.
        for open in openChunks { open.forgetBodies() }
        let chunk = try SealedChunk(entry, store: self)
        if openChunks.count >= RowStore.openChunksMax { openChunks.removeFirst().isWarm = false }
        openChunks.append(chunk)
        return chunk
    }

    /// The shape with that number.
    func shape(_ id: ShapeID) throws -> Shape {
        if let cached = shapes[id] { return cached }
        let statement = try connection.statement(
            "SELECT target, hash, skeleton, checksum FROM shapes WHERE id = ?1"
        )
        try statement.bind(1, id.value)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("shape \(id.value) is missing") }
        let shape = try RowStore.shape(id, from: statement, firstColumn: 0, store: self)
        remember(shape, as: id)
        return shape
    }

    /// The shape out of the columns target, hash, skeleton, checksum.
    static func shape(
        _ id: ShapeID,
        from statement: Statement,
        firstColumn: Int32,
        store: RowStore
    ) throws -> Shape {
        let hash = statement.integer(firstColumn + 1)
        let bytes = statement.bytes(firstColumn + 2)
        let checksum = RowChecksum.of(
            "shapes",
            .integer(id.value),
            .integer(statement.integer(firstColumn)),
            .integer(hash),
            .bytes(bytes)
        )
        guard checksum == statement.integer(firstColumn + 3) else {
            throw store.damaged("shape \(id.value) contradicts its checksum")
        }
        let identity = ChunkCache.ShapeIdentity(id: id, hash: hash, rowChecksum: checksum)
        if let (cache, database) = store.kept, let known = cache.shape(identity, of: database) {
            return known
        }
        let skeleton = try BodyEncoding.decode(bytes, with: store.decompressor) {
            throw store.damaged("shape \(id.value) needs a base")
        }
        do {
            let shape = try Shape(skeleton: skeleton)
            if let (cache, database) = store.kept { cache.keep(shape, identity, of: database) }
            return shape
        } catch {
            throw store.damaged("shape \(id.value) is none: \(error)")
        }
    }

    /// The body of a row as it was served; for a failed scrape what was kept of it.
    func servedBody(of row: ScrapeRow) throws -> [UInt8] { try served(body(of: row), of: row) }

    /// The body as it was served.
    func served(_ body: TidyBody, of row: ScrapeRow) throws -> [UInt8] {
        guard !body.order.isEmpty else { return body.bytes }
        var document = ScannedDocument()
        _ = try understand(row, body: body.bytes, into: &document)
        guard let shape = row.shape,
            let served = try memberOrder(of: shape).served(body.bytes, document, order: body.order)
        else { throw damaged("the body of scrape \(row.seq) does not have the members of its shape") }
        return served
    }

    /// The order of the members of the shape with that number.
    func memberOrder(of id: ShapeID) throws -> MemberOrder {
        if let known = memberOrders[id] { return known }
        guard let order = MemberOrder(skeleton: try shape(id).skeleton) else {
            throw damaged("shape \(id.value) is none")
        }
        let held = memberOrders.values.reduce(order.byteCount) { $0 + $1.byteCount }
        if memberOrders.count >= RowStore.cachedMax || held > RowStore.memberOrderBytesMax {
            memberOrders.removeAll()
        }
        memberOrders[id] = order
        return order
    }

    func remember(_ shape: Shape, as id: ShapeID) {
        let leaves = shapes.values.reduce(shape.leafKinds.count) { $0 + $1.leafKinds.count }
        if shapes.count >= RowStore.cachedMax || leaves > RowStore.cachedLeavesMax { shapes.removeAll() }
        shapes[id] = shape
    }

    /// The origin with that number.
    func origin(_ id: Int64) throws -> Origin {
        if let cached = origins[id] { return cached }
        guard let origin = try OriginRow.find(id, on: self)?.origin else {
            throw damaged("origin \(id) is missing")
        }
        origins[id] = origin
        return origin
    }

    /// The boot id with that number.
    func bootID(_ id: Int64) throws -> String {
        if let cached = boots[id] { return cached }
        let statement = try connection.statement("SELECT boot_id, checksum FROM boots WHERE id = ?1")
        try statement.bind(1, id)
        defer { statement.reset() }
        guard try statement.step() else { throw damaged("boot \(id) is missing") }
        let text = statement.text(0)
        guard RowChecksum.of("boots", .integer(id), .text(text)) == statement.integer(1) else {
            throw damaged("boot \(id) contradicts its checksum")
        }
        boots[id] = text
        return text
    }

    /// Forgets what is cached: after a rollback numbers may come to mean something else.
    func forget() {
        forgetRows()
        tail = nil
        lastBodies.removeAll()
    }

    /// Forgets what is cached but for the tail.
    func forgetRows() {
        shapes.removeAll()
        memberOrders.removeAll()
        origins.removeAll()
        boots.removeAll()
        openChunks.removeAll()
    }

    /// Lets go of open chunks, which hold much memory.
    func forgetChunks() {
        openChunks.removeAll()
        blobs?.close()
    }

    /// The record of a row.
    func record(_ row: ScrapeRow, isAfterStep: Bool) throws -> ScrapeRecord {
        ScrapeRecord(
            seq: row.seq,
            target: row.target,
            position: row.position,
            origin: try origin(row.origin),
            durationNanoseconds: row.durationNanoseconds,
            status: row.status.map { Int(truncatingIfNeeded: $0) },
            serverDate: row.serverDate,
            bootID: try row.boot.map { try bootID($0) },
            bootNanoseconds: row.bootNanoseconds,
            run: row.run,
            seenCount: Int(truncatingIfNeeded: row.seen),
            beginning: RunBeginning(mark: row.missed),
            failure: row.failure,
            isAfterStep: isAfterStep
        )
    }

    /// The document of a row: taken apart into `document`, with its shape and body.
    func understand(
        _ row: ScrapeRow,
        into document: inout ScannedDocument
    ) throws -> (shape: Shape, body: [UInt8]) {
        let body = try body(of: row).bytes
        return (try understand(row, body: body, into: &document), body)
    }

    /// The document of a row whose body is known: taken apart into `document`, with its shape.
    func understand(_ row: ScrapeRow, body: [UInt8], into document: inout ScannedDocument) throws -> Shape {
        guard let shapeID = row.shape else { throw damaged("scrape \(row.seq) has no shape") }
        let shape = try shape(shapeID)
        do {
            try document.scan(body)
        } catch {
            throw damaged("the body of scrape \(row.seq) is no document: \(error)")
        }
        guard document.leaves.count == shape.leafKinds.count else {
            throw damaged("the body of scrape \(row.seq) is not of its shape")
        }
        return shape
    }
}
