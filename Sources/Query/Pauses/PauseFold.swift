import Model
import Storage

/// Deals the collections of a range to their steps as they are read, and chooses those that are shown.
///
/// One pass over them, each chunk's while it is in the processor's cache.
struct PauseFold {
    private let span: StepSpan?
    /// By step, those of no step at last; one where there are no steps.
    private var slices: [PauseSlice]
    /// Nil where none are shown.
    private(set) var thinning: CollectionThinning?

    /// Collections in the steps of `span`, or all together where there are none.
    init(_ span: StepSpan?, _ thinning: CollectionThinning? = nil) {
        self.span = span
        self.thinning = thinning
        slices = Array(repeating: PauseSlice(), count: span.map { $0.count + 1 } ?? 1)
    }

    /// Whether digests will do: where each step, and each stretch of which some are shown, holds whole lists and hours.
    var takesDigests: Bool {
        let list = Int64(PauseDigest.hoursPerList * PauseDigest.hourNanoseconds / 1_000_000)
        return span.map { $0.step % list == 0 } ?? true && thinning?.isHourly ?? true
    }

    /// Adds collections, in any order; quickest where ends ascend.
    mutating func add(_ batch: PauseBatch) {
        switch batch {
        case .columns(let columns):
            add(columns)
        case .digest(let digest):
            digest.forEachList { start, pauses in slices[step(of: start).index].append(pauses) }
            thinning?.add(digest)
        }
    }

    private mutating func add(_ columns: PauseColumns) {
        columns.ends.withUnsafeBufferPointer { ends in
            columns.pauses.withUnsafeBufferPointer { pauses in
                var next = 0
                while next < ends.count {
                    let end = UInt64(bitPattern: ends[next])
                    let step = step(of: end)
                    let stretch = thinning?.stretch(of: end)
                    // Those that follow in the same step and stretch.
                    let bounds = stretch.map { $0.bounds.clamped(to: step.bounds) } ?? step.bounds
                    var after = next + 1
                    while after < ends.count, bounds.contains(UInt64(bitPattern: ends[after])) { after += 1 }
                    let found = UnsafeBufferPointer(rebasing: pauses[next..<after])
                    slices[step.index].append(found)
                    if let stretch {
                        thinning?.add(
                            UnsafeBufferPointer(rebasing: ends[next..<after]),
                            found,
                            to: stretch.index
                        )
                    }
                    next = after
                }
            }
        }
    }

    /// The step that holds a moment in Unix nanoseconds, and its first and last nanosecond.
    private func step(of end: UInt64) -> (index: Int, bounds: ClosedRange<UInt64>) {
        guard let span else { return (0, 0...UInt64.max) }
        // Whole milliseconds suffice: steps begin with one.
        guard let step = span.index(of: Int64(end / 1_000_000)) else { return (span.count, end...end) }
        let start = Int128(span.start(of: step)) * 1_000_000
        return (step, UInt64(clamping: start)...UInt64(clamping: start + Int128(span.step) * 1_000_000 - 1))
    }

    /// The pauses, a slice for each step, and one more.
    consuming func sorted() -> SortedPauses { SortedPauses(slices) }
}
