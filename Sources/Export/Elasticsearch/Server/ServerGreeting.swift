/// Asks a server what it is.
struct ServerGreeting {
    let client: ElasticsearchClient

    /// What the server is.
    ///
    /// - Throws: `ReplayStop`. To one who follows also a captive portal may be a server that is away.
    func info() async throws(ReplayStop) -> ServerInfo {
        switch await client.send("GET", []) {
        case .answer(let answer):
            do throws(ReplayStop) {
                return try ServerInfo(
                    status: answer.status,
                    productHeader: answer.product,
                    body: answer.body,
                    hasCredential: client.settings.authentication.header != nil,
                    url: client.settings.url.description,
                    text: client.text
                )
            } catch {
                var stop = error
                if ElasticsearchClient.isPassing(answer.status) {
                    stop.passing = .yes
                } else if stop.kind == .unavailable {
                    stop.passing = .whenPatient
                }
                stop.retryAfter = answer.retryAfter
                throw stop
            }
        case .failed(let reason, _, let isTLS): throw client.unanswered(reason, isTLS: isTLS)
        case .answerTooLarge(let reason): throw client.unanswered(reason, isTLS: false)
        }
    }
}
