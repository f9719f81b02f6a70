import JSON

/// What is known of the mapping that a stream's documents meet, until the stream writes to another index.
///
/// Two things are known: what the index mapped when it was asked, and what it refused since. The one decides wherever it can
/// tell; the other holds for values of the kind that was refused (`ValueKind`), so that one refusal is enough for all
/// documents to come, and what fits there still goes.
package struct StreamMapping: Sendable {
    /// Of more refusals nothing is remembered: then each document costs one of its own.
    static let refusedMax = 10_000

    private struct Refused: Hashable {
        var path: String
        var kind: ValueKind
    }

    /// The index that all of this is about; nil where nobody knows its name yet.
    private(set) var index: String?
    /// What it maps; nil until it was asked, and where we may not see it.
    private(set) var fields: MappedFields?
    /// When it was asked, in milliseconds of the machine's clock.
    private(set) var askedAt: Int64?
    /// Rises with everything that is learned.
    private(set) var version = 0

    /// Whether anything was refused: only then documents are looked through before they are sent.
    private(set) var isRestrictive = false
    private var refused: [Refused: String] = [:]
    /// What the server said when there was no room for another field.
    private var limitReason: String?
    /// Whether a full index has no room even for the fields that tell what was left out.
    private(set) var lacksRoomForNote = false
    /// How many levels there may be, and what the server said of more.
    private var depth: (max: Int, reason: String)?

    /// Knows nothing.
    package init() {}

    /// Forgets what was known of another index than the one that is written to.
    mutating func writes(to index: String?) {
        guard let index, index != self.index else { return }
        if self.index != nil { self = StreamMapping(version: version + 1) }
        self.index = index
    }

    private init(version: Int) {
        self.version = version
    }

    /// Takes what the index maps; nil where we may not see it.
    mutating func asked(_ fields: MappedFields?, now: Int64) {
        self.fields = fields
        askedAt = now
        version += 1
    }

    /// Learns from a refusal what is not about a value, but about the whole document: that an index is full.
    mutating func learnLimits(_ reason: RefusalReason, text: String) {
        if !isRestrictive {
            isRestrictive = true
            version += 1
        }
        if reason.isLimitOfFields, limitReason == nil {
            limitReason = text
            version += 1
        } else if let max = reason.depthMax, depth.map({ $0.max > max }) ?? true {
            depth = (max, text)
            version += 1
        }
    }

    /// Learns that what was left out cannot be told in the document.
    mutating func learnNoRoomForNote() {
        guard !lacksRoomForNote else { return }
        lacksRoomForNote = true
        version += 1
    }

    /// Learns that no value of one of these kinds is taken there; whether that was new.
    mutating func learn(_ path: String, _ kinds: Set<ValueKind>, reason: String) -> Bool {
        var isNew = false
        for kind in kinds where refused.count < Self.refusedMax {
            if refused.updateValue(reason, forKey: Refused(path: path, kind: kind)) == nil { isNew = true }
        }
        if isNew { version += 1 }
        return isNew
    }

    // MARK: Objections

    /// Why an object may not stand at that path; nil where it may.
    func objection(toObjectAt path: String) -> String? {
        if let reason = refused[Refused(path: path, kind: .object)] { return reason }
        if let depth, path.utf8.count(where: { $0 == UInt8(ascii: ".") }) + 2 > depth.max {
            return depth.reason
        }
        if let type = fields?.type(of: path) { return "\(path) is mapped as \(type), and takes no object" }
        return objectionToNew(path)
    }

    /// Why a text, number or boolean may not stand there.
    func objection(to value: JSONValue, at path: String) -> String? {
        switch fields?.fit(value, at: path) {
        case .yes: return nil
        case .no:
            return fields?.type(of: path).map { "\(path) is mapped as \($0), and takes no such value" }
                ?? "\(path) is mapped as an object, and takes no value"
        case .unknown, nil: return objection(to: ValueKind(value), at: path) ?? objectionToNew(path)
        }
    }

    /// Why nothing of that kind may.
    func objection(to kind: ValueKind, at path: String) -> String? {
        refused[Refused(path: path, kind: kind)]
    }

    /// Where there is no room for another name, or none that anybody could tell.
    private func objectionToNew(_ path: String) -> String? {
        guard let limitReason, fields?[path] == nil, !isUnder(path) else { return nil }
        return limitReason
    }

    /// Whether a path lies in an object that is not looked into.
    private func isUnder(_ path: String) -> Bool {
        guard let fields else { return false }
        var end = path.endIndex
        while let dot = path[..<end].lastIndex(of: ".") {
            if fields[String(path[..<dot])] == .anything { return true }
            end = dot
        }
        return false
    }
}
