/// The time that pairs of samples cover: a union of spans, so that what two runs cover together counts once.
///
/// Spans come nearly in order of their ends. Those that touch the last one are merged at once, so that memory
/// grows with the number of gaps and not of pairs.
struct CoveredTime {
    /// In order of arrival; may overlap.
    private var spans: [(start: Int64, end: Int64)] = []

    /// Adds `[start, end)`; `start` is before `end`.
    mutating func add(_ start: Int64, _ end: Int64) {
        if let last = spans.last, last.start <= start, start <= last.end {
            spans[spans.count - 1].end = max(last.end, end)
        } else {
            spans.append((start, end))
        }
    }

    /// The union as spans that neither overlap nor touch, ascending.
    var union: [(start: Int64, end: Int64)] {
        var union: [(start: Int64, end: Int64)] = []
        for span in spans.sorted(by: { $0.start < $1.start }) {
            if let last = union.last, span.start <= last.end {
                union[union.count - 1].end = max(last.end, span.end)
            } else {
                union.append(span)
            }
        }
        return union
    }

    /// The length of the union, in milliseconds.
    var milliseconds: Int64 {
        union.reduce(0) { $0 &+ ($1.end &- $1.start) }
    }

    /// How much of each step the union covers, in milliseconds.
    func milliseconds(in span: StepSpan) -> [Int64] {
        var covered = [Int64](repeating: 0, count: span.count)
        for (start, end) in union {
            guard let first = span.index(of: max(start, span.start)) else { continue }
            for index in first..<span.count {
                let stepStart = span.start(of: index)
                guard stepStart < end else { break }
                covered[index] += min(end, stepStart &+ span.step) - max(start, stepStart)
            }
        }
        return covered
    }
}
