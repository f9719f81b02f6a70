import Storage

/// What is asked and done before documents are sent.
extension ElasticsearchReplay {
    /// The rules of waiting for an answer.
    func patience(
        _ progress: @escaping Progress,
        _ herald: ReplayHerald,
        pending: @escaping @Sendable () -> Int64?
    ) -> Patience {
        Patience(
            waitMax: configuration.follows ? nil : configuration.waitMax,
            isCancelled: { self.isCancelled },
            waiting: { stop, since, delay in
                herald.event(
                    .failing(reason: stop.description, since: since, until: MonotonicClock.now + delay),
                    pending: pending
                )
                progress(
                    ReplayProgress(
                        summary: ReplaySummary(),
                        remaining: nil,
                        documentsPerSecond: 0,
                        waitReason: stop.description,
                        waitMilliseconds: delay
                    )
                )
            },
            goingOn: { herald.event(nil, pending: { nil }) }
        )
    }

    /// Documents that are not sent yet, at most, by what the ledger knew before; nil where that cannot be told.
    func pendingBeforeStart(_ vault: Vault) -> Int64? {
        guard configuration.isWhole, !configuration.retriesRejected else { return nil }
        // A number for a person: what stands in its way meets the export itself once the server is there.
        return try? pendingInLedger(vault)
    }

    private func pendingInLedger(_ vault: Vault) throws -> Int64 {
        let snapshot = try vault.snapshot()
        let cursors = try ReplayLedger.cursors(
            vaultPath: configuration.vaultPath,
            databaseUUID: snapshot.databaseUUID,
            label: configuration.client.url.description,
            namespace: configuration.namespace,
            mode: configuration.mode
        )
        return DatabaseSource.pending(
            of: try snapshot.targets(),
            after: cursors ?? [:],
            upTo: snapshot.lastSeq
        )
    }

    /// Says where the namespace was sent to in the other mode: then all of it is there a second time.
    func noteOtherMode(_ databaseUUID: String, _ notes: inout [String]) throws {
        let known = try ReplayLedger.cursors(
            vaultPath: configuration.vaultPath,
            databaseUUID: databaseUUID,
            label: configuration.client.url.description,
            namespace: configuration.namespace,
            mode: ReplayConfiguration.mode(isViaPipeline: !configuration.isViaPipeline)
        )
        guard known != nil else { return }
        notes.append(
            "the namespace \(configuration.namespace) was sent to \(configuration.isViaPipeline ? "without" : "with") "
                + "--via-pipeline before: what is sent both ways lies there twice; use another --namespace"
        )
    }

    /// Whether the pause histogram is sent, with a note where the destination is in its way.
    func decideHistogram(
        _ client: ElasticsearchClient,
        _ info: ServerInfo,
        _ patience: Patience,
        _ notes: inout [String]
    ) async throws -> Bool {
        guard configuration.includesPauses, !configuration.isViaPipeline, !configuration.retriesRejected
        else {
            return false
        }
        switch configuration.pauseHistogram {
        case .on: return true
        case .off: return false
        case .automatic:
            let stream = DocumentKind.heap.stream(namespace: configuration.namespace)
            if ServerFeatures(info).knowsHistogram,
                try await patience.asking({
                    try await PauseHistogramMapping.isMapped(in: stream, by: client)
                })
            {
                return true
            }
            let remedy =
                ServerFeatures(info).knowsHistogram
                ? "; run with --setup once, or with --pause-histogram on"
                : ": the server knows no such field type"
            notes.append(
                "documents go without \(PauseHistogramMapping.field), which \(stream) does not map\(remedy)"
            )
            return false
        }
    }

    /// Before 8.13 a bulk request cannot insist on a data stream, and would make a plain index where no template
    /// says otherwise; so the streams are made first.
    func makeStreams(_ client: ElasticsearchClient, _ info: ServerInfo) async throws(ReplayStop) {
        guard !ServerFeatures(info).knowsRequireDataStream else { return }
        for kind in DocumentKind.allCases {
            let name = kind.stream(namespace: configuration.namespace)
            let found = try await client.asked(
                "GET",
                ["_data_stream", name],
                query: "filter_path=data_streams.name"
            )
            guard found.status == 404 else { continue }
            let made = try await client.asked("PUT", ["_data_stream", name])
            // Who may not make it by name may still make it by writing; it may also have come into being just now.
            guard made.status == 400 else { continue }
            let stop = client.stop(made, on: name)
            guard !stop.description.contains("resource_already_exists") else { continue }
            throw ReplayStop(
                .unavailable,
                "no template makes \(name) a data stream; install the Golang integration's templates, or run --setup"
            )
        }
    }
}
