import Logging
import Model

/// Writes each log message as one whole line to standard error: `2026-01-02T03:04:05.678Z info: message`.
struct StandardErrorLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let extra = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        let fields = extra.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        StandardStreams.errorLine(
            "\(TimeArgument.wallClock()) \(event.level): " + EscapedText.escape("\(event.message)\(fields)")
        )
    }
}
