/// How far everything of one target is answered for: the cursor, and what stands in its way.
///
/// Invariant: `open` is ascending by `seq` from `first` on, without duplicates; each entry counts documents that were
/// handed out and not yet answered for.
struct AnsweredSeqs {
    /// A `seq` and how many of its documents are open.
    private struct Open {
        var seq: Int64
        var count: Int
    }

    private var open: [Open] = []
    /// Entries before this one are done; dropped in bulk, since taking one off the front moves all the others.
    private var first = 0
    /// Every document up to this `seq` was handed out.
    private(set) var frontier: Int64

    /// Starts where everything up to `cursor` is answered for.
    init(cursor: Int64) {
        frontier = cursor
    }

    /// Every document up to this `seq` is answered for.
    var cursor: Int64 {
        first < open.count ? min(frontier, open[first].seq - 1) : frontier
    }

    /// The source says that nothing up to `seq` is still to come.
    mutating func advanceFrontier(to seq: Int64) {
        frontier = max(frontier, seq)
    }

    /// A document of that scrape was handed out.
    mutating func opened(_ seq: Int64) {
        // Nearly always at the end: sources hand out in the order of `seq`, but for imports of old scrapes.
        var index = open.count
        while index > first, open[index - 1].seq > seq { index -= 1 }
        if index > first, open[index - 1].seq == seq {
            open[index - 1].count += 1
        } else {
            open.insert(Open(seq: seq, count: 1), at: index)
        }
    }

    /// A document of that scrape is answered for.
    mutating func answered(_ seq: Int64) {
        var low = first
        var high = open.count
        while low < high {
            let middle = (low + high) / 2
            if open[middle].seq < seq { low = middle + 1 } else { high = middle }
        }
        precondition(
            low < open.count && open[low].seq == seq && open[low].count > 0,
            "BUG: not an open document"
        )
        open[low].count -= 1
        while first < open.count, open[first].count == 0 { first += 1 }
        if first > 64, first * 2 > open.count {
            open.removeFirst(first)
            first = 0
        }
    }
}
