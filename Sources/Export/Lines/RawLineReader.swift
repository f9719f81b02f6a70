package import JSON
import Model
package import Storage

/// Why a line is no raw line.
package enum RawLineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is no JSON.
    case notJSON(JSONError)
    /// It is longer than `RawLineReader.lineBytesMax`.
    case tooLong
    /// It lacks what a scrape cannot do without.
    case missing(String)
    /// What stands under that key is not what belongs there.
    case invalid(key: String, rule: String)

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .notJSON(let error): "\(error)"
        case .tooLong: "longer than \(RawLineReader.lineBytesMax) bytes"
        case .missing(let key): "\"\(key)\" is missing"
        case .invalid(let key, let rule): "\"\(key)\": \(rule)"
        }
    }
}

/// Reads raw lines (see `RawLineWriter.swift` for their form); keys that are not known are passed over.
package struct RawLineReader: Sendable {
    /// The longest line: a body of 16 MiB, each byte of it escaped with six, and 1 MiB for the rest.
    package static let lineBytesMax = 6 * 16 * 1024 * 1024 + 1024 * 1024
    /// Times are taken from year 1 to year 9999, which is what RFC 3339 can write.
    private static let times: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// URLs by target, for lines that have none.
    private let urls: [String: String]
    private let keepsQuery: Bool
    private var scratch: [UInt8] = []
    /// The last body of each target, which the next one is like.
    private var followers: [String: JSONStringFollower] = [:]
    /// So many targets' bodies are remembered; each takes some 30 kB.
    private static let followersMax = 64

    /// A reader; `urls` supplies what lines lack (`--url NAME=URL`).
    ///
    /// The values of URLs' queries are hidden unless it `keepsQuery`.
    package init(urls: [String: String] = [:], keepsQuery: Bool = false) {
        self.keepsQuery = keepsQuery
        self.urls = urls.mapValues { RawLineReader.stored($0, keepsQuery: keepsQuery) }
    }

    private static func stored(_ url: String, keepsQuery: Bool) -> String {
        let url = URLText.withoutUser(url)
        return keepsQuery ? url : URLQuery.hidingValues(of: url)
    }

    /// What one line may hold, before it is put together.
    private struct Fields {
        var time: Timestamp?
        var target: String?
        var body: [UInt8]?
        var error: String?
        var url: String?
        var durationNanoseconds: Int64?
        var status: Int?
        var epoch: Int64?
        var labels: [String: String] = [:]
        var recorder: RecorderIdentity?
        var recordedName: String?
    }

    /// The scrape that `line` (without its newline) holds.
    package mutating func scrape(of line: [UInt8]) throws(RawLineError) -> ImportedScrape {
        let fields: Fields
        do {
            fields = try self.fields(of: line)
        } catch let error as RawLineError {
            throw error
        } catch let error as JSONError {
            throw .notJSON(error)
        } catch {
            preconditionFailure("BUG: reading a line threw \(error)")
        }
        guard let time = fields.time else { throw .missing("ts") }
        guard let target = fields.target else { throw .missing("target") }
        let outcome: ScrapeOutcome
        if let reason = fields.error {
            outcome = .failure(reason: reason, body: fields.body ?? [])
        } else if let body = fields.body {
            outcome = .document(body)
        } else {
            throw .missing("body")
        }
        var origin = Origin(url: fields.url ?? urls[target], labels: fields.labels)
        origin.recorder = fields.recorder
        origin.recordedName = fields.recordedName
        return ImportedScrape(
            target: target,
            epoch: fields.epoch,
            origin: origin,
            scrape: Scrape(
                time: time,
                durationNanoseconds: fields.durationNanoseconds,
                status: fields.status,
                outcome: outcome
            )
        )
    }

    private mutating func fields(of line: [UInt8]) throws -> Fields {
        var fields = Fields()
        var text = JSONText(line)
        try text.expect(UInt8(ascii: "{"))
        var isFirst = true
        while try text.hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
            let key = try string(&text)
            try text.expect(UInt8(ascii: ":"))
            try read(key, from: &text, into: &fields)
        }
        try text.end()
        return fields
    }

    /// Reads the value of that key; of duplicate keys the last one counts, and `null` as absent.
    private mutating func read(_ key: String, from text: inout JSONText, into fields: inout Fields) throws {
        if try text.peek() == UInt8(ascii: "n") { return try text.literal("null") }
        switch key {
        case "ts": fields.time = try time(&text)
        case "target": fields.target = try target(&text)
        case "body": fields.body = try body(of: fields.target ?? "", &text)
        case "body_base64":
            guard let body = Base64.bytes(of: try body(&text)) else {
                throw RawLineError.invalid(key: key, rule: "must be base64 with padding")
            }
            fields.body = body
        case "error": fields.error = try string(&text)
        case "url": fields.url = RawLineReader.stored(try string(&text), keepsQuery: keepsQuery)
        case "duration_ms": fields.durationNanoseconds = try duration(&text)
        case "status": fields.status = Int(try integer(key, 0...999, "must be an HTTP status", &text))
        case "epoch":
            fields.epoch = try integer(key, 0...Int64(Int32.max), "must be a whole number from 0 on", &text)
        case "labels": fields.labels = try texts(of: key, &text)
        case "recorder": try readRecorder(&text, into: &fields)
        default: try text.skipValue(depth: 1)
        }
    }

    private mutating func time(_ text: inout JSONText) throws -> Timestamp {
        let rule = "must be Unix milliseconds or RFC 3339, between the years 1 and 9999"
        if try text.peek() == UInt8(ascii: "\"") {
            guard let time = TimestampText.parse(try string(&text)),
                RawLineReader.times.contains(time.milliseconds)
            else { throw RawLineError.invalid(key: "ts", rule: rule) }
            return time
        }
        return Timestamp(milliseconds: try integer("ts", RawLineReader.times, rule, &text))
    }

    private mutating func target(_ text: inout JSONText) throws -> String {
        let name = try string(&text)
        guard TargetName.isValid(name) else {
            throw RawLineError.invalid(
                key: "target",
                rule: "must be 1 to \(TargetName.bytesMax) bytes without = and control characters"
            )
        }
        return name
    }

    private mutating func body(of target: String, _ text: inout JSONText) throws -> [UInt8] {
        if followers.count >= Self.followersMax, followers[target] == nil { followers.removeAll() }
        return try text.string(following: &followers[target, default: JSONStringFollower()])
    }

    private func body(_ text: inout JSONText) throws -> [UInt8] {
        var body: [UInt8] = []
        try text.string(into: &body)
        return body
    }

    private mutating func string(_ text: inout JSONText) throws -> String {
        scratch.removeAll(keepingCapacity: true)
        try text.string(into: &scratch)
        return String(decoding: scratch, as: UTF8.self)
    }

    private func number(_ text: inout JSONText) throws -> String {
        String(decoding: text.bytes[try text.number()], as: UTF8.self)
    }

    private func integer(
        _ key: String,
        _ range: ClosedRange<Int64>,
        _ rule: String,
        _ text: inout JSONText
    ) throws -> Int64 {
        guard let value = Int64(try number(&text)), range.contains(value) else {
            throw RawLineError.invalid(key: key, rule: rule)
        }
        return value
    }

    /// Milliseconds with up to six places, in nanoseconds.
    private func duration(_ text: inout JSONText) throws -> Int64 {
        guard let nanoseconds = RawLineReader.nanoseconds(ofMilliseconds: try number(&text)) else {
            throw RawLineError.invalid(
                key: "duration_ms",
                rule: "must be milliseconds, with up to six places"
            )
        }
        return nanoseconds
    }

    static func nanoseconds(ofMilliseconds text: String) -> Int64? {
        let parts = text.utf8.split(
            separator: UInt8(ascii: "."),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let places = parts.count == 2 ? String(parts[1]) ?? "" : ""
        guard let whole = String(parts[0]).flatMap({ Int64($0) }), whole >= 0,
            whole <= DurationText.millisecondsMax,
            places.utf8.count <= 6, parts.count == 1 || !places.isEmpty,
            let rest = Int64(places + String(repeating: "0", count: 6 - places.utf8.count)), rest >= 0
        else { return nil }
        // Bounded: DurationText.millisecondsMax.
        return whole * 1_000_000 + rest
    }

    private mutating func readRecorder(_ text: inout JSONText, into fields: inout Fields) throws {
        let texts = try texts(of: "recorder", &text)
        guard let id = texts["id"], let host = texts["host"], !id.isEmpty,
            max(id.utf8.count, host.utf8.count) <= RecorderIdentity.bytesMax,
            texts["target"].map(TargetName.isValid) ?? true
        else {
            throw RawLineError.invalid(
                key: "recorder",
                rule: "must have id and host, of at most \(RecorderIdentity.bytesMax) bytes"
            )
        }
        fields.recorder = RecorderIdentity(id: id, host: host)
        fields.recordedName = texts["target"]
    }

    private mutating func texts(of key: String, _ text: inout JSONText) throws -> [String: String] {
        var labels: [String: String] = [:]
        try text.expect(UInt8(ascii: "{"))
        var isFirst = true
        while try text.hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
            let name = try string(&text)
            try text.expect(UInt8(ascii: ":"))
            guard try text.peek() == UInt8(ascii: "\"") else {
                throw RawLineError.invalid(key: key, rule: "must be an object of texts")
            }
            labels[name] = try string(&text)
        }
        return labels
    }
}
