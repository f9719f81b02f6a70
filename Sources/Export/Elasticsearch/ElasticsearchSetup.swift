import JSON

/// Prepares a cluster for our documents: data streams that map the pause histogram.
///
/// Carrying it out twice does no harm.
///
/// 1. Where the integration's index template composes `logs-golang.heap@custom`, that component gets the field (beside
///    whatever somebody else put there). Otherwise both streams get a template of ours, above the stock `logs` (100)
///    and below the integration's (200), composed of what the stock template is composed of.
/// 2. A stream that exists gets the field in its write index.
/// 3. The write index of a stream that exists must show it, and `_simulate_index`, where the server can tell; only then
///    was the setup a success.
struct ElasticsearchSetup {
    let client: ElasticsearchClient
    let info: ServerInfo
    let namespace: String

    private static let component = "logs-golang.heap@custom"
    private static let integrationTemplate = "logs-golang.heap"
    private static let priority = 150

    /// What was done, a sentence each.
    func run() async throws(ReplayStop) -> [String] {
        guard ServerFeatures(info).knowsHistogram else {
            throw ReplayStop(
                .unavailable,
                "\(info.product.rawValue) \(info.version) knows no field type histogram; export with "
                    + "--pause-histogram off, or to Elasticsearch 7.10 or newer in its default distribution"
            )
        }
        var done: [String] = []
        if try await isComposedByIntegration() {
            try await putComponent()
            done.append("the component template \(Self.component) maps \(PauseHistogramMapping.field)")
        } else {
            for kind in DocumentKind.allCases {
                let name = try await putTemplate(for: kind)
                done.append("the index template \(name) makes the data streams logs-\(kind.dataset)-*")
            }
        }
        let stream = DocumentKind.heap.stream(namespace: namespace)
        if try await putMapping(on: stream) { done.append("the data stream \(stream) maps it from now on") }
        done.append(try await verify(stream))
        return done
    }

    /// Asks the server whether what was done took effect; in words.
    private func verify(_ stream: String) async throws(ReplayStop) -> String {
        let isMapped = try await PauseHistogramMapping.isMappedByStream(stream, by: client)
        guard isMapped ?? true else {
            throw ReplayStop(
                .unexpected,
                "\(stream) does not map \(PauseHistogramMapping.field) although it was told to; "
                    + "look at GET /\(stream)/_mapping"
            )
        }
        switch try await PauseHistogramMapping.isMappedByTemplate(of: stream, by: client) {
        case true: return "verified: a new index of \(stream) has the field"
        case nil where isMapped == true:
            return "verified: the index that \(stream) writes to has the field "
                + "(this version cannot tell of the next one)"
        default:
            throw ReplayStop(
                .unexpected,
                "a new index of \(stream) would still not map \(PauseHistogramMapping.field): another template with a "
                    + "higher priority stands before ours"
            )
        }
    }

    private func isComposedByIntegration() async throws(ReplayStop) -> Bool {
        guard let template = try await indexTemplate(Self.integrationTemplate) else { return false }
        let composed = template["composed_of"]?.elements?.compactMap(\.string) ?? []
        return composed.contains(Self.component)
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

    /// Adds the field to the component, and leaves what is there.
    private func putComponent() async throws(ReplayStop) {
        let path = ["_component_template", Self.component]
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
        let field = JSONValue.object([
            JSONMember(
                key: "template",
                value: .object([
                    JSONMember(key: "mappings", value: PauseHistogramMapping.properties)
                ])
            )
        ])
        let put = try await client.asked("PUT", path, body: ElasticsearchSetup.merged(body, field))
        guard put.status == 200 else { throw stopped(put, Self.component) }
    }

    private func putTemplate(for kind: DocumentKind) async throws(ReplayStop) -> String {
        let name = "expvault-\(kind.dataset)"
        let stock = try await indexTemplate("logs")
        var mappings: [JSONMember] = kind == .heap ? PauseHistogramMapping.properties.members ?? [] : []
        var members = [
            JSONMember(key: "index_patterns", value: .array([.string("logs-\(kind.dataset)-*")])),
            JSONMember(key: "priority", value: .number(String(Self.priority))),
            JSONMember(key: "data_stream", value: .object([])),
        ]
        if let stock {
            for key in ["composed_of", "ignore_missing_component_templates"] {
                if let value = stock[key] { members.append(JSONMember(key: key, value: value)) }
            }
        } else {
            // Without the stock templates, what they say of text: words, not prose, and never a date by its looks.
            mappings.append(JSONMember(key: "date_detection", value: .boolean(false)))
            mappings.append(JSONMember(key: "dynamic_templates", value: ElasticsearchSetup.keywords))
        }
        members.append(
            JSONMember(
                key: "template",
                value: .object([JSONMember(key: "mappings", value: .object(mappings))])
            )
        )
        let put = try await client.asked("PUT", ["_index_template", name], body: .object(members))
        guard put.status == 200 else { throw stopped(put, name) }
        return name
    }

    private static var keywords: JSONValue {
        let text =
            #"[{"strings_as_keyword":{"match_mapping_type":"string","mapping":{"ignore_above":1024,"type":"keyword"}}}]"#
        // What is no JSON says nothing, as an answer without the member does.
        guard let value = try? JSONReader.value(of: Array(text.utf8)) else {
            preconditionFailure("BUG: our own JSON")
        }
        return value
    }

    /// Adds the field to the index that a stream writes to; whether there is such a stream.
    private func putMapping(on stream: String) async throws(ReplayStop) -> Bool {
        let answer = try await client.asked(
            "PUT",
            [stream, "_mapping"],
            query: "write_index_only=true",
            body: PauseHistogramMapping.properties
        )
        switch answer.status {
        case 200: return true
        case 404: return false
        case 400:
            throw ReplayStop(
                .unexpected,
                "\(stream) maps \(PauseHistogramMapping.field) as something else; roll the stream over "
                    + "(POST /\(stream)/_rollover) once the template is there, and run --setup again"
            )
        default: throw stopped(answer, stream)
        }
    }

    private func stopped(_ answer: ElasticsearchClient.Answer, _ place: String) -> ReplayStop {
        var stop = client.stop(answer, on: place)
        if answer.status == 403 {
            stop.description += " (--setup also needs manage_index_templates, and manage on logs-golang.*)"
        }
        return stop
    }

    /// The members of both, objects merged; where both have a value, the second's.
    static func merged(_ a: JSONValue, _ b: JSONValue) -> JSONValue {
        guard case .object(var members) = a, case .object(let added) = b else { return b }
        for member in added {
            if let index = members.firstIndex(where: { $0.key == member.key }) {
                members[index].value = merged(members[index].value, member.value)
            } else {
                members.append(member)
            }
        }
        return .object(members)
    }
}
