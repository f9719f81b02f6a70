import Export
import JSON
import Model
import Storage
import TestBasics
import TestSupport
import Testing

/// Services whose variables contradict one another, sent by the machine to the strict stand-in, without a network.
///
/// What is left out is put to the stream once more at the end, alone: a mapping only grows, so that what it takes then it
/// would have taken before.
@Suite("Whatever the variables are, the standard fields arrive")
struct LeavingOutTests {
    private static let stream = "logs-golang.expvar-default"
    private static let names = [
        "a", "a.b", "cache", "p", "p.q", "x]y[z", "ratio", "q'", "deep.er.still", "list",
    ]

    /// One history: documents, and how often the server refused one.
    private struct History {
        var chance: SeededGenerator
        var cluster: ElasticsearchCluster
        var documents: [ReplayDocument] = []
        var refusals = 0
        var summary = ReplaySummary()

        init(seed: UInt64) {
            chance = SeededGenerator(seed: seed)
            cluster = ElasticsearchCluster(version: chance.percent(50) ? (7, 10, 2) : (8, 15, 0))
            if chance.percent(40) { cluster.fieldsMax = 12 + chance.below(12) }
            let count = 1 + chance.below(40)
            for seq in 1...count { documents.append(document(Int64(seq))) }
        }

        private mutating func document(_ seq: Int64) -> ReplayDocument {
            var members: [String] = []
            var taken: Set<String> = []
            for name in LeavingOutTests.names where chance.percent(40) {
                // Names that collide within a document never leave us (`FieldNames`).
                guard taken.insert(String(name.prefix { $0 != "." })).inserted else { continue }
                members.append("\"\(name)\":\(value(depth: 0))")
            }
            let custom = members.isEmpty ? "" : ",\"custom\":{\(members.joined(separator: ","))}"
            let text =
                #"{"@timestamp":"2026-01-02T03:04:05.678Z","golang":{"expvar":{"stack":{"bytes":\#(seq)}\#(custom)}}}"#
            return ReplayDocument(
                id: "d\(seq)",
                seq: seq,
                target: TargetID(1),
                targetName: "t",
                time: Timestamp(milliseconds: seq),
                kind: .expvar,
                bytes: Array(text.utf8)
            )
        }

        private mutating func value(depth: Int) -> String {
            switch chance.below(depth > 2 ? 9 : 12) {
            case 0: "0"
            case 1: String(chance.below(1_000))
            case 2: "0.5"
            case 3: "18446744073709551615"
            case 4: "1e300"
            case 5: #""text""#
            case 6: #""12""#
            case 7: "true"
            case 8: #""[golang.expvar.custom.a] of type [long]. Preview of field's value: 'x'""#
            case 9: "[\(value(depth: 3)),\(value(depth: 3))]"
            case 10: #"[{"x":\#(value(depth: 3))}]"#
            default:
                #"{"hits":\#(value(depth: depth + 1)),"m.n":\#(value(depth: depth + 1))}"#
            }
        }

        /// Sends everything; whether the machine came to its end.
        mutating func run() -> Bool {
            var rules = ReplayMachine.Rules()
            rules.requestDocumentsMax = 1 + chance.below(8)
            rules.inFlightMax = 1 + chance.below(3)
            var position = ReplayPosition()
            position.cursors[TargetID(1)] = 0
            var now: Int64 = 0
            var machine = ReplayMachine(rules: rules, position: position, jitterSeed: 1, now: 0)
            var rest = documents[...]
            var answers: [ReplayMachine.Event] = []
            for _ in 0..<5_000 {
                while machine.wantsDocument, let document = rest.popFirst() {
                    machine.receive(.document(document))
                }
                if rest.isEmpty { machine.sourceExhausted() }
                for action in machine.next(now: now) {
                    switch action {
                    case .commit(let commit):
                        summary.refused += commit.rejected.count
                    case .finish:
                        summary = machine.summary
                        return true
                    case .sight:
                        machine.handle(.sighted(seq: 100, time: Timestamp(milliseconds: now)), now: now)
                    case .probe(let batch, _): answers.append(probed(batch))
                    case .map(let batch, let indices): answers.append(mapped(batch, indices))
                    case .lookUp(let batch, _, _):
                        answers.append(.found(batch: batch, ids: [], isWhole: true))
                    case .send(let batch, let documents): answers.append(sent(batch, documents))
                    }
                }
                now += 10
                guard !answers.isEmpty else {
                    now = max(now, machine.wakeAt ?? now)
                    continue
                }
                machine.handle(answers.remove(at: chance.below(answers.count)), now: now)
            }
            return false
        }

        private mutating func probed(_ batch: Int) -> ReplayMachine.Event {
            var states = PerStream(ReplayMachine.StreamState(writeIndex: .absent, indexCount: 0))
            if let name = cluster.writeIndex(of: LeavingOutTests.stream) {
                states.expvar = ReplayMachine.StreamState(writeIndex: .named(name), indexCount: 1)
            }
            return .probed(batch: batch, states)
        }

