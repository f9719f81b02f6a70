package import Model
import Query
package import Storage

/// Writes samples as OpenMetrics text with timestamps, which `promtool tsdb create-blocks-from openmetrics` and
/// VictoriaMetrics' `/api/v1/import/prometheus` take.
///
///     # TYPE memstats_TotalAlloc_bytes counter
///     # UNIT memstats_TotalAlloc_bytes bytes
///     memstats_TotalAlloc_bytes_total{series="memstats.TotalAlloc",target="api",host="edge-7"} 90000 1767323045.678
///     …
///     # EOF
///
/// A family is written whole before the next begins, and a series whole within it, so that the recording is gone over once
/// for each series: the memory that this takes does not grow with it.
package struct OpenMetricsExport {
    /// What was written.
    package struct Summary: Hashable, Sendable {
        package var families = 0
        package var series = 0
        package var samples: Int64 = 0
        /// Samples that would go back in time: of before a clock was set back.
        package var leftOut: Int64 = 0
    }

    /// So much of a series is collected before it is written, in bytes.
    private static let pieceBytes = 64 * 1024

    /// What is called now and then.
    package typealias Progress = (Summary, _ family: String) -> Void

    private let vault: Vault
    private let range: TimeRange
    private let selectors: [String]
    private let targets: [TargetRecord]
    private let hosts: [TargetID: String]
    private let lastSeq: Int64
    private let write: ([UInt8]) throws -> Void
    private let progress: Progress
    private var summary = Summary()

    /// An export of the series that `selectors` match (all where empty) of these targets.
    package init(
        vault: Vault,
        selectors: [String],
        targets: [TargetRecord],
        range: TimeRange,
        progress: @escaping Progress = { _, _ in },
        write: @escaping ([UInt8]) throws -> Void
    ) throws {
        let snapshot = try vault.snapshot()
        self.vault = vault
        self.selectors = selectors
        self.targets = targets
        self.range = range
        self.progress = progress
        self.write = write
        lastSeq = snapshot.lastSeq
        hosts = Dictionary(
            targets.map { ($0.id, $0.origin.recorder?.host ?? snapshot.recordingHost) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Writes everything, the end of the text included.
    ///
    /// - Throws: `StorageError`, `QueryError`, what `write` throws, and `CancellationError`.
    package mutating func run() throws -> Summary {
        for (name, members) in try families().sorted(by: { $0.key < $1.key }) {
            try Task.checkCancellation()
            progress(summary, name.family)
            try writeFamily(name, members)
        }
        try writePauses()
        try write(Array("# EOF\n".utf8))
        progress(summary, "")
        return summary
    }

    private func families() throws -> [MetricName: [SampleSeries]] {
        guard !targets.isEmpty else { return [:] }
        let series = try QueryEngine(vault.snapshot()).sampleSeries(
            selectors,
            targets: targets.map(\.name),
            range: range,
            showsKinds: true
        )
        return Dictionary(grouping: series) { MetricName(SampleName(path: $0.name, unit: $0.unit)) }
    }

    // MARK: Families

    private mutating func writeFamily(_ name: MetricName, _ members: [SampleSeries]) throws {
        // One type a family; where targets differ nobody can tell.
        let types = Set(members.map { $0.kind == .counter ? "counter" : "gauge" })
        let type = types.count == 1 ? types.first ?? "unknown" : "unknown"
        var head = "# TYPE \(name.family) \(type)\n"
        if !name.unit.isEmpty { head += "# UNIT \(name.family) \(name.unit)\n" }
        try write(Array(head.utf8))
        summary.families += 1
        let sample = type == "counter" ? name.family + "_total" : name.family
        for series in members {
            guard let target = targets.first(where: { $0.name == series.target }) else { continue }
            let labels = MetricLabels.text(series: series.name, target: names(of: target))
            let written = try writeSeries(series, of: target, opening: "\(sample){\(labels)} ")
            if written { summary.series += 1 }
        }
    }

    private func names(of target: TargetRecord) -> TargetNames {
        TargetNames(name: target.name, host: hosts[target.id] ?? "", labels: target.origin.labels)
    }

    private mutating func writeSeries(
        _ series: SampleSeries,
        of target: TargetRecord,
        opening: String
    ) throws -> Bool {
        let opening = Array(opening.utf8)
        var order = AscendingTimes(target)
        var buffer: [UInt8] = []
        var count: Int64 = 0
        let write = write
        // A snapshot of its own: what one series takes is long enough.
        try QueryEngine(vault.snapshot()).forEachSample(of: [series], in: range, upToSeq: lastSeq) {
            _,
            position,
            value in
            guard order.takes(position) else { return }
            count += 1
            buffer += opening
            buffer += MetricText.number(value).utf8
            MetricText.appendTime(position.time, to: &buffer)
            if buffer.count >= Self.pieceBytes {
                try write(buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try write(buffer)
        summary.samples += count
        summary.leftOut += order.leftOut
        return count > 0
    }

    // MARK: Pauses

    private mutating func writePauses() throws {
        guard selectors.isEmpty else { return }
        var hasHead = false
        for target in targets {
            try Task.checkCancellation()
            var histogram = PauseHistogram(labels: MetricLabels.text(series: nil, target: names(of: target)))
            try histogram.run(vault, target, range) { text in
                if !hasHead {
                    hasHead = true
                    try write(Array(PauseHistogram.head.utf8))
                    summary.families += 1
                }
                try write(text)
            }
            summary.samples += histogram.sampleCount
        }
    }
}

/// Lets through what does not go back in time: of samples from before a clock was set back those that are older than all after
/// it.
struct AscendingTimes {
    /// Epochs with the time at which each began, ascending.
    private let epochs: [(epoch: Int64, begins: Timestamp)]
    private var last: Timestamp?
    /// How many were not let through.
    private(set) var leftOut: Int64 = 0

    init(_ target: TargetRecord) {
        epochs = target.clockSteps.map { ($0.after.epoch, $0.after.time) }
    }

    /// Whether the sample is let through; in the order of positions.
    mutating func takes(_ position: ScrapePosition) -> Bool {
        let isOvertaken = epochs.contains { $0.epoch > position.epoch && $0.begins <= position.time }
        guard !isOvertaken, last.map({ $0 < position.time }) ?? true else {
            leftOut += 1
            return false
        }
        last = position.time
        return true
    }
}

/// Numbers and times as OpenMetrics spells them.
enum MetricText {
    /// Integers exactly, doubles as the shortest text that is read back as the same.
    static func number(_ value: Number) -> String {
        switch value {
        case .integer(let value): String(value)
        case .unsigned(let value): String(value)
        case .real(let value): value.description
        }
    }

    /// ` 1767323045.678` and the end of the line: seconds.
    static func appendTime(_ time: Timestamp, to buffer: inout [UInt8]) {
        let milliseconds = time.milliseconds
        let magnitude = milliseconds.magnitude
        buffer += (milliseconds < 0 ? " -" : " ").utf8
        buffer += String(magnitude / 1_000).utf8
        let rest = String(magnitude % 1_000)
        buffer += ".".utf8
        buffer += String(repeating: "0", count: 3 - rest.count).utf8
        buffer += rest.utf8
        buffer.append(UInt8(ascii: "\n"))
    }
}
