import Export
import Testing

/// The answer table, row by row.
@Suite("What an answer means")
struct BulkOutcomeTests {
    private func item(
        _ status: Int,
        _ type: String? = nil,
        _ reason: String? = nil,
        failureStore: Bool = false
    ) -> BulkOutcome {
        BulkOutcome.of(
            status: status,
            type: type,
            reason: reason,
            usedFailureStore: failureStore,
            stream: "logs-golang.heap-default"
        )
    }

    private func whole(_ status: Int, _ type: String? = nil, retryAfter: Int64? = nil) -> BulkFailure {
        BulkFailure.of(status: status, type: type, reason: nil, retryAfter: retryAfter, on: "_bulk")
    }

    private func stop(_ outcome: BulkOutcome) -> ReplayStop.Kind? {
        if case .stop(let stop) = outcome { stop.kind } else { nil }
    }

    private func stop(_ failure: BulkFailure) -> ReplayStop.Kind? {
        if case .stop(let stop) = failure { stop.kind } else { nil }
    }

    @Test("201 is delivered, unless the failure store took it")
    func delivered() {
        #expect(item(201) == .delivered)
        #expect(item(201, failureStore: true) == .refused)
    }

    @Test("409 was there before")
    func thereBefore() {
        #expect(item(409, "version_conflict_engine_exception") == .thereBefore)
    }

    @Test("429 and 5xx of an item are tried again; only of the first is it certain that nothing was stored")
    func retried() {
        #expect(item(429, "es_rejected_execution_exception") == .retry(isCertainlyNotStored: true))
        for status in [408, 500, 502, 503, 504, 599] {
            #expect(item(status, "unavailable_shards_exception") == .retry(isCertainlyNotStored: false))
        }
    }

    @Test(
        "400 about the document is refused",
        arguments: [
            "mapper_parsing_exception", "document_parsing_exception", "illegal_argument_exception",
            "strict_dynamic_mapping_exception", "invalid_index_name_exception", "script_exception",
        ]
    )
    func refused(_ type: String) {
        #expect(item(400, type) == .refused)
    }

    @Test("the type decides before the status: keys 77, indices 69")
    func typeFirst() {
        for status in [400, 403, 503] {
            #expect(stop(item(status, "security_exception")) == .forbidden)
            #expect(stop(item(status, "cluster_block_exception")) == .unavailable)
            #expect(stop(item(status, "index_closed_exception")) == .unavailable)
            #expect(stop(item(status, "index_not_found_exception")) == .unavailable)
            #expect(stop(item(status, "resource_not_found_exception")) == .unavailable)
            #expect(stop(whole(status, "security_exception")) == .forbidden)
            #expect(stop(whole(status, "cluster_block_exception")) == .unavailable)
        }
        // What a server answers with 429 it takes back by itself: a disk past its flood stage.
        #expect(item(429, "cluster_block_exception") == .retry(isCertainlyNotStored: true))
        #expect(stop(whole(429, "cluster_block_exception")) == nil)
        #expect(ReplayStop(.forbidden, "").exitStatus == 77)
        #expect(ReplayStop(.unavailable, "").exitStatus == 69)
        #expect(ReplayStop(.unexpected, "").exitStatus == 1)
    }

    @Test("plain 401, 403 and 404 stop, of an item as of the whole")
    func plainStatus() {
        for status in [401, 403] {
            #expect(stop(item(status)) == .forbidden)
            #expect(stop(whole(status)) == .forbidden)
        }
        #expect(stop(item(404)) == .unavailable)
        #expect(stop(whole(404)) == .unavailable)
    }

    @Test("a pipeline that is gone is no document's fault")
    func missingPipeline() {
        let reason = "pipeline with id [logs-golang.heap-1.6.0] does not exist"
        #expect(stop(item(400, "illegal_argument_exception", reason)) == .unavailable)
    }

    @Test("of a whole answer 429 is certain, 408 and 5xx are not, and Retry-After is passed on")
    func wholeRetries() {
        #expect(
            whole(429, retryAfter: 7_000)
                == .retry(reason: "429", isCertainlyNotStored: true, retryAfter: 7_000)
        )
        for status in [408, 500, 502, 503, 504] {
            #expect(
                whole(status) == .retry(reason: "\(status)", isCertainlyNotStored: false, retryAfter: nil)
            )
        }
    }

    @Test(
        "413 is too large, anything else stops and is shown",
        arguments: [301, 302, 307, 400, 405, 406, 410, 418]
    )
    func otherWhole(_ status: Int) {
        #expect(whole(413) == .tooLarge(reason: "413"))
        #expect(stop(whole(status)) == .unexpected)
    }
}

@Suite("When a request is tried again")
struct RetryPolicyTests {
    @Test("1 s doubling to 60 s, less at most half of it")
    func doubling() {
        var policy = RetryPolicy(seed: 7)
        for (attempt, full) in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000].enumerated() {
            for _ in 0..<100 {
                let delay = policy.delay(attempt: attempt)
                #expect(delay >= Int64(full / 2) && delay <= Int64(full))
            }
        }
        #expect((30_000...60_000).contains(policy.delay(attempt: .max)))
    }

    @Test("what the server asks for is never undercut, and obeyed up to ten minutes")
    func retryAfter() {
        var policy = RetryPolicy(seed: 7)
        for _ in 0..<100 { #expect((30_000...33_000).contains(policy.delay(attempt: 0, retryAfter: 30_000))) }
        #expect(policy.delay(attempt: 0, retryAfter: 86_400_000) == 600_000)
        #expect((500...1_000).contains(policy.delay(attempt: 0, retryAfter: 0)))
    }

    @Test("jitter comes from the seed alone")
    func seeded() {
        var a = RetryPolicy(seed: 1)
        var b = RetryPolicy(seed: 1)
        for attempt in 0..<20 { #expect(a.delay(attempt: attempt) == b.delay(attempt: attempt)) }
    }
}
