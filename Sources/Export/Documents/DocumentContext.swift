import Model

/// The two documents that a scrape makes, each with a data stream of its own.
package enum DocumentKind: String, CaseIterable, Hashable, Sendable {
    /// `logs-golang.heap-*`.
    case heap
    /// `logs-golang.expvar-*`.
    case expvar

    /// `data_stream.dataset` and `event.dataset`.
    package var dataset: String { "golang.\(rawValue)" }

    /// The data stream in that namespace, such as `logs-golang.heap-default`.
    package func stream(namespace: String) -> String { "logs-\(dataset)-\(namespace)" }

    /// The tag that names the dataset.
    var tag: String { "golang-\(rawValue)" }
}

/// What the documents of one export have in common.
package struct DocumentContext: Hashable, Sendable {
    /// `data_stream.namespace`.
    package var namespace: String
    /// `agent.id` of what the database recorded itself: its UUID.
    package var agentID: String
    /// `agent.name` of what the database recorded itself: the name of its host.
    package var agentName: String
    /// `agent.version`.
    package var agentVersion: String
    /// Whether `event.original` holds the body.
    package var preservesOriginal: Bool
    /// Whether `golang.heap.gc.pause.*` beyond `total` is there (`--pauses`).
    package var includesPauses: Bool
    /// Whether `golang.heap.gc.pause.histogram` is among them.
    package var includesHistogram: Bool
    /// Whether each pause is there as a value of `golang.heap.gc.pause.ns`.
    package var includesPauseValues: Bool
    /// Whether it is noted which numbers a `long` would cut.
    package var notesFractions: Bool
    /// Whether `message` holds the body instead of the fields made from it (`--via-pipeline`).
    package var isViaPipeline: Bool

    /// A context; the defaults are those of `export file`.
    package init(
        namespace: String = "default",
        agentID: String,
        agentName: String,
        agentVersion: String,
        preservesOriginal: Bool = false,
        includesPauses: Bool = true,
        includesHistogram: Bool = true,
        includesPauseValues: Bool = false,
        notesFractions: Bool = false,
        isViaPipeline: Bool = false
    ) {
        self.namespace = namespace
        self.agentID = agentID
        self.agentName = agentName
        self.agentVersion = agentVersion
        self.preservesOriginal = preservesOriginal
        self.includesPauses = includesPauses
        self.includesHistogram = includesHistogram
        self.includesPauseValues = includesPauseValues
        self.notesFractions = notesFractions
        self.isViaPipeline = isViaPipeline
    }

    /// Who recorded what came from there: another where it was imported.
    func recorder(of origin: Origin) -> RecorderIdentity {
        origin.recorder ?? RecorderIdentity(id: agentID, host: agentName)
    }
}
