import JSON
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

    /// In which forms pauses are sent, with a note where the destination is in the way of one.
    func decidePauses(
        _ client: ElasticsearchClient,
        _ info: ServerInfo,
        _ patience: Patience,
        _ notes: inout [String]
    ) async throws -> PauseForms {
        guard configuration.includesPauses, !configuration.isViaPipeline, !configuration.retriesRejected
        else {
            return PauseForms(histogram: false, values: false)
        }
        let isKnown = ServerFeatures(info).knowsHistogram
        let values = configuration.pauseValues == .automatic ? !isKnown : configuration.pauseValues == .on
        switch configuration.pauseHistogram {
        case .on where !isKnown:
            throw ReplayStop(
                .unavailable,
                "\(info.product.rawValue) \(info.version) knows no field type histogram, and would make two useless "
                    + "arrays of it; leave out --pause-histogram on"
            )
        case .on: return PauseForms(histogram: true, values: values)
        case .off: return PauseForms(histogram: false, values: values)
        case .automatic:
            let stream = DocumentKind.heap.stream(namespace: configuration.namespace)
            if isKnown,
                try await patience.asking({
                    try await PauseHistogramMapping.isMapped(in: stream, by: client)
                })
            {
                return PauseForms(histogram: true, values: values)
            }
            if isKnown {
                notes.append(
                    "documents go without \(StandardMapping.histogram), which \(stream) does not map; run with --setup "
                        + "once, or with --pause-histogram on"
                )
            }
            return PauseForms(histogram: false, values: values)
        }
    }

    /// Says which standard fields a stream that exists maps so that fractions are cut, with nothing but 201s.
    func noteCutFields(
        _ client: ElasticsearchClient,
        _ patience: Patience,
        _ notes: inout [String]
    ) async throws {
        guard !configuration.isViaPipeline else { return }
        let stream = DocumentKind.heap.stream(namespace: configuration.namespace)
        let fields = StandardMapping.fractions(of: .heap)
        let cut = try await patience.asking {
            let answer = try await client.asked(
                "GET",
                [stream, "_mapping"],
                query: "filter_path=\(MappedFields.filterPath).properties.heap.properties.gc"
            )
            switch answer.status {
            case 200:
                // What is no JSON says nothing, as an answer without the member does.
                let mapped = MappedFields(answer: try? JSONReader.value(of: answer.body))
                return fields.filter(mapped.cutsFractions)
            // Where we may not look, nobody can be warned.
            case 401, 403, 404: return []
            default: throw client.stop(answer, on: stream)
            }
        }
        guard !cut.isEmpty else { return }
        notes.append(
            "\(stream) maps \(cut.joined(separator: " and ")) as whole numbers, and cuts what is behind the point; run "
                + "--setup, then roll the stream over (POST /\(stream)/_rollover)"
        )
    }

    /// A body for a pipeline that there is not would be stored as text, without one metric.
    func requirePipelines(_ client: ElasticsearchClient) async throws(ReplayStop) {
        guard configuration.isViaPipeline else { return }
        for kind in DocumentKind.allCases {
            let name = kind.stream(namespace: configuration.namespace)
            let pipeline = try await pipeline(of: name, client)
            guard case .known(let pipeline) = pipeline, pipeline == nil || pipeline == "_none" else {
                continue
            }
            throw ReplayStop(
                .unavailable,
                "\(name) has no default pipeline, which --via-pipeline is for; install the Golang integration's "
                    + "assets, or send without --via-pipeline"
            )
        }
    }

    private enum DefaultPipeline {
        case known(String?)
        /// Nobody lets us look.
        case hidden
    }

    private func pipeline(
        of stream: String,
        _ client: ElasticsearchClient
    ) async throws(ReplayStop) -> DefaultPipeline {
        let name = "index.default_pipeline"
        let answer = try await client.asked("GET", [stream, "_settings", name], query: "flat_settings=true")
        switch answer.status {
        case 200:
            // What is no JSON says nothing, as an answer without the member does.
            let value = try? JSONReader.value(of: answer.body)
            let newest = value?.members?.max {
                (WriteIndex.generation($0.key) ?? 0) < (WriteIndex.generation($1.key) ?? 0)
            }
            return .known(newest?.value["settings"]?[name]?.string)
        case 404:
            guard let template = try await client.simulatedTemplate(of: stream), template["template"] != nil
            else { return .hidden }
            let settings = template[path: ["template", "settings"]]
            return .known(
                settings?[path: ["index", "default_pipeline"]]?.string ?? settings?[name]?.string
            )
        case 401, 403: return .hidden
        default: throw client.stop(answer, on: stream)
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
            if found.status == 200 {
                // What is no JSON says nothing, as an answer without the member does.
                let value = try? JSONReader.value(of: found.body)
                // A plain index of that name is no data stream: the list is empty.
                if value?["data_streams"]?.elements?.isEmpty ?? true { throw .plainIndex(name) }
            }
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

/// The forms in which pauses are sent beside their number, sum and maximum.
struct PauseForms: Hashable {
    /// `golang.heap.gc.pause.histogram`.
    var histogram: Bool
    /// `golang.heap.gc.pause.ns`, each pause a value.
    var values: Bool
}
