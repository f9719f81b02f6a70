package import Expvar
package import Model
package import Storage

/// A scrape on its way out: what documents and lines are made of.
package struct ExportedScrape: Sendable {
    /// The scrape without its body.
    package var record: ScrapeRecord
    /// The target's name.
    package var target: String
    /// The body, byte for byte as it was served.
    package var body: [UInt8]
    /// What the body says; nil where it is no document after all.
    package var reading: BodyReading?
    /// What came before it, as far as its collections go.
    package var predecessor: ScrapePredecessor

    /// A scrape with its body, what was read from it, and what came before it.
    package init(
        record: ScrapeRecord,
        target: String,
        body: [UInt8],
        reading: BodyReading?,
        predecessor: ScrapePredecessor
    ) {
        self.record = record
        self.target = target
        self.body = body
        self.reading = reading
        self.predecessor = predecessor
    }
}

/// What came before a scrape, which decides the collections that it was the first to see.
package enum ScrapePredecessor: Hashable, Sendable {
    /// The state at the scrape before it in its run.
    case sameRun(ProcessState)
    /// A run begins here without a gap: its collections are ours from n = 1 on.
    case runBegin
    /// A run begins here after a gap; the target's scrape before it was then.
    case gap(since: Timestamp)
    /// It is the target's very first.
    case none
}

/// A body read once, for everything that is made of it.
package struct BodyReading: Sendable {
    /// Its shape.
    package var shape: Shape
    /// Its leaves, in the order of the body.
    package var leaves: [Leaf]
    /// The state of the process that it shows.
    package var state: ProcessState
}

/// Reads bodies, and keeps the shapes of the last few.
package struct BodyReader: Sendable {
    /// Of that many shapes the latest are kept: scrapes of a target nearly always share one or two.
    private static let shapesMax = 8

    /// The shapes, the latest first.
    private var shapes: [Shape] = []
    /// Kept for its buffers, which are large enough after the first body.
    private var document = ScannedDocument()

    /// A reader that has seen nothing.
    package init() {}

    /// What `body` says; nil where it is no document.
    package mutating func read(_ body: [UInt8]) -> BodyReading? {
        // A body that is no document was stored as a failed scrape, so this is for a file made by other hands.
        guard (try? document.scan(body)) != nil, let shape = shape(of: document.skeleton) else { return nil }
        let state = ProcessState(shape: shape, document: document, body: body)
        return BodyReading(shape: shape, leaves: document.leaves, state: state)
    }

    private mutating func shape(of skeleton: [UInt8]) -> Shape? {
        if let index = shapes.firstIndex(where: { $0.skeleton == skeleton }) {
            if index > 0 { shapes.insert(shapes.remove(at: index), at: 0) }
            return shapes[0]
        }
        // As above: a skeleton that a scan has just made is one.
        guard let shape = try? Shape(skeleton: skeleton) else { return nil }
        if shapes.count == BodyReader.shapesMax { shapes.removeLast() }
        shapes.insert(shape, at: 0)
        return shape
    }
}
