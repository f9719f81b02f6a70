/// Names that nothing uses: declared in Sources, and written nowhere else there.
enum DeadNames {
    /// What protocols of others ask for, and so is called by nobody of ours.
    static let asked: Set<String> = [
        // SwiftNIO's handlers.
        "InboundIn", "InboundOut", "OutboundIn", "OutboundOut", "channelActive", "channelInactive",
        "channelRead",
        "errorCaught", "handlerAdded", "handlerRemoved", "userInboundEventTriggered", "write", "read",
        "flush",
        "channelReadComplete",
        // The standard library's and swift-log's protocols.
        "unownedExecutor", "enqueue", "checkIsolated", "debugDescription", "description", "customMirror",
        "metadataProvider",
        // Values that are made of what they stand for alone: a name given to a flag, a number given to SQLite.
        "trace", "byBlock",
        // ArgumentParser's.
        "configuration", "defaultValueDescription", "validate", "run",
    ]

    /// Names that only tests use, for what they could not see otherwise; each with a reason.
    static let forTests: [String: String] = [
        "memStatsNumber": "the text of a number of memstats",
        "isOwned": "whether the gate for large bodies was let go of",
        "waitingCount": "how many wait at the gate for large bodies",
    ]

    /// The declarations of `files` whose name occurs only where it is declared.
    static func violations(in files: [SourceFile]) -> [Violation] {
        var uses: [String: Int] = [:]
        for file in files {
            for line in file.text.code {
                for word in Declarations.words(line) { uses[word, default: 0] += 1 }
            }
        }
        var declared: [String: [Violation]] = [:]
        for file in files {
            for (name, line) in Declarations.all(in: file) {
                declared[name, default: []].append(
                    Violation(path: file.path, line: line, message: "nothing uses `\(name)`")
                )
            }
        }
        return declared.filter { name, places in
            uses[name] == places.count && !asked.contains(name) && forTests[name] == nil
        }.values.flatMap(\.self).sorted { ($0.path, $0.line, $0.message) < ($1.path, $1.line, $1.message) }
    }
}
