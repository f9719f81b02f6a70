import Model
package import Storage

/// What `--dry-run` finds: what would be sent.
package struct ReplayPreview: Sendable {
    package var scrapes = 0
    package var documents = 0
    /// Bytes of bulk requests before compression.
    package var bytes: Int64 = 0
    /// The first document of each stream, by the stream's name.
    package var first: [String: [UInt8]] = [:]
    /// Whether the ledger knows the destination; otherwise everything recorded is counted.
    package var isDestinationKnown = false
}

extension ElasticsearchReplay {
    /// Prepares the cluster for our documents; a sentence for each thing done, or, `isDry`, for each that would be.
    ///
    /// - Throws: `ReplayStop`, `ExportSetupError`.
    package func setUp(isDry: Bool = false) async throws -> [String] {
        let client = try await ElasticsearchClient.open(configuration.client)
        let result: Result<[String], any Error>
        do {
            let info = try await patience({ _ in }, ReplayHerald { _ in }, pending: { nil }).asking {
                try await ServerGreeting(client: client).info()
            }
            result = .success(
                try await ElasticsearchSetup(
                    client: client,
                    info: info,
                    namespace: configuration.namespace,
                    isDry: isDry
                ).run()
            )
        } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }

    /// Goes over what would be sent, without asking the server anything.
    ///
    /// The pause histogram is counted in unless it is off.
    package func preview() async throws -> ReplayPreview {
        var preview = ReplayPreview()
        let vault = try Vault.openReader(path: configuration.vaultPath)
        let database = try ExportedDatabase(vault)
        let known = try ReplayLedger.cursors(
            vaultPath: configuration.vaultPath,
            databaseUUID: database.recorder.id,
            label: configuration.client.url.description,
            namespace: configuration.namespace,
            mode: configuration.mode
        )
        preview.isDestinationKnown = known != nil
        let source = try DatabaseSource(
            vault: vault,
            context: context(
                database,
                PauseForms(
                    histogram: configuration.pauseHistogram != .off,
                    values: configuration.pauseValues == .on
                )
            ),
            targets: configuration.targets,
            range: configuration.range,
            isWhole: configuration.isWhole,
            cursors: known ?? [:]
        )
        while let delivery = try source.next() {
            try Task.checkCancellation()
            guard case .document(let document) = delivery else { continue }
            preview.documents += 1
            if document.kind == .expvar { preview.scrapes += 1 }
            preview.bytes += Int64(BulkRequest.bytes(of: document, namespace: configuration.namespace))
            let stream = document.kind.stream(namespace: configuration.namespace)
            if preview.first[stream] == nil { preview.first[stream] = document.bytes }
        }
        return preview
    }

    /// Calls `body` for each document that some destination of the database refused, oldest first: `export rejected`.
    package static func forEachRejected(
        vaultPath: String,
        _ body: (RejectedEntry) throws -> Void
    ) throws {
        let uuid = try Vault.openReader(path: vaultPath).snapshot().databaseUUID
        try ReplayLedger.forEachRejected(vaultPath: vaultPath, databaseUUID: uuid, body)
    }
}
