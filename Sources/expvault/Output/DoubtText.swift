import Model
import Query
import Storage

/// Says on standard error what is doubtful about an answer.
enum DoubtText {
    /// A line for each name that stood in no list of series: how many bodies had to be read for it.
    static func tell(_ names: [UnlistedName]) {
        for name in names {
            StandardStreams.errorLine(
                "expvault: note: \(Cell.text(name.target).human): no list of series has \(Cell.text(name.name).human); found in \(name.bodies) stored bodies, which were read for it; looking took \(HumanText.nanoseconds(name.elapsed / .nanoseconds(1)))"
            )
        }
    }

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
