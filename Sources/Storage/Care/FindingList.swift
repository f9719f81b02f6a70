/// Makes a list of findings one that a person reads: each thing once, each on one line that has an end.
enum FindingList {
    /// A longer finding is cut; SQLite's own may name hundreds of pages.
    static let charactersMax = 300

    /// The findings in their order, those that differ in numbers only as one: that of the first, with how many there
    /// are and what the last says.
    static func shortened(_ findings: [Finding]) -> [Finding] {
        var kinds: [String] = []
        var ofKind: [String: [String]] = [:]
        for finding in findings {
            let line = oneLine(finding.description)
            let kind = String(line.map { $0.isNumber ? "0" : $0 }).split(separator: "0").joined(
                separator: "0"
            )
            if ofKind[kind] == nil { kinds.append(kind) }
            guard ofKind[kind]?.contains(line) != true || ofKind[kind]?.count ?? 0 > comparedMax else {
                continue
            }
            ofKind[kind, default: []].append(line)
        }
        return kinds.prefix(IntegrityCheck.findingsMax).map { kind in
            let lines = ofKind[kind] ?? []
            guard lines.count > 1, let first = lines.first, let last = lines.last else {
                return Finding(description: lines.first ?? kind)
            }
            return Finding(description: "\(first) (\(lines.count) of this kind, the last: \(last))")
        }
    }

    /// Beyond so many of one kind they are counted without looking whether two say the same.
    private static let comparedMax = 1000

    private static func oneLine(_ words: String) -> String {
        let lines = words.split(whereSeparator: \.isNewline).filter { $0 != "*** in database main ***" }
        let line = lines.joined(separator: "; ")
        guard line.count > charactersMax else { return line }
        return line.prefix(charactersMax) + "…"
    }
}
