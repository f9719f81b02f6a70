import Compression
import Expvar
import Model
import SQLite

/// Storing one scrape at a place that is settled.
extension WriterSession {
    /// What a body turned out to be.
    enum Understanding {
        case document(id: ShapeID, shape: Shape, state: ProcessState)
        case failure(reason: String)
    }

    /// Stores a scrape at `position`, which is free.
    ///
    /// Returns its row.
    func put(
        _ scrape: Scrape,
        into target: TargetState,
        at position: ScrapePosition,
        origin: Int64,
        waits: Bool = false
    ) throws -> ScrapeRow {
        let seq = takeSeq()
        var row = ScrapeRow(
            seq: seq,
            target: target.id,
            position: position,
            wall: scrape.time == position.time ? nil : scrape.time,
            run: nil,
            origin: origin,
            boot: try scrape.bootID.map { try bootNumber($0) },
            bootNanoseconds: scrape.bootNanoseconds,
            durationNanoseconds: scrape.durationNanoseconds,
            status: scrape.status.map { Int64($0) },
            serverDate: scrape.serverDate,
            shape: nil,
            failure: nil
        )
        var body: TidyBody
        switch scrape.outcome {
        case .failure(let reason, let kept):
            row.failure = reason
            body = TidyBody(kept)
        case .document(let served):
            body = TidyBody(served)
            switch try understand(&body, of: target) {
            case .failure(let reason):
                row.failure = reason
            case .document(let id, let shape, var state):
                row.shape = id
                state.endpoint = try endpoint(ofOrigin: origin, target)
                try register(shape, id: id, of: target, at: position.time)
                let found = try run(of: state, target: target, at: position)
                row.run = found.id
                row.seen = Int64(found.collections.seen.count)
                row.missed = found.collections.missed
            }
        }
        if row.failure != nil { body = TidyBody(Array(body.bytes.prefix(Scrape.failureBodyMax))) }
        if waits {
            target.pending.append((row, body))
            target.pendingBytes += body.bytes.count
            if target.pendingBytes >= SealLimits.bytesMax { try storePending(of: target, maySeal: true) }
        } else {
            try storeTail(
                row,
                body: body,
                target: target,
                leaves: row.shape == nil ? nil : target.document.leaves
            )
        }
        try note(row, scrape: scrape, target: target)
        return row
    }

    /// Stores a row of the tail; `leaves` are those of its body, where they are known.
    private func storeTail(
        _ row: ScrapeRow,
        body: TidyBody,
        target: TargetState,
        leaves: [Leaf]? = nil
    ) throws {
        try tail.append(row, body: body, leaves: leaves)
        target.history.add(row)
    }

    /// Stores what waits: sealed where it is enough for a chunk, else in the tail.
    func storePending() throws {
        for target in targets.values.sorted(by: { $0.id < $1.id }) {
            try storePending(of: target, maySeal: true)
        }
    }

    /// Stores what waits of a target.
    func storePending(of target: TargetState, maySeal: Bool) throws {
        guard !target.pending.isEmpty else { return }
        let isEnough =
            target.pending.count + target.history.tail.count >= SealLimits.rowsMin
            || target.pendingBytes >= SealLimits.bytesMax
        if maySeal, target.staleFrom == nil, isEnough {
            try seal(target)
        } else {
            for (row, body) in target.pending { try storeTail(row, body: body, target: target) }
            target.pending.removeAll()
            target.pendingBytes = 0
        }
    }

    private func note(_ row: ScrapeRow, scrape: Scrape, target: TargetState) throws {
        if row.failure != nil { target.row.failureCount += 1 }
        if target.last.map({ row.position > $0.position }) ?? true {
            target.last = ScrapeClock.Last(
                position: row.position,
                reading: ScrapeClock.Reading(
                    wall: scrape.time,
                    bootID: scrape.bootID,
                    bootNanoseconds: scrape.bootNanoseconds
                )
            )
        }
        if row.serverDate != nil && !target.row.hasDates {
            target.row.hasDates = true
        }
    }

    private func register(_ shape: Shape, id: ShapeID, of target: TargetState, at t: Timestamp) throws {
        let (added, limited) = try target.registry.register(
            shape,
            id: id,
            target: target.id,
            at: t,
            on: store
        )
        if added > 0 { target.row.seriesCount += Int64(added) }
        if !target.row.isSeriesLimited && (limited || shape.isSeriesLimited) {
            target.row.isSeriesLimited = true
        }
    }

    private func bootNumber(_ bootID: String) throws -> Int64 {
        let statement = try connection.statement("SELECT id FROM boots WHERE boot_id = ?1")
        try statement.bind(1, bootID)
        if try statement.step() {
            defer { statement.reset() }
            return statement.integer(0)
        }
        statement.reset()
        let id = try RowNumber.next(of: "boots", on: connection)
        try connection.statement("INSERT INTO boots(id, boot_id, checksum) VALUES (?1, ?2, ?3)")
            .bind(1, id).bind(2, bootID).bind(3, RowChecksum.of("boots", .integer(id), .text(bootID)))
            .run()
        return id
    }

    /// The row of `origins` for that origin of a target, stored where it is new.
    func originID(_ origin: Origin, of target: TargetState) throws -> Int64 {
        if let known = target.origin, known.value == origin { return known.id }
        let id =
            try OriginRow.number(of: origin, target.id, on: connection) ?? storeOrigin(origin, of: target.id)
        target.origin = (origin, id)
        return id
    }

    /// The endpoint of a row of `origins`, which nearly always is that of the scrape before.
    private func endpoint(ofOrigin id: Int64, _ target: TargetState) throws -> String? {
        if let known = target.endpoint, known.origin == id { return known.value }
        let value = try store.origin(id).endpoint
        target.endpoint = (id, value)
        return value
    }

    private func storeOrigin(_ origin: Origin, of target: TargetID) throws -> Int64 {
        let id = try RowNumber.next(of: "origins", on: connection)
        try OriginRow(id: id, target: target, origin: origin).store(on: connection)
        return id
    }
}
