/// Tells, while scrapes are gone over by position, up to which `seq` nothing is still to come.
///
/// A recorder's scrapes have rising numbers; an import of old ones comes earlier by position and has higher numbers.
/// So a target's scrapes, by position, are a few ascending runs of numbers. A first pass over the records notes where
/// each run begins; in the second pass everything below the lowest beginning of the later runs is known to be done.
///
///     by position:  501 502 503 | 101 102 103 | 205 …      beginnings 501, 101, 205
///     after 503: nothing up to 100 is to come; after 102: up to 102; in the last run: up to what was seen
struct SeqRuns {
    /// More runs than this are not told apart: then nothing is known before the end.
    static let runsMax = 4_096

    private var beginnings: [Int64] = []
    private var last: Int64 = .min
    private(set) var count: Int64 = 0
    private var isOverfull = false

    // The second pass.
    private var lowestAfter: [Int64] = []
    private var run = -1
    private var seen: Int64 = .min

    /// Notes the next record of the first pass.
    mutating func note(_ seq: Int64) {
        count += 1
        if seq < last || beginnings.isEmpty {
            if beginnings.count < SeqRuns.runsMax { beginnings.append(seq) } else { isOverfull = true }
        }
        last = seq
    }

    /// Ends the first pass.
    mutating func finish() {
        var lowest: Int64 = .max
        lowestAfter = beginnings.map { _ in 0 }
        for index in beginnings.indices.reversed() {
            lowestAfter[index] = lowest
            lowest = min(lowest, beginnings[index])
        }
    }

    /// The `seq` up to which nothing more comes after this record of the second pass; nil while nobody knows.
    mutating func frontier(after seq: Int64) -> Int64? {
        guard !isOverfull, !lowestAfter.isEmpty else { return nil }
        // Records may have been pruned since the first pass: then a run may be missing here, and the bounds of the
        // earlier one are used, which are lower.
        if seq < seen || run < 0 { run = min(run + 1, lowestAfter.count - 1) }
        seen = seq
        let later = lowestAfter[run]
        return later == .max ? seq : min(seq, later - 1)
    }
}
