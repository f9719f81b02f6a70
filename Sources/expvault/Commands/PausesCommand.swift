import ArgumentParser
import JSON
import Model
import Query

/// `expvault pauses`: exact percentiles of every garbage collection's pause.
struct PausesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pauses",
        abstract: "Garbage collections and the exact percentiles of their pauses.",
        discussion: """
            EXAMPLES
              expvault pauses --since 1h
                  every pause of the last hour
              expvault pauses --percentile 99,99.99 --step 1m
                  the tail, minute by minute

            Percentiles are nearest rank over the pauses that were seen; missed counts collections that left the runtime's \
            ring of 256 before a scrape could see them.
            """
    )

    @Option(help: ArgumentHelp("Percentiles to give, with commas between them.", valueName: "list"))
    var percentile = "50,90,99,99.9"
    @OptionGroup var step: StepOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let percentiles = try percentile.split(separator: ",", omittingEmptySubsequences: false)
            .map { try DecimalPercentile(String($0)) }
        let snapshot = try database.snapshot()
        let engine = QueryEngine(snapshot)
        let answers = try engine.pauses(
            targets: targets.names,
            range: range.range(in: snapshot),
            percentiles: percentiles,
            step: step.grid
        )
        let printer = AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: ["target"],
            heading: heading,
            emptyNote: "nothing is recorded"
        )
        try printer.print(
            answers.map { answer in
                AnswerEntry(
                    record: Record(
                        [("target", .text(answer.target))]
                            + members(answer.summary, percentiles, unknownEnds: answer.unknownEnds)
                    ),
                    points: answer.points?.map { point in
                        Record([("t", .time(point.start))] + members(point.summary, percentiles))
                    },
                    course: answer.points?.map { $0.summary.maxNanoseconds.map(Double.init) } ?? []
                )
            }
        )
        try DoubtText.tell(engine.doubts(targets.names), about: answers.map(\.target))
    }

    private func heading(_ name: String) -> String? {
        switch name {
        case "total_ns": "paused"
        case "missed_ns": "missed pauses"
        default: name.hasSuffix("_ns") ? String(name.dropLast(3)) : name
        }
    }

    /// The members of a summary; percentiles are one JSON object, and a column each in tables and CSV.
    private func members(
        _ summary: PauseSummary,
        _ percentiles: [DecimalPercentile],
        unknownEnds: Int? = nil
    ) -> [(String, Cell)] {
        var numbers: [(String, Cell)] = [
            ("count", .integer(Int128(summary.count))),
            ("missed", .number(summary.missed)),
            ("total_ns", .number(summary.totalNanoseconds, .nanoseconds)),
            ("missed_ns", .number(summary.missedNanoseconds, .nanoseconds)),
            ("min_ns", .number(summary.minNanoseconds.map { Number($0) }, .nanoseconds)),
            ("max_ns", .number(summary.maxNanoseconds.map { Number($0) }, .nanoseconds)),
            ("mean_ns", .optional(summary.meanNanoseconds, .nanoseconds)),
        ]
        if let unknownEnds { numbers.insert(("unknown_ends", .integer(Int128(unknownEnds))), at: 2) }
        let values = zip(percentiles.map(\.text), summary.percentiles)
        if format.format == .json {
            let object = Cell.nested("") { json in
                json.beginObject()
                for (name, value) in values {
                    json.key(name)
                    if let value { json.integer(value) } else { json.null() }
                }
                json.endObject()
            }
            return numbers + [("percentiles", object)]
        }
        return numbers + values.map { ("p" + $0, .number($1.map { Number($0) }, .nanoseconds)) }
    }
}
