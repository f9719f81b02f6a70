import JSON

/// Whether a stream maps `golang.heap.gc.pause.histogram` as a histogram; unmapped, it would become two useless arrays.
enum PauseHistogramMapping {
    static let field = "golang.heap.gc.pause.histogram"
    private static let path = ["golang", "heap", "gc", "pause", "histogram"]

    /// Looks it up in the stream, or, where there is none yet, in the index that its template would make.
    ///
    /// What we may not see (403) counts as not mapped.
    static func isMapped(
        in stream: String,
        by client: ElasticsearchClient
    ) async throws(ReplayStop) -> Bool {
        if let isMapped = try await isMappedByStream(stream, by: client) { return isMapped }
        return try await isMappedByTemplate(of: stream, by: client) ?? false
    }

    /// Whether the index that a stream writes to has it; nil where there is no such stream, or it hides its mapping.
    static func isMappedByStream(
        _ stream: String,
        by client: ElasticsearchClient
    ) async throws(ReplayStop) -> Bool? {
        let answer = try await client.asked("GET", [stream, "_mapping", "field", field])
        switch answer.status {
        // What is no JSON says nothing, as an answer without the member does.
        case 200: return isMapped(inFields: try? JSONReader.value(of: answer.body))
        case 404: return nil
        case 401, 403: return false
        default: throw client.stop(answer, on: stream)
        }
    }

    /// Whether a new index of the stream would have it; nil where the server cannot tell.
    ///
    /// Before 8.2 a stream that exists stands in the way of simulating an index of its name (Elasticsearch pull request
    /// 84675): 500, "… data stream [NAME] conflicts with index".
    static func isMappedByTemplate(
        of stream: String,
        by client: ElasticsearchClient
    ) async throws(ReplayStop) -> Bool? {
        let answer = try await client.asked("POST", ["_index_template", "_simulate_index", stream])
        switch answer.status {
        // What is no JSON says nothing, as an answer without the member does.
        case 200: return isMapped(inTemplate: try? JSONReader.value(of: answer.body))
        case 401, 403, 404: return false
        default:
            // What is no JSON says nothing, as an answer without the member does.
            let error = ServerInfo.error(in: try? JSONReader.value(of: answer.body, bytesMax: 1 << 20))
            if error.type == "illegal_state_exception", error.reason?.contains("conflicts with index") == true
            {
                return nil
            }
            throw client.stop(answer, on: stream)
        }
    }

    /// Reads `{"INDEX":{"mappings":{"FIELD":{"full_name":…,"mapping":{"histogram":{"type":"histogram"}}}}}}`.
    ///
    /// Of several indices the one with the highest generation is written to.
    static func isMapped(inFields value: JSONValue?) -> Bool {
        let newest = value?.members?.max {
            (WriteIndex.generation($0.key) ?? 0) < (WriteIndex.generation($1.key) ?? 0)
        }
        // The field's own name holds dots and is one key.
        let mapping = newest?.value["mappings"]?[field]?["mapping"]
        return mapping?["histogram"]?["type"]?.string == "histogram"
    }

    /// Reads what `_simulate_index` answers: the template, resolved.
    static func isMapped(inTemplate value: JSONValue?) -> Bool {
        var mapping = value?[path: ["template", "mappings"]]
        for name in path { mapping = mapping?["properties"]?[name] }
        return mapping?["type"]?.string == "histogram"
    }

    /// The mapping that puts the field there.
    ///
    /// `{"properties":{"golang":{"properties":{…{"histogram":{"type":"histogram"}}}}}}`
    static var properties: JSONValue {
        path.reversed().reduce(.object([JSONMember(key: "type", value: .string("histogram"))])) {
            inner,
            name in
            .object([JSONMember(key: "properties", value: .object([JSONMember(key: name, value: inner)]))])
        }
    }
}
