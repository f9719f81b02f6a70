/// How much a report holds at most.
///
/// Whatever is recorded, the file stays below 25 MiB or so: browsers and mail take that. What is left out is told at
/// its head (`ReportCuts`).
package enum ReportLimits {
    /// Targets that get charts; all get their numbers.
    package static let chartedTargetsMax = 16
    /// Points of a line, where few targets are charted; more share what eight would have.
    package static let points = 480
    /// Steps of pauses and size classes.
    package static let coarsePoints = 160
    /// Variables of the program's own that can be charted, for each target.
    package static let variablesMax = 100
    /// The answers for charts have no more bytes: a variable or a target that would go beyond is left out.
    package static let answerBytesMax = 12 << 20
    /// Tables and the same numbers as JSON have no more bytes: a target that would go beyond is left out.
    package static let numbersBytesMax = 12 << 20
    /// Series in a table of numbers, for each target; failures, runs and gaps at most `DashboardLimits.listMax`.
    package static let seriesMax = 1000
    /// Their names together, for each target, in bytes: a name is written some five times, and may take six bytes for one.
    package static let nameBytesMax = 128 << 10
    /// A change of a series whose name is longer is not ranked.
    static let changeNameBytesMax = 1024
    /// Of a command line that many characters are shown.
    package static let commandLineMax = 2000
    /// Changes in each ranking.
    package static let changesMax = 60
    /// Targets that are named where something was left out; the others are counted.
    package static let namedMax = 10
}
