import Codec
import Expvar
package import Model

/// Where a stretch of documents begins or ends.
package struct SeriesEdge: Hashable, Sendable {
    /// The place of the document.
    package var position: ScrapePosition
    /// The shape of the document.
    package var shape: ShapeID
}

/// A stretch of a target's successful scrapes that need not be looked at one by one.
///
/// All of one run and one epoch, their times ascending, without a clock step after the first.
package final class SeriesSummary {
    /// What is known of a series in the stretch.
    package enum Knowledge: Hashable, Sendable {
        /// Nothing: see `block(_:)`.
        case unknown
        /// No scrape has it.
        case absent
        /// Every scrape has it.
        case statistics(ChunkColumnStatistics)
    }

    /// The run of all scrapes.
    package let run: RunID
    /// The first and the last scrape.
    package let first: SeriesEdge
    package let last: SeriesEdge
    /// How many scrapes there are.
    package let count: Int
    /// Whether a clock step lies directly before the first.
    package let isAfterStep: Bool
    private let chunk: SealedChunk
    private let stretch: ChunkStretch
    private let places: SeriesPlaces
    private var rows: [SeriesRow]?

    init(_ chunk: SealedChunk, _ stretch: ChunkStretch, _ places: SeriesPlaces, isAfterStep: Bool) {
        self.chunk = chunk
        self.stretch = stretch
        self.places = places
        self.isAfterStep = isAfterStep
        let (part, shapes) = (stretch.part, chunk.entry.shapes)
        run = part.run
        count = part.documents
        // The decoder compared the places with the number of shapes.
        first = SeriesEdge(position: part.firstDocument, shape: shapes[part.firstShape].id)
        last = SeriesEdge(position: part.lastDocument, shape: shapes[part.lastShape].id)
    }

    /// What is known of the series of that number among those asked for.
    package func knowledge(of series: Int) throws -> Knowledge {
        try chunk.knowledge(of: places.columns[series], in: stretch)
    }

    /// Whether the last scrape surely has a number for every series that a scrape of the chunk has one for: then the last
    /// value of each is that of the last scrape, or there is none.
    package var endsWithAll: Bool { chunk.endsWithAll(places, in: stretch) }

    /// The scrapes one by one with the values of one series, which are decoded.
    package func block(_ series: Int) throws -> (rows: [SeriesRow], column: SeriesColumn) {
        let rows = try self.rows ?? decodedRows()
        self.rows = rows
        return (rows, try chunk.keptColumn(places.leaves[series]).part(stretch.documents))
    }

    private func decodedRows() throws -> [SeriesRow] {
        let all = try chunk.seriesRows()
        guard stretch.documents.upperBound <= all.count else { throw chunk.contradicts("its parts") }
        var rows = Array(all[stretch.documents])
        for index in rows.indices { rows[index].isAfterStep = index == 0 && isAfterStep }
        guard rows.first?.position == first.position, rows.last?.position == last.position,
            rows.allSatisfy({ $0.run == run })
        else { throw chunk.contradicts("its parts") }
        return rows
    }
}

/// Where the asked series stand in a chunk.
struct SeriesPlaces {
    /// For each series its leaf in each shape of the chunk.
    var leaves: [[Int?]]
    /// For each series how it stands in the columns.
    var columns: [Column]

    enum Column {
        /// No shape has it.
        case absent
        /// That column has it in all shapes that have it.
        case column(Int)
        /// It is spread over several columns, or documents are raw.
        case mixed
    }

    init(leaves: [[Int?]], in decoder: ChunkDecoder) throws {
        self.leaves = leaves
        let isWhole = decoder.documentCount == decoder.header.columnRowCount
        columns = try leaves.map { leaves in
            guard leaves.contains(where: { $0 != nil }) else { return .absent }
            guard isWhole, let column = try decoder.column(leaves: leaves) else { return .mixed }
            return .column(column)
        }
    }
}

/// A stretch of the documents of a chunk, as its parts tell it, or as the chunk's row does of the whole.
struct ChunkStretch {
    var part: ChunkParts.Part
    /// Its documents, by their number in the chunk.
    var documents: Range<Int>
    /// Its place among the parts; nil for the whole chunk.
    var index: Int?
}

extension SealedChunk {
    /// The stretches of the chunk that something is known of, ascending, those without documents left out.
    ///
    /// Nil where nothing is known of some rows.
    func stretches() throws -> [ChunkStretch]? {
        if let parts = try store.reading(chunk: entry.id, { try decoder.parts() }) {
            var stretches: [ChunkStretch] = []
            var next = 0
            for (index, part) in parts.parts.enumerated() where part.documents > 0 {
                stretches.append(
                    ChunkStretch(part: part, documents: next..<next + part.documents, index: index)
                )
                next += part.documents
            }
            return stretches
        }
        guard let run = entry.runs.first, entry.runs.count == 1, entry.shapes.count == 1,
            entry.first.epoch == entry.last.epoch, entry.documentCount > 0
        else { return nil }
        let part = ChunkParts.Part(
            rows: entry.scrapeCount,
            documents: entry.documentCount,
            run: run.run,
            first: entry.first,
            last: entry.last,
            firstDocument: run.first,
            lastDocument: run.last,
            firstShape: 0,
            lastShape: 0
        )
        return [ChunkStretch(part: part, documents: 0..<entry.documentCount, index: nil)]
    }

    /// What is known in a stretch of a series that stands there in the chunk.
    func knowledge(of place: SeriesPlaces.Column, in stretch: ChunkStretch) throws -> SeriesSummary.Knowledge
    {
        let column: Int
        switch place {
        case .absent: return .absent
        case .mixed: return .unknown
        case .column(let found): column = found
        }
        return try store.reading(chunk: entry.id) {
            if decoder.header.columns[column].kind == .text {
                return try decoder.knowledge(ofText: column, count: stretch.part.documents)
            }
            guard let index = stretch.index else {
                guard let whole = decoder.header.columns[column].statistics?.withConstantSum,
                    whole.count == entry.documentCount, whole.isUsable
                else { return .unknown }
                return .statistics(whole)
            }
            switch try decoder.knowledge(ofColumn: column)[index] {
            case .unknown: return .unknown
            case .absent: return .absent
            case .statistics(let statistics): return .statistics(statistics)
            }
        }
    }

    /// See `SeriesSummary.endsWithAll`.
    func endsWithAll(_ places: SeriesPlaces, in stretch: ChunkStretch) -> Bool {
        zip(places.leaves, places.columns).allSatisfy { leaves, place in
            switch place {
            case .absent: return false
            case .mixed: return false
            case .column(let column):
                let entry = decoder.header.columns[column]
                return leaves[stretch.part.lastShape] != nil && entry.kind.isInteger && !entry.hasExceptions
            }
        }
    }
}
