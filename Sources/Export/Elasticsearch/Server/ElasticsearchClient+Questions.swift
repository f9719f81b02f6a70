import JSON

extension ElasticsearchClient {
    /// Sends a request that must be answered; what is no answer is a reason to stop.
    func asked(
        _ method: String,
        _ path: [String],
        query: String = "",
        body: JSONValue? = nil
    ) async throws(ReplayStop) -> Answer {
        switch await send(method, path, query: query, body: body?.bytes ?? []) {
        case .answer(let answer): return answer
        case .failed(let reason, _, let isTLS): throw unanswered(reason, isTLS: isTLS)
        case .answerTooLarge(let reason): throw unanswered(reason, isTLS: false)
        }
    }

    /// The reason to stop that an unforeseen answer is.
    func stop(_ answer: Answer, on place: String) -> ReplayStop {
        // What is no JSON says nothing, as an answer without the member does.
        let error = ServerInfo.error(in: try? JSONReader.value(of: answer.body, bytesMax: 1 << 20))
        let type = error.type.map(text.clean)
        let reason = error.reason.map(text.clean)
        var stop =
            BulkOutcome.stop(status: answer.status, type: type, reason: reason, on: place)
            ?? ReplayStop(.unexpected, "\(place) answered \(BulkOutcome.words(answer.status, type, reason))")
        if Self.isPassing(answer.status) { stop.passing = .yes }
        stop.retryAfter = answer.retryAfter
        return stop
    }

    /// The reason to stop that no answer is.
    func unanswered(_ reason: String, isTLS: Bool) -> ReplayStop {
        var stop = ReplayStop(.unavailable, "\(settings.url): \(reason)")
        stop.passing = isTLS ? .whenPatient : .yes
        return stop
    }

    /// Whether a question that was answered so is worth another try.
    static func isPassing(_ status: Int) -> Bool {
        status == 408 || status == 429 || (500...599).contains(status)
    }
}
