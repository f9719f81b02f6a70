/// What a report leaves out, to be told at its head: nobody should take what is not there for what was not recorded.
struct ReportCuts {
    /// Targets without charts.
    private var charts: [String] = []
    /// Targets without numbers.
    private var numbers: [String] = []
    /// Of a target's own variables so many of so many have a chart.
    private var variables: [(target: String, kept: Int, of: Int)] = []
    /// Of a target's series so many of so many are in the tables.
    private var series: [(target: String, kept: Int, of: Int)] = []

    mutating func leaveOutCharts(of target: String) { charts.append(target) }

    mutating func leaveOutNumbers(of target: String) { numbers.append(target) }

    mutating func charted(_ kept: Int, of count: Int, variablesOf target: String) {
        if kept < count { variables.append((target, kept, count)) }
    }

    mutating func listed(_ kept: Int, of count: Int, seriesOf target: String) {
        if kept < count { series.append((target, kept, count)) }
    }

    /// A sentence for each kind of thing; none where all is there.
    var sentences: [String] {
        var sentences: [String] = []
        func tell(_ parts: [String], _ words: String) {
            guard !parts.isEmpty else { return }
            let rest = parts.count - ReportLimits.namedMax
            let named = parts.prefix(ReportLimits.namedMax).joined(separator: ", ")
            sentences.append(words + named + (rest > 0 ? ", and \(rest) more targets." : "."))
        }
        tell(charts, "No charts, for want of room: ")
        tell(numbers, "No numbers, for want of room: ")
        tell(
            variables.map { "\($0.target) (\($0.kept) of \($0.of))" },
            "Not all of the program's own variables have charts, those have that changed most: "
        )
        tell(series.map { "\($0.target) (\($0.kept) of \($0.of))" }, "Not all series are in the tables: ")
        guard !sentences.isEmpty else { return [] }
        return sentences + [
            "A report of fewer targets (--target) or of a shorter range has more; `expvault capture` keeps all."
        ]
    }
}
