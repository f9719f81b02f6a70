import JSON

/// What an index maps, or a new one would.
struct PresentMapping {
    /// Its fields under `golang`.
    var fields: MappedFields
    /// Its dynamic templates, in their order.
    var dynamicTemplates: [JSONValue]
    /// Whether the index itself has the name that was asked for, and so belongs to no stream.
    var isPlainIndex = false

    private init(mappings: JSONValue?) {
        fields = MappedFields(mappings: mappings)
        dynamicTemplates = mappings?["dynamic_templates"]?.elements ?? []
    }

    /// Reads `{"INDEX":{"mappings":{…}}}`; of several indices the newest.
    init(answer: JSONValue?, stream: String) {
        let newest = answer?.members?.max {
            (WriteIndex.generation($0.key) ?? 0) < (WriteIndex.generation($1.key) ?? 0)
        }
        self.init(mappings: newest?.value["mappings"])
        isPlainIndex = newest?.key == stream
    }

    /// Reads what `_simulate_index` answers: the template, resolved.
    init(template: JSONValue?) {
        self.init(mappings: template?[path: ["template", "mappings"]])
    }
}

extension ElasticsearchClient {
    /// What the index that a stream writes to maps; nil where there is no such stream, or we may not see it.
    func streamMapping(_ stream: String) async throws(ReplayStop) -> PresentMapping? {
        let answer = try await asked("GET", [stream, "_mapping"])
        switch answer.status {
        // What is no JSON says nothing, as an answer without the member does.
        case 200: return PresentMapping(answer: try? JSONReader.value(of: answer.body), stream: stream)
        case 401, 403, 404: return nil
        default: throw stop(answer, on: stream)
        }
    }

    /// What a new index of a stream would map; nil where the server cannot tell.
    ///
    /// Before 8.2 a stream that exists stands in the way of simulating an index of its name (Elasticsearch pull request
    /// 84675): 500, "… data stream [NAME] conflicts with index".
    func simulatedMapping(of stream: String) async throws(ReplayStop) -> PresentMapping? {
        let template = try await simulatedTemplate(of: stream)
        return template.map { PresentMapping(template: $0) }
    }

    /// The template of a new index of that name, resolved; an empty object where none matches or we may not see it, nil
    /// where the server cannot tell.
    func simulatedTemplate(of stream: String) async throws(ReplayStop) -> JSONValue? {
        let answer = try await asked("POST", ["_index_template", "_simulate_index", stream])
        switch answer.status {
        // What is no JSON says nothing, as an answer without the member does.
        case 200: return (try? JSONReader.value(of: answer.body)) ?? .object([])
        case 401, 403, 404: return .object([])
        default:
            // What is no JSON says nothing, as an answer without the member does.
            let error = ServerInfo.error(in: try? JSONReader.value(of: answer.body, bytesMax: 1 << 20))
            if error.type == "illegal_state_exception", error.reason?.contains("conflicts with index") == true
            {
                return nil
            }
            throw stop(answer, on: stream)
        }
    }
}
