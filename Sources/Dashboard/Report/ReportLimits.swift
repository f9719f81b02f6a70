/// How much a report holds at most.
package enum ReportLimits {
    /// Targets that get charts; all get their numbers.
    package static let chartedTargetsMax = 16
    /// Points of a line, where few targets are charted; more share what eight would have.
    package static let points = 480
    /// Steps of pauses and size classes.
    package static let coarsePoints = 160
    /// Variables of the program's own that can be charted, for each target.
    package static let variablesMax = 100
    /// Once the answers for charts have so many bytes, no more variables go in, nor charts of further targets.
    package static let answerBytesMax = 12 << 20
    /// Series in a table of numbers, for each target; failures, runs and gaps at most `DashboardLimits.listMax`.
    package static let seriesMax = 1000
    /// Changes in each ranking.
    package static let changesMax = 60
}
