import JSON

/// Prepares a cluster for our documents: data streams that map every field that we know the name of.
///
/// Carrying it out twice does no harm.
///
/// 1. Where the integration's index template composes `logs-golang.heap@custom` or `logs-golang.expvar@custom`, that component
///    gets the fields (beside whatever somebody else put there). Otherwise the stream gets a template of ours, above the stock
///    `logs` (100) and below the integration's (200), composed of what the stock template is composed of.
/// 2. A stream that exists gets what it lacks in its write index.
/// 3. The write index of a stream that exists must show it, and `_simulate_index`, where the server can tell; only then
///    was the setup a success.
struct ElasticsearchSetup {
    let client: ElasticsearchClient
    let info: ServerInfo
    let namespace: String
    /// Whether nothing is changed, and only said what would be.
    let isDry: Bool

    private static let priority = 150

    private var knowsHistogram: Bool { ServerFeatures(info).knowsHistogram }

    /// What was done, or would be, a sentence each.
    func run() async throws(ReplayStop) -> [String] {
        var done: [String] = []
        if !knowsHistogram {
            done.append(
                "\(info.product.rawValue) \(info.version) knows no field type histogram: documents have "
                    + "\(StandardMapping.pauseValues) instead, each pause a value"
            )
        }
        for kind in DocumentKind.allCases { done += try await prepare(kind) }
        return done
    }

    private func prepare(_ kind: DocumentKind) async throws(ReplayStop) -> [String] {
        let stream = kind.stream(namespace: namespace)
        let present = try await client.streamMapping(stream)
        if present?.isPlainIndex == true { throw ReplayStop.plainIndex(stream) }
        var done: [String] = []
        if try await isComposedByIntegration(kind) {
            done.append(try await putComponent(for: kind))
        } else {
            done.append(try await putTemplate(for: kind))
        }
        guard let present else {
            if !isDry { done.append(try await verify(kind, isThere: false)) }
            return done
        }
        done += try await mend(stream, kind, present)
        if !isDry { done.append(try await verify(kind, isThere: true)) }
        return done
    }

    // MARK: Templates

    private func component(of kind: DocumentKind) -> String { "logs-\(kind.dataset)@custom" }

    private func isComposedByIntegration(_ kind: DocumentKind) async throws(ReplayStop) -> Bool {
        guard let template = try await indexTemplate("logs-\(kind.dataset)") else { return false }
        let composed = template["composed_of"]?.elements?.compactMap(\.string) ?? []
        return composed.contains(component(of: kind))
    }

    private func indexTemplate(_ name: String) async throws(ReplayStop) -> JSONValue? {
        let answer = try await client.asked("GET", ["_index_template", name])
        switch answer.status {
        case 404: return nil
        case 200:
            // What is no JSON says nothing, as an answer without the member does.
            let value = try? JSONReader.value(of: answer.body)
            return value?["index_templates"]?.elements?.first?["index_template"]
        default: throw stopped(answer, "index templates")
        }
    }

    /// Adds the fields to the component, and leaves what is there.
    private func putComponent(for kind: DocumentKind) async throws(ReplayStop) -> String {
        let name = component(of: kind)
        let path = ["_component_template", name]
        let answer = try await client.asked("GET", path)
        var body = JSONValue.object([])
        switch answer.status {
        case 404: break
        case 200:
            // What is no JSON says nothing, as an answer without the member does.
            let value = try? JSONReader.value(of: answer.body)
            body = value?["component_templates"]?.elements?.first?["component_template"] ?? body
        default: throw stopped(answer, "component templates")
        }
        let present = body[path: ["template", "mappings", "dynamic_templates"]]?.elements ?? []
        let merged = body.merging(
            .fields(["template": .fields(["mappings": mappings(of: kind, before: present)])])
        )
        if merged == body { return "the component template \(name) has all of it already" }
        if isDry { return "would add \(what(kind)) to the component template \(name)" }
        let put = try await client.asked("PUT", path, body: merged)
        guard put.status == 200 else { throw stopped(put, name) }
        return "the component template \(name) has \(what(kind))"
    }

