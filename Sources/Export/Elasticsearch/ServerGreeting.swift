/// Asks a server what it is, as often as the waiting rules allow.
struct ServerGreeting {
    let client: ElasticsearchClient
    let configuration: ReplayConfiguration

    /// What the server is; nil where the export was cancelled before it said so.
    ///
    /// A server that is away is asked again for `--max-wait`; one who follows asks for ever, and takes also a captive
    /// portal for a server that is away.
    func info(
        isCancelled: @Sendable () -> Bool,
        _ progress: ElasticsearchReplay.Progress
    ) async throws(ReplayStop) -> ServerInfo? {
        var policy = RetryPolicy(seed: UInt64.random(in: .min ... .max))
        let started = MonotonicClock.now
        var attempt = 0
        while !isCancelled(), !Task.isCancelled {
            let stop: ReplayStop
            var retryAfter: Int64?
            switch await client.send("GET", "/") {
            case .answer(let answer):
                do throws(ReplayStop) {
                    return try ServerInfo(
                        status: answer.status,
                        productHeader: answer.product,
                        body: answer.body,
                        url: client.settings.url.description,
                        text: client.text
                    )
                } catch {
                    stop = error
                }
                let isBusy = answer.status == 429 || answer.status == 408 || answer.status >= 500
                guard isBusy || configuration.follows && stop.kind == .unavailable else { throw stop }
                retryAfter = answer.retryAfter
            case .failed(let reason, _, let isTLS):
                stop = ReplayStop(.unavailable, "\(client.settings.url): \(reason)")
                guard !isTLS || configuration.follows else { throw stop }
            case .answerTooLarge(let reason):
                throw ReplayStop(.unavailable, "\(client.settings.url) answered \(reason)")
            }
            let delay = policy.delay(attempt: attempt, retryAfter: retryAfter)
            attempt += 1
            let waited = MonotonicClock.now - started
            guard configuration.follows || waited + delay < configuration.waitMax else { throw stop }
            progress(
                ReplayProgress(
                    summary: ReplaySummary(),
                    remaining: nil,
                    documentsPerSecond: 0,
                    waitReason: stop.description,
                    waitMilliseconds: delay
                )
            )
            await Self.rest(delay, isCancelled)
        }
        return nil
    }

    /// Sleeps, but wakes up within a tenth of a second where somebody wants an end.
    static func rest(_ milliseconds: Int64, _ isCancelled: () -> Bool) async {
        let end = MonotonicClock.now + milliseconds
        while MonotonicClock.now < end, !isCancelled(), !Task.isCancelled {
            // Cancelled in its sleep it is done anyway.
            try? await Task.sleep(for: .milliseconds(min(100, max(1, end - MonotonicClock.now))))
        }
    }
}
