import Expvar
import Model

/// What the writer remembers of a target between scrapes; all of it can be read from the file again.
final class TargetState {
    /// The target's row.
    var row: TargetRow { didSet { isRowChanged = true } }
    /// Whether the row changed since it was stored.
    var isRowChanged = false
    /// The last scrape by position, failed ones included.
    var last: ScrapeClock.Last?
    /// The position of the last successful scrape.
    var lastSuccess: ScrapePosition?
    /// All its scrapes but those that wait.
    let history: TargetHistory
    /// Scrapes that wait, with their bodies, within a transaction: they follow all others, and may be sealed at once.
    var pending: [(row: ScrapeRow, body: TidyBody)] = []
    var pendingBytes = 0
    /// The place after its last clock step.
    var lastStep: ScrapePosition?
    /// Its remembered runs: which one the next scrape continues.
    var tracker = RunTracker()
    /// The rows of the remembered runs.
    var runs: [RunID: RunRow] = [:]
    /// Those of `runs` that changed since they were stored.
    var changedRuns: Set<RunID> = []
    /// From this position on, runs must be found anew: scrapes were put in between.
    var staleFrom: ScrapePosition?
    /// The origin of the last scrape, and its row.
    var origin: (value: Origin, id: Int64)?
    /// The endpoint of a row of `origins`, that of the last scrape.
    var endpoint: (origin: Int64, value: String?)?
    /// The last shape, which the next scrape nearly always has too, and further ones by `MemberOrder.hash`.
    var lastShape: (id: ShapeID, shape: Shape)?
    var shapes: [UInt64: [(id: ShapeID, shape: Shape)]] = [:]
    /// The shape that bodies were last tidied to, and for how many more scrapes the next is taken for one such.
    var tidying: (id: ShapeID, order: MemberOrder, scrapes: Int)?
    /// A body as it was served, while it is tidied: `document` follows tidy ones.
    var served = ScannedDocument()
    var registry = SeriesRegistry()
    /// The last body taken apart, which the next one nearly always differs from in some leaves only.
    var document = ScannedDocument()
    /// What the last scan of `document` showed, and which scan that was.
    var lastScan: (number: Int, state: ProcessState)?

    /// Whether it was told that parts of its bodies cannot be read.
    var isUnreadTold = false

    /// Shapes beyond this many, or with more leaves than this together, are read again when they are needed.
    private static let shapesMax = 16
    private static let shapeLeavesMax = 32_768

    init(row: TargetRow, history: TargetHistory) {
        self.row = row
        self.history = history
    }

    var id: TargetID { row.id }

    /// Keeps the shapes of that hash for the next scrapes.
    func remember(_ found: [(id: ShapeID, shape: Shape)], hash: UInt64) {
        shapes[hash] = nil
        let leaves = (Array(shapes.values.joined()) + found).reduce(0) { $0 + $1.shape.leafKinds.count }
        if shapes.count >= TargetState.shapesMax || leaves > TargetState.shapeLeavesMax { shapes.removeAll() }
        shapes[hash] = found
    }

    /// Forgets the rows of runs that the tracker has forgotten.
    func dropForgottenRuns() {
        // Only when there are twice as many: so that it costs next to nothing for each scrape.
        guard runs.count > 2 * RunTracker.runsMax else { return }
        runs = runs.filter { tracker.memory(of: $0.key) != nil || changedRuns.contains($0.key) }
    }
}
