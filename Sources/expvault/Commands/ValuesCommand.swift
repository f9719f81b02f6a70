import ArgumentParser
import Model
import Query
import Storage

/// `expvault values`: least, greatest and mean of gauges, or of any series.
struct ValuesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "values",
        abstract: "The least, greatest, mean, first and last value of series.",
        discussion: """
            EXAMPLES
              expvault values 'memstats.Heap*' --since 6h
                  the heap at a glance
              expvault values memstats.HeapInuse --step 10m
                  its course
              expvault values up scrape.duration_seconds
                  the scrapes themselves
            """
    )

    @Argument(help: ArgumentHelp("Names or globs of series.", valueName: "series"))
    var series: [String]
    @OptionGroup var step: StepOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let snapshot = try database.snapshot()
        let answers = try QueryEngine(snapshot).values(
            series,
            targets: targets.names,
            range: range.range(in: snapshot),
            step: step.grid
        )
        let printer = AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: ["target", "series", "unit"],
            heading: { $0 == "unit" ? nil : $0 },
            emptyNote: "nothing recorded matches"
        )
        try printer.print(answers.map(entry))
        DoubtText.tell(snapshot.unlistedNames)
    }

    private func entry(_ answer: ValuesAnswer) -> AnswerEntry {
        AnswerEntry(
            record: Record([
                ("target", .text(answer.target)),
                ("series", .text(answer.series)),
                ("unit", .optional(answer.unit?.rawValue)),
                ("count", .integer(Int128(answer.count))),
                ("min", .number(answer.min, answer.unit)),
                ("max", .number(answer.max, answer.unit)),
                ("mean", .optional(answer.mean, answer.unit)),
                ("first", .number(answer.first, answer.unit)),
                ("last", .number(answer.last, answer.unit)),
            ]),
            points: answer.points?.map { point in
                Record([
                    ("t", .time(point.start)),
                    ("count", .integer(Int128(point.count))),
                    ("min", .number(point.min, answer.unit)),
                    ("max", .number(point.max, answer.unit)),
                    ("mean", .optional(point.mean, answer.unit)),
                    ("last", .number(point.last, answer.unit)),
                ])
            },
            course: answer.points?.map { $0.max?.double } ?? []
        )
    }
}
