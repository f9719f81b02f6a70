import Query

/// Says on standard error what is doubtful about an answer.
enum DoubtText {
    /// A line for each doubt about one of those targets.
    static func tell(_ doubts: [TargetDoubt], about targets: [String]) {
        let names = Set(targets)
        for doubt in doubts where names.contains(doubt.target) {
            StandardStreams.errorLine(
                "expvault: note: \(Cell.text(doubt.target).human): \(Cell.text(doubt.words).human)"
            )
        }
    }
}
