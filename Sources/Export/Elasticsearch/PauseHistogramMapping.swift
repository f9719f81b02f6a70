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
        let answer = try await client.asked("GET", "/\(stream)/_mapping/field/\(field)")
        switch answer.status {
        case 200: return isMapped(inFields: try? JSONReader.value(of: answer.body))
        case 404: return try await isMappedByTemplate(of: stream, by: client)
        case 401, 403: return false
        default: throw client.stop(answer, on: stream)
        }
    }

    /// Whether a new index of the stream would have it.
    static func isMappedByTemplate(
        of stream: String,
        by client: ElasticsearchClient
    ) async throws(ReplayStop) -> Bool {
        let answer = try await client.asked("POST", "/_index_template/_simulate_index/\(stream)")
        switch answer.status {
        case 200: return isMapped(inTemplate: try? JSONReader.value(of: answer.body))
        case 401, 403, 404: return false
        default: throw client.stop(answer, on: stream)
        }
    }

    /// Reads `{"INDEX":{"mappings":{"FIELD":{"full_name":…,"mapping":{"histogram":{"type":"histogram"}}}}}}`.
    ///
    /// Of several indices the one with the highest generation is written to.
    static func isMapped(inFields value: JSONValue?) -> Bool {
        let newest = value?.members?.max {
            (ReplayMachine.generation($0.key) ?? 0) < (ReplayMachine.generation($1.key) ?? 0)
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

extension ElasticsearchClient {
    /// Sends a request that must be answered; what is no answer is a reason to stop.
    func asked(
        _ method: String,
        _ path: String,
        body: JSONValue? = nil
    ) async throws(ReplayStop) -> Answer {
        switch await send(method, path, body: body?.bytes ?? []) {
        case .answer(let answer): return answer
        case .failed(let reason, _, _): throw ReplayStop(.unavailable, "\(settings.url): \(reason)")
        case .answerTooLarge(let reason): throw ReplayStop(.unexpected, "\(settings.url) answered \(reason)")
        }
    }

    /// The reason to stop that an unforeseen answer is.
    func stop(_ answer: Answer, on place: String) -> ReplayStop {
        let error = ServerInfo.error(in: try? JSONReader.value(of: answer.body, bytesMax: 1 << 20))
        let type = error.type.map(text.clean)
        let reason = error.reason.map(text.clean)
        if let stop = BulkOutcome.stop(status: answer.status, type: type, reason: reason, on: place) {
            return stop
        }
        return ReplayStop(.unexpected, "\(place) answered \(BulkOutcome.words(answer.status, type, reason))")
    }
}
