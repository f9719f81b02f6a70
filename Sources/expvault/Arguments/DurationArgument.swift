import ArgumentParser
import Model

/// A duration above nothing: `500ms`, `10s`, `30d`.
struct DurationArgument: ExpressibleByArgument {
    /// Its length in milliseconds, from 1.
    let milliseconds: Int64

    init?(argument: String) {
        guard let milliseconds = DurationText.milliseconds(argument), milliseconds > 0 else { return nil }
        self.milliseconds = milliseconds
    }
}
