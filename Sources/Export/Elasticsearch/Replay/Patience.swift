/// Puts a question again while the server is away, for as long as the rules of waiting allow.
///
/// The questions of an export are put before there is a `ReplayMachine`: which server is this, what does it map. One
/// who follows asks for ever; anybody else gives up after `--max-wait` without an answer.
struct Patience: Sendable {
    /// In milliseconds; nil: for ever.
    let waitMax: Int64?
    let isCancelled: @Sendable () -> Bool
    /// Told before each wait why, since when there is no answer, and for how many milliseconds it is going to be.
    let waiting: @Sendable (ReplayStop, _ since: Int64, _ delay: Int64) -> Void
    /// Told after each answer.
    let goingOn: @Sendable () -> Void

    /// What `body` gives in the end.
    ///
    /// - Throws: what `body` throws, once that is no `ReplayStop` that may pass by itself; `ReplayCancelled`.
    func asking<Result>(_ body: () async throws -> Result) async throws -> Result {
        var policy = RetryPolicy(seed: UInt64.random(in: .min ... .max))
        let started = MonotonicClock.now
        var attempt = 0
        var last: ReplayStop?
        while !isCancelled(), !Task.isCancelled {
            do {
                let result = try await body()
                goingOn()
                return result
            } catch let stop as ReplayStop
                where stop.passing == .yes || stop.passing == .whenPatient && waitMax == nil
            {
                let delay = policy.delay(attempt: attempt, retryAfter: stop.retryAfter)
                attempt += 1
                if let waitMax, MonotonicClock.now - started + delay >= waitMax { throw stop }
                last = stop
                waiting(stop, started, delay)
                await rest(delay)
            }
        }
        throw ReplayCancelled(reason: last?.description)
    }

    /// Sleeps, but wakes up within a tenth of a second where somebody wants an end.
    private func rest(_ milliseconds: Int64) async {
        let end = MonotonicClock.now + milliseconds
        while MonotonicClock.now < end, !isCancelled(), !Task.isCancelled {
            // Cancelled in its sleep it is done anyway.
            try? await Task.sleep(for: .milliseconds(min(100, max(1, end - MonotonicClock.now))))
        }
    }
}

/// The export was cancelled before it began to send; with what it was waiting for, if it was.
struct ReplayCancelled: Error {
    var reason: String?
}
