import ArgumentParser
import Model
import Query
import Storage

/// `expvault rate`: by how much counters rose, and how fast.
struct RateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rate",
        abstract: "By how much counters rose and how fast, true across restarts of the target.",
        discussion: """
            EXAMPLES
              expvault rate memstats.TotalAlloc --since 1h
                  bytes allocated a second
              expvault rate 'requests.*' --target api --step 5m
                  every key of a map, in steps
              expvault rate memstats.NumGC --format json
                  for a script

            SERIES is a name or a glob (only * is special; quote it for the shell). Nothing is extrapolated: covered_s says \
            how much of the range pairs of scrapes cover.
            """
    )

    @Argument(help: ArgumentHelp("Names or globs of counters.", valueName: "series"))
    var series: [String]
    @Option(
        help: ArgumentHelp(
            "Scrapes of different runs further apart than this are a gap.",
            valueName: "duration"
        )
    )
    var gap: DurationArgument?
    @OptionGroup var step: StepOptions
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let snapshot = try database.snapshot()
        let engine = QueryEngine(snapshot)
        let answers = try engine.rate(
            series,
            targets: targets.names,
            range: range.range(in: snapshot),
            step: step.grid,
            gapMilliseconds: gap?.milliseconds ?? QueryEngine.gapDefault
        )
        let printer = AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: ["target", "series", "unit"],
            heading: { ["unit", "from", "to"].contains($0) ? nil : $0 == "covered_s" ? "covered" : $0 },
            emptyNote: "nothing recorded matches"
        )
        try printer.print(answers.map(entry))
        try DoubtText.tell(engine.doubts(targets.names), about: answers.map(\.target))
        DoubtText.tell(snapshot.unlistedNames)
    }

    private func entry(_ answer: RateAnswer) -> AnswerEntry {
        AnswerEntry(
            record: Record([
                ("target", .text(answer.target)),
                ("series", .text(answer.series)),
                ("unit", .optional(answer.unit?.rawValue)),
                ("from", .time(answer.from)),
                ("to", .time(answer.to)),
                ("increase", .number(answer.increase, answer.unit)),
                ("rate", answer.rate.map { .perSecond($0, answer.unit) } ?? .missing),
                ("resets", .integer(Int128(answer.resets))),
                ("covered_s", .real(answer.coveredSeconds, .seconds)),
            ]),
            points: answer.points?.map { point in
                Record([
                    ("t", .time(point.start)),
                    ("increase", .number(point.increase, answer.unit)),
                    ("rate", point.rate.map { .perSecond($0, answer.unit) } ?? .missing),
                    ("covered_s", .real(point.coveredSeconds, .seconds)),
                ])
            },
            course: answer.points?.map(\.rate) ?? []
        )
    }
}
