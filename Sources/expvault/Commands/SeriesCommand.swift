import ArgumentParser
import JSON
import Model
import Query

/// `expvault series`: what there is to ask for.
struct SeriesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "series",
        abstract: "The series that are recorded: name, kind, unit, newest value.",
        discussion: """
            EXAMPLES
              expvault series
                  everything
              expvault series 'cache.*'
                  one of the program's own maps
              expvault series '*GC*' --format csv
            """
    )

    @Argument(help: ArgumentHelp("Names or globs; all series without one.", valueName: "glob"))
    var globs: [String] = []
    @OptionGroup var range: RangeOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let snapshot = try database.snapshot()
        let answers = try QueryEngine(snapshot).series(
            globs,
            targets: targets.names,
            range: range.range(in: snapshot)
        )
        let printer = AnswerPrinter(
            format: format.format,
            isRaw: format.terminal.isRaw,
            keys: [],
            heading: { $0 == "unit" ? nil : $0.replacingUnderscores },
            emptyNote: "nothing is recorded in that range"
        )
        try printer.print(
            answers.map { answer in
                AnswerEntry(
                    record: Record([
                        ("target", .text(answer.target)),
                        ("series", .text(answer.series)),
                        ("kind", .text(answer.kind.rawValue)),
                        ("unit", .optional(answer.unit?.rawValue)),
                        ("first_seen", .time(answer.firstSeen)),
                        ("last_seen", .time(answer.lastSeen)),
                        ("points", .integer(Int128(answer.points))),
                        ("value", newest(answer)),
                    ])
                )
            }
        )
    }

    /// A moment in nanoseconds is shown as a time in tables, and stays the number that it is elsewhere.
    private func newest(_ answer: SeriesAnswer) -> Cell {
        if format.format == .table, answer.kind == .time, case .integer(let nanoseconds) = answer.value,
            nanoseconds > 0
        {
            return .time(Timestamp(milliseconds: nanoseconds / 1_000_000))
        }
        if answer.points == 0 { return .nested("NaN") { $0.null() } }
        return .number(answer.value, answer.unit)
    }
}

extension String {
    /// A member's name as a heading.
    var replacingUnderscores: String { String(map { $0 == "_" ? " " : $0 }) }
}