    private func mappings(of kind: DocumentKind, before present: [JSONValue]) -> JSONValue {
        let fields = StandardMapping.fields(of: kind, histogram: knowsHistogram)
        var members = [JSONMember(key: "properties", value: StandardMapping.properties(fields))]
        let templates = StandardMapping.dynamicTemplates(of: kind, before: present)
        if !templates.isEmpty {
            members.append(JSONMember(key: "dynamic_templates", value: .array(templates)))
        }
        return .object(members)
    }

    private func what(_ kind: DocumentKind) -> String {
        switch kind {
        case .heap: "every standard field\(knowsHistogram ? ", \(StandardMapping.histogram) among them" : "")"
        case .expvar: "every standard field, and doubles for custom numbers"
        }
    }

    private func putTemplate(for kind: DocumentKind) async throws(ReplayStop) -> String {
        let name = "expvault-\(kind.dataset)"
        let stock = try await indexTemplate("logs")
        var members = [
            JSONMember(key: "index_patterns", value: .array([.string("logs-\(kind.dataset)-*")])),
            JSONMember(key: "priority", value: .number(String(Self.priority))),
            JSONMember(key: "data_stream", value: .object([])),
        ]
        var mappings = self.mappings(of: kind, before: stock == nil ? [Self.keywords] : [])
        if let stock {
            for key in ["composed_of", "ignore_missing_component_templates"] {
                if let value = stock[key] { members.append(JSONMember(key: key, value: value)) }
            }
        } else {
            // Without the stock templates, what they say of text: words, not prose, and never a date by its looks.
            mappings = mappings.merging(.fields(["date_detection": .boolean(false)]))
        }
        members.append(JSONMember(key: "template", value: .fields(["mappings": mappings])))
        if isDry {
            return
                "would put the index template \(name), which makes the data streams logs-\(kind.dataset)-* with "
                + what(kind)
        }
        let put = try await client.asked("PUT", ["_index_template", name], body: .object(members))
        guard put.status == 200 else { throw stopped(put, name) }
        return "the index template \(name) makes the data streams logs-\(kind.dataset)-* with \(what(kind))"
    }

    private static let keywords = JSONValue.fields([
        "strings_as_keyword": .fields([
            "match_mapping_type": .string("string"),
            "mapping": .fields(["ignore_above": .number("1024"), "type": .string("keyword")]),
        ])
    ])

    // MARK: Streams that exist

    /// Adds to the write index what it lacks, and says what cannot be mended there.
    private func mend(
        _ stream: String,
        _ kind: DocumentKind,
        _ present: PresentMapping
    ) async throws(ReplayStop) -> [String] {
        let fields = StandardMapping.fields(of: kind, histogram: knowsHistogram)
        let missing = fields.filter { present.fields[$0.path] == nil }
        let templates = StandardMapping.dynamicTemplates(of: kind, before: present.dynamicTemplates)
        var done: [String] = []
        if !missing.isEmpty || templates != present.dynamicTemplates {
            var members = [JSONMember(key: "properties", value: StandardMapping.properties(missing))]
            if templates != present.dynamicTemplates {
                members.append(JSONMember(key: "dynamic_templates", value: .array(templates)))
            }
            let words =
                "\(missing.count) fields" + (members.count > 1 ? " and doubles for custom numbers" : "")
            if isDry {
                done.append("would add \(words) to the index that \(stream) writes to")
            } else {
                try await putMapping(.object(members), on: stream)
                done.append("the data stream \(stream) maps it from now on: \(words)")
            }
        }
        if let other = present.fields.type(of: StandardMapping.histogram), other != "histogram" {
            throw asSomethingElse(stream)
        }
        if present.fields[StandardMapping.histogram] == .object, knowsHistogram, kind == .heap {
            throw asSomethingElse(stream)
        }
        let cut = cutFields(kind, present)
        if !cut.isEmpty {
            done.append(
                "the index that \(stream) writes to maps \(Self.list(cut)) so that fractions are cut; that ends with "
                    + "its next index: POST /\(stream)/_rollover"
            )
        }
        return done
    }

