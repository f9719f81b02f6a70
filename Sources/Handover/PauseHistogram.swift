import Model
import Storage

/// The pauses of a target as a classic histogram, `go_gc_pause_seconds`, cumulative over the recording: a sample of each
/// bucket for each minute in which a collection ended.
struct PauseHistogram {
    static let name = "go_gc_pause_seconds"
    static let head = "# TYPE \(name) histogram\n# UNIT \(name) seconds\n"

    /// Upper ends in nanoseconds, included: 10 µs to 1 s in steps of 1, 2, 5.
    static let bounds: [(nanoseconds: UInt64, text: String)] = [
        (10_000, "1e-05"), (20_000, "2e-05"), (50_000, "5e-05"), (100_000, "0.0001"), (200_000, "0.0002"),
        (500_000, "0.0005"), (1_000_000, "0.001"), (2_000_000, "0.002"), (5_000_000, "0.005"),
        (10_000_000, "0.01"), (20_000_000, "0.02"), (50_000_000, "0.05"), (100_000_000, "0.1"),
        (200_000_000, "0.2"), (500_000_000, "0.5"), (1_000_000_000, "1.0"),
    ]
    /// So much is sorted at a time, in milliseconds: a day of ten collections a second takes 14 MB.
    private static let windowMilliseconds: Int64 = 86_400_000
    private static let minute: UInt64 = 60_000_000_000

    private let labels: String
    /// How many pauses lie in each bucket and none below it; the last has no end.
    private var counts = [UInt64](repeating: 0, count: PauseHistogram.bounds.count + 1)
    private var sum: UInt128 = 0
    private(set) var sampleCount: Int64 = 0

    /// A histogram of nothing, with those labels.
    init(labels: String) {
        self.labels = labels
    }

    /// Goes over the collections that ended in the range, and hands out text.
    mutating func run(
        _ vault: Vault,
        _ target: TargetRecord,
        _ range: TimeRange,
        _ write: ([UInt8]) throws -> Void
    ) throws {
        guard let span = try span(vault, target, range) else { return }
        var start: Int64? = nil
        var end = min(span.lowerBound, span.upperBound)
        while true {
            end = end.addingReportingOverflow(Self.windowMilliseconds).partialValue
            let isLast = end > span.upperBound
            let window = TimeRange(
                since: later(range.since, start.map { Timestamp(milliseconds: $0) }),
                until: isLast ? range.until : Timestamp(milliseconds: end)
            )
            try add(try collections(vault, target, window), write)
            if isLast { return }
            start = end
        }
    }

    /// From the first to the last scrape, within the range, in milliseconds; what ended outside lies in the outer windows.
    private func span(
        _ vault: Vault,
        _ target: TargetRecord,
        _ range: TimeRange
    ) throws -> ClosedRange<Int64>? {
        guard let first = target.first?.time.milliseconds, let last = target.last?.time.milliseconds else {
            return nil
        }
        let low = max(min(first, last), range.since?.milliseconds ?? .min)
        let high = min(max(first, last), range.until?.milliseconds ?? .max)
        return low <= high ? low...high : low...low
    }

    private func later(_ a: Timestamp?, _ b: Timestamp?) -> Timestamp? {
        guard let a, let b else { return a ?? b }
        return max(a, b)
    }

    private func collections(
        _ vault: Vault,
        _ target: TargetRecord,
        _ window: TimeRange
    ) throws -> [(end: UInt64, pause: UInt64)] {
        var found: [(end: UInt64, pause: UInt64)] = []
        let cursor = try vault.snapshot().pauses(
            of: target.id,
            endingIn: window,
            renewal: VaultSnapshot.ageMax
        )
        while let batch = try cursor.next() {
            guard case .columns(let columns) = batch else { continue }
            for (end, pause) in zip(columns.ends, columns.pauses) {
                found.append((UInt64(bitPattern: end), UInt64(bitPattern: pause)))
            }
        }
        return found.sorted { $0.end < $1.end }
    }

    private mutating func add(
        _ collections: [(end: UInt64, pause: UInt64)],
        _ write: ([UInt8]) throws -> Void
    ) throws {
        var index = 0
        while index < collections.count {
            let minute = collections[index].end / Self.minute
            while index < collections.count, collections[index].end / Self.minute == minute {
                add(collections[index].pause)
                index += 1
            }
            // Each minute's sample stands at its end, when all of its collections were over.
            let (next, isBeyond) = (minute + 1).multipliedReportingOverflow(by: Self.minute / 1_000_000)
            guard !isBeyond, let milliseconds = Int64(exactly: next) else { continue }
            try write(text(at: Timestamp(milliseconds: milliseconds)))
        }
    }

    private mutating func add(_ pause: UInt64) {
        let bucket = Self.bounds.firstIndex { pause <= $0.nanoseconds } ?? Self.bounds.count
        counts[bucket] += 1
        sum += UInt128(pause)
    }

    private mutating func text(at time: Timestamp) -> [UInt8] {
        var buffer: [UInt8] = []
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < Self.bounds.count ? Self.bounds[index].text : "+Inf"
            buffer += "\(Self.name)_bucket{\(labels),le=\"\(bound)\"} \(total)".utf8
            MetricText.appendTime(time, to: &buffer)
        }
        buffer += "\(Self.name)_count{\(labels)} \(total)".utf8
        MetricText.appendTime(time, to: &buffer)
        buffer += "\(Self.name)_sum{\(labels)} \((Double(sum) / 1e9).description)".utf8
        MetricText.appendTime(time, to: &buffer)
        sampleCount += Int64(counts.count) + 2
        return buffer
    }
}
