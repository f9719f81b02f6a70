import JSON

/// Whether a stream maps `golang.heap.gc.pause.histogram` as a histogram; unmapped, it would become two useless arrays.
enum PauseHistogramMapping {
    static let field = "golang.heap.gc.pause.histogram"

    /// Looks it up in the stream, or, where there is none yet, in the index that its template would make.
    ///
    /// What we may not see (403) counts as not mapped.
    static func isMapped(
        in stream: String,
        by client: ElasticsearchClient
    ) async throws(ReplayStop) -> Bool {
        let answer = try await client.asked("GET", [stream, "_mapping", "field", field])
        switch answer.status {
        // What is no JSON says nothing, as an answer without the member does.
        case 200: return isMapped(inFields: try? JSONReader.value(of: answer.body))
        case 404: return try await client.simulatedMapping(of: stream)?.fields.type(of: field) == "histogram"
        case 401, 403: return false
        default: throw client.stop(answer, on: stream)
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
}