        private mutating func mapped(_ batch: Int, _ indices: [DocumentKind: String?]) -> ReplayMachine.Event
        {
            var mapped = PerStream<MappedFields?>(nil)
            for (kind, index) in indices {
                let name = index ?? kind.stream(namespace: "default")
                let uri = "/\(name)/_mapping?filter_path=\(MappedFields.filterPath)"
                let answer = cluster.answer(ElasticsearchRequest(method: "GET", uri: uri))
                if answer.status == 200 {
                    mapped[kind] = MappedFields(answer: try? JSONReader.value(of: answer.body))
                }
            }
            return .mapped(batch: batch, mapped)
        }

        private mutating func sent(_ batch: Int, _ documents: [ReplayDocument]) -> ReplayMachine.Event {
            let answer = cluster.answer(
                ElasticsearchRequest(
                    method: "POST",
                    uri: "/_bulk?pipeline=_none",
                    headers: ["content-type": "application/x-ndjson"],
                    body: BulkRequest.body(of: documents, namespace: "default")
                )
            )
            let clean = ServerText(secrets: []).clean
            let items = try? BulkResponse.items(
                of: answer.body,
                for: documents,
                namespace: "default",
                clean: clean
            )
            refusals += items?.count { $0.status == 400 } ?? 0
            return .answered(batch: batch, items ?? [])
        }
    }

    @Test(
        "every document arrives with all standard fields, and with every variable that the mapping can take"
    )
    func everyHistory() throws {
        var leftOut = 0
        for seed in 1...400 {
            var history = History(seed: UInt64(seed))
            guard history.run() else {
                Issue.record("seed \(seed): no end")
                return
            }
            let stored = history.cluster.documents(of: Self.stream)
            #expect(stored.count == history.documents.count, "seed \(seed)")
            #expect(history.summary.refused == 0, "seed \(seed)")
            leftOut += history.summary.leftOut
            let sources = Dictionary(uniqueKeysWithValues: stored.map { ($0.id, $0.source) })
            for document in history.documents {
                let got = try JSONReader.value(of: sources[document.id] ?? Array("{}".utf8))
                #expect(
                    got[path: ["golang", "expvar", "stack", "bytes"]]?.integer == document.seq,
                    "seed \(seed)"
                )
                // Of an index that is full new names are left out, though the one or other would have had room.
                guard history.cluster.fieldsMax == 1_000 else { continue }
                let complaint = try missing(of: document, in: got, history.cluster)
                // Of a few of these histories more is left out than must be: one refusal is taken for the whole.
                withKnownIssue("more is left out than must be", isIntermittent: true) {
                    #expect(
                        complaint == nil,
                        "seed \(seed), \(document.id): \(String(decoding: document.bytes, as: UTF8.self))"
                    )
                }
            }
            // What one document teaches, all profit from: by names and kinds, and not by documents.
            #expect(history.refusals <= 20 * history.documents.count, "seed \(seed)")
        }
        #expect(leftOut > 1_000)
    }

    /// A variable that is not there although the stream takes it; nil where there is none.
    private func missing(
        of document: ReplayDocument,
        in stored: JSONValue,
        _ cluster: ElasticsearchCluster
    ) throws -> String? {
        let path = ["golang", "expvar", "custom"]
        let sent = try JSONReader.value(of: document.bytes)[path: path]?.members ?? []
        for member in sent where stored[path: path]?[member.key] != member.value {
            // A part of an object may be there. Arrays of several kinds fit or not by what was mapped before them.
            if member.value.members != nil || member.value.elements != nil { continue }
            // What no new field can hold was refused then, though another document may have made it a text since.
            if member.value == .number("1e300") || member.value == .number("18446744073709551615") {
                continue
            }
            let alone = JSONValue.object([member])
            let golang = JSONValue.object([
                JSONMember(
                    key: "golang",
                    value: .object([
                        JSONMember(key: "expvar", value: .object([JSONMember(key: "custom", value: alone)]))
                    ])
                ), JSONMember(key: "@timestamp", value: .string("2026-01-02T03:04:05.678Z")),
            ])
            if cluster.refusal(of: golang, in: Self.stream) == nil {
                return "\(member.key) is left out, and would fit"
            }
        }
        return nil
    }

    @Test(
        "six conflicts in one document, and a thousand documents with them: some refusals, and not one a document"
    )
    func remembered() throws {
        var history = History(seed: 7)
        history.cluster.fieldsMax = 1_000
        let conflicts = (0..<6).map { "\"v\($0)\":{\"x\":1}" }.joined(separator: ",")
        let first = (0..<6).map { "\"v\($0)\":\($0)" }.joined(separator: ",")
        history.documents = (1...1_000).map { seq in
            var document = history.documents[0]
            document.id = "d\(seq)"
            document.seq = Int64(seq)
            let custom = seq == 1 ? first : conflicts + ",\"ok\":\(seq)"
            document.bytes = Array(
                #"{"@timestamp":"2026-01-02T03:04:05.678Z","golang":{"expvar":{"stack":{"bytes":\#(seq)},"custom":{\#(custom)}}}}"#
                    .utf8
            )
            return document
        }
        let isDone = history.run()
        #expect(isDone)
        #expect(history.cluster.documents(of: Self.stream).count == 1_000)
        #expect(history.summary.leftOut == 999)
        #expect(history.summary.leftOutPaths.entries.count == 6)
        // Those of the batches that were on the way.
        #expect(history.refusals <= 30, "\(history.refusals)")
    }
}
