import Discovery
import JSON
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How what was found on this host is written.
enum DiscoveryText {
    /// Ports that are listed; the rest is a number.
    private static let portsMax = 20

    /// A line of the list.
    static func record(_ finding: Finding, _ recorded: RecordedPlaces) -> Record {
        let isRecorded = recorded.contains(finding.url)
        return Record([
            ("pid", .integer(Int128(finding.process))),
            ("program", .text(finding.program)),
            ("go", .optional(finding.goVersion)),
            ("url", .text(finding.url)),
            ("answer", .text(finding.answer)),
            ("recorded", .nested(isRecorded ? "yes" : "no") { $0.boolean(isRecorded) }),
        ])
    }

    /// `targets` of a configuration file.
    static func yaml(_ targets: [DiscoveredNames.Target]) -> String {
        guard !targets.isEmpty else { return "targets: []\n" }
        return "targets:\n"
            + targets.map { "  - name: \(quoted($0.name))\n    url: \(quoted($0.url))\n" }.joined()
    }

    /// A JSON text is one of YAML, too.
    private static func quoted(_ text: String) -> String {
        var json = JSONWriter()
        json.string(text)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// Words for the command line of `record`, one a line; what a shell would take apart is quoted.
    static func arguments(_ targets: [DiscoveredNames.Target]) -> String {
        targets.map { shellWord("\($0.name)=\($0.url)") + "\n" }.joined()
    }

    private static func shellWord(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_=:/.,@%+[]".utf8.contains(byte)
            }
        }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }

    /// What could not be found out, a sentence each.
    static func notes(_ discovery: Discovery) -> [String] {
        var notes: [String] = []
        if let words = hidden(discovery) { notes.append(words) }
        if discovery.leftOutCount > 0 {
            notes.append(
                "\(discovery.leftOutCount) more sockets of Go programs were not asked; \(Discovery.socketsMax) are the most"
            )
        }
        return notes
    }

    /// Whose processes may not be looked at; nil where there are none.
    private static func hidden(_ discovery: Discovery) -> String? {
        let (ports, sockets) = (discovery.hiddenPorts, discovery.hiddenSocketCount)
        var parts: [String] = []
        if !ports.isEmpty {
            let more = ports.count > portsMax ? " and \(ports.count - portsMax) more" : ""
            let list = ports.prefix(portsMax).map(String.init).joined(separator: ", ")
            parts.append("\(ports.count) port\(ports.count == 1 ? "" : "s") (\(list)\(more))")
        }
        if sockets > 0 { parts.append("\(sockets) Unix socket\(sockets == 1 ? "" : "s")") }
        guard !parts.isEmpty else { return nil }
        return "the processes behind \(parts.joined(separator: " and ")) may not be looked at; "
            + (geteuid() == 0 ? "they are in another container, perhaps" : "root may (CAP_SYS_PTRACE)")
    }
}
