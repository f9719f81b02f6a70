import Expvar
package import Model

/// What of a target's documents could not be read.
package struct UnreadParts: Hashable, Sendable {
    /// How many scrapes had any.
    package var scrapes: Int64 = 0
    /// Each of them once, ascending by path.
    package var parts: [UnreadPart] = []
}

/// A member, an element or a whole variable whose text is no value.
package struct UnreadPart: Hashable, Sendable {
    /// Its path, as names of series are spelled.
    package var path: String
    /// Its text in one of the scrapes that have it.
    package var text: [UInt8]
    /// The first scrape that has it.
    package var first: ScrapePosition
    /// The last one.
    package var last: ScrapePosition

    /// Whether its text is one of Go's words for a number that JSON does not have.
    package var isNumber: Bool {
        ["NaN", "+Inf", "-Inf"].contains { text.elementsEqual($0.utf8) }
    }

    /// Why it cannot be read, in words for a person; of its text as much as one likes to read.
    package var reason: String {
        guard !text.isEmpty else { return "nothing stands where its value should be" }
        let shown = String(decoding: text.prefix(UnreadPart.shownMax), as: UTF8.self)
        return "\(shown)\(text.count > UnreadPart.shownMax ? "…" : "") is no value of JSON"
    }

    /// So many bytes of its text are shown.
    private static let shownMax = 60
}

extension VaultSnapshot {
    /// Of a target with more shapes of documents the newest so many are looked at for what cannot be read.
    private static let unreadShapesMax = 1000

    /// What could not be read of the target's scrapes in `range`; nil where all could.
    ///
    /// Which parts that are follows from the shapes of documents, so that of each shape one body is read at most.
    package func unread(of target: TargetID, in range: TimeRange = .all) throws -> UnreadParts? {
        try reading {
            let history = try history(of: target)
            var shapes = Set(history.tail.compactMap(\.shape))
            for chunk in history.chunks { shapes.formUnion(chunk.shapes.map(\.id)) }
            var found = UnreadParts()
            var parts: [String: UnreadPart] = [:]
            for id in shapes.sorted(by: { $0.value > $1.value }).prefix(VaultSnapshot.unreadShapesMax) {
                let shape = try store.shape(id)
                guard !shape.unread.isEmpty, let use = try use(of: id, history, in: range) else { continue }
                found.scrapes += use.count
                for (path, text) in zip(shape.unread.map(\.name), try texts(of: shape, in: use.row)) {
                    var part =
                        parts[path]
                        ?? UnreadPart(path: path, text: text, first: use.first, last: use.last)
                    part.first = min(part.first, use.first)
                    part.last = max(part.last, use.last)
                    parts[path] = part
                }
            }
            guard found.scrapes > 0 else { return nil }
            found.parts = parts.values.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
            return found
        }
    }

    /// The spellings of a shape's unread leaves in a scrape.
    private func texts(of shape: Shape, in row: ScrapeRow) throws -> [[UInt8]] {
        var document = ScannedDocument()
        let (_, body) = try store.understand(row, into: &document)
        return shape.unread.map { part in
            part.leaf < document.leaves.count ? Array(document.leaves[part.leaf].spelling(in: body)) : []
        }
    }

    /// How many scrapes of a range have a shape, the first and the last place, and one of them; nil where none has.
    private func use(
        of shape: ShapeID,
        _ history: TargetHistory,
        in range: TimeRange
    ) throws -> (count: Int64, first: ScrapePosition, last: ScrapePosition, row: ScrapeRow)? {
        var count: Int64 = 0
        var rows: [ScrapeRow] = []
        func fits(_ row: ScrapeRow) -> Bool { row.shape == shape && range.contains(row.position.time) }
        let chunks = history.chunks.filter { chunk in
            chunk.overlaps(range) && chunk.shapes.contains { $0.id == shape }
        }
        for (index, chunk) in chunks.enumerated() {
            let isWhole =
                range.contains(Timestamp(milliseconds: chunk.times.lowerBound))
                && range.contains(Timestamp(milliseconds: chunk.times.upperBound))
            // Of most chunks their entry tells enough.
            guard !isWhole || index == 0 || index == chunks.count - 1 else {
                count += chunk.shapes.reduce(0) { $1.id == shape ? $0 + Int64($1.count) : $0 }
                continue
            }
            let fitting = try store.chunk(chunk).rows().filter(fits)
            count += Int64(fitting.count)
            rows += [fitting.first, fitting.last].compactMap { $0 }
        }
        let tail = history.tail.filter(fits)
        count += Int64(tail.count)
        rows += [tail.first, tail.last].compactMap { $0 }
        rows.sort { $0.position < $1.position }
        guard let first = rows.first, let last = rows.last else { return nil }
        return (count, first.position, last.position, last)
    }
}