    /// Fields that fractions may come to, and that cut them.
    private func cutFields(_ kind: DocumentKind, _ present: PresentMapping) -> [String] {
        let standard = StandardMapping.fractions(of: kind).filter(present.fields.cutsFractions)
        return kind == .heap
            ? standard : standard + present.fields.wholeNumbers(under: CustomVariables.prefix)
    }

    private static func list(_ paths: [String]) -> String {
        let shown = paths.prefix(5).joined(separator: ", ")
        return paths.count > 5 ? "\(shown) and \(paths.count - 5) more" : shown
    }

    private func asSomethingElse(_ stream: String) -> ReplayStop {
        ReplayStop(
            .unexpected,
            "\(stream) maps \(StandardMapping.histogram) as something else; roll the stream over "
                + "(POST /\(stream)/_rollover), and run --setup again"
        )
    }

    private func putMapping(_ mapping: JSONValue, on stream: String) async throws(ReplayStop) {
        let put = try await client.asked(
            "PUT",
            [stream, "_mapping"],
            query: "write_index_only=true",
            body: mapping
        )
        guard put.status == 200 else { throw stopped(put, stream) }
    }

    // MARK: Proof

    /// Asks the server whether what was done took effect; in words.
    private func verify(_ kind: DocumentKind, isThere: Bool) async throws(ReplayStop) -> String {
        let stream = kind.stream(namespace: namespace)
        let wanted = StandardMapping.fields(of: kind, histogram: knowsHistogram)
        let present = isThere ? try await client.streamMapping(stream) : nil
        if let present, let lacking = wanted.first(where: { present.fields[$0.path] == nil }) {
            throw ReplayStop(
                .unexpected,
                "\(stream) does not map \(lacking.path) although it was told to; look at GET /\(stream)/_mapping"
            )
        }
        guard let next = try await client.simulatedMapping(of: stream) else {
            if present != nil {
                return "verified: the index that \(stream) writes to has \(what(kind)) "
                    + "(this version cannot tell of the next one)"
            }
            throw ReplayStop(.unexpected, "the server does not say what a new index of \(stream) would map")
        }
        let lacking = wanted.first { next.fields.type(of: $0.path) != $0.type }
        if let lacking, next.fields[lacking.path] == nil || next.fields.cutsFractions(at: lacking.path) {
            throw ReplayStop(
                .unexpected,
                "a new index of \(stream) would still not map \(lacking.path) as \(lacking.type): another template "
                    + "with a higher priority stands before ours"
            )
        }
        guard kind == .heap || StandardMapping.makesDoubles(next.dynamicTemplates) else {
            throw ReplayStop(
                .unexpected,
                "a new index of \(stream) would still make whole numbers of custom ones: another template with a "
                    + "higher priority stands before ours"
            )
        }
        return "verified: a new index of \(stream) has \(what(kind))"
    }

    private func stopped(_ answer: ElasticsearchClient.Answer, _ place: String) -> ReplayStop {
        var stop = client.stop(answer, on: place)
        if answer.status == 403 {
            stop.description += " (--setup also needs manage_index_templates, and manage on logs-golang.*)"
        }
        return stop
    }
}

extension ReplayStop {
    /// A plain index has the name that the stream should have.
    static func plainIndex(_ stream: String) -> ReplayStop {
        ReplayStop(
            .unavailable,
            "\(stream) is a plain index and no data stream: something wrote there before a template made streams; "
                + "look at what is in it, delete it (DELETE /\(stream)), and run --setup"
        )
    }
}

extension JSONValue {
    /// An object with those members.
    fileprivate static func fields(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(members.map { JSONMember(key: $0.key, value: $0.value) })
    }
}
