import Model
import Storage

/// One sample as the next one of its series looks back at it.
struct CounterSample {
    var time: Int64
    var epoch: Int64
    /// How many clock steps lie before it.
    var steps: Int
    var run: RunID
    var value: Number
}

/// A row with what its place in the history says.
struct CounterRow {
    var time: Int64
    var epoch: Int64
    var steps: Int
    var run: RunID
    var shape: ShapeID
    var position: ScrapePosition
    /// Whether its run begins with it.
    var isRunFirst: Bool

    init(_ row: HistoryRow, steps: Int, span: RunSpan?) {
        time = row.position.time.milliseconds
        epoch = row.position.epoch
        self.steps = steps
        run = row.run
        shape = row.shape
        position = row.position
        isRunFirst = span?.first == row.position
    }

    func sample(_ value: Number) -> CounterSample {
        CounterSample(time: time, epoch: epoch, steps: steps, run: run, value: value)
    }
}

/// What the walk remembers of one run.
struct CounterRun {
    /// The latest row of the run.
    var last: CounterRow?
    /// By series: the latest sample of the run; nil where none was seen.
    var samples: [CounterSample?]
    /// Whether every row of the run so far was seen, so that a sample that was not seen is not there.
    var isComplete: Bool
    /// Whether the run's first row after the range was seen, too.
    var isClosed = false

    init(seriesCount: Int, isComplete: Bool) {
        samples = Array(repeating: nil, count: seriesCount)
        self.isComplete = isComplete
    }
}
