import Compression
import JSON
import Storage

/// Carries out what the machine wants asked, and turns answers into its events.
struct ElasticsearchTransport: Sendable {
    let client: ElasticsearchClient
    let features: ServerFeatures
    let namespace: String
    let isViaPipeline: Bool
    /// 0: not compressed.
    let gzipLevel: Int32
    /// Whether failures of TLS are worth another try, as they are to one who stays.
    let isPatient: Bool

    /// Ids in one `ids` query: ten copies of each would still fit the 10,000 hits that a search returns.
    private static let idsMax = 1_000
    private static let hitsMax = 10_000

    // MARK: Bulk

    /// Sends a bulk request; also the bytes that went over the wire.
    func bulk(
        _ batch: Int,
        _ documents: [ReplayDocument]
    ) async -> (event: ReplayMachine.Event, wireBytes: Int) {
        let body = compressed(documents)
        let outcome = await client.send(
            "POST",
            ["_bulk"],
            query: features.bulkQuery(viaPipeline: isViaPipeline),
            body: body,
            contentType: "application/x-ndjson",
            isGzipped: gzipLevel > 0
        )
        guard case .answer(let answer) = outcome else {
            return (.failed(batch: batch, failure(outcome)), body.count)
        }
        guard answer.status == 200 else {
            return (.failed(batch: batch, failure(answer, on: "_bulk")), body.count)
        }
        do throws(BulkResponseError) {
            let items = try BulkResponse.items(
                of: answer.body,
                for: documents,
                namespace: namespace,
                clean: client.text.clean
            )
            return (.answered(batch: batch, items), body.count)
        } catch {
            // Nothing in such an answer is believed; what it was about may be stored.
            let failure = BulkFailure.retry(
                reason: client.text.clean(error.description),
                isCertainlyNotStored: false,
                retryAfter: answer.retryAfter
            )
            return (.failed(batch: batch, failure), body.count)
        }
    }

    private func compressed(_ documents: [ReplayDocument]) -> [UInt8] {
        // Without memory for it the request is sent as it is.
        guard gzipLevel > 0, let encoder = try? StreamEncoder(.gzip, level: gzipLevel) else {
            return BulkRequest.body(of: documents, namespace: namespace)
        }
        // Piece by piece, so that the uncompressed request never stands in memory beside the documents.
        var body: [UInt8] = []
        do {
            var rest = documents[...]
            while !rest.isEmpty {
                let piece = BulkRequest.body(of: Array(rest.prefix(64)), namespace: namespace)
                rest = rest.dropFirst(64)
                try encoder.encode(piece) { body.append(contentsOf: $0) }
            }
            try encoder.finish { body.append(contentsOf: $0) }
        } catch {
            preconditionFailure("BUG: compressing into memory cannot fail: \(error)")
        }
        return body
    }

    // MARK: Questions

    /// Asks which index each stream writes to.
    func probe(_ batch: Int, _ streams: [DocumentKind]) async -> ReplayMachine.Event {
        var states = PerStream(ReplayMachine.StreamState(writeIndex: .absent, indexCount: 0))
        for stream in streams {
            let name = stream.stream(namespace: namespace)
            let outcome = await client.send(
                "GET",
                ["_data_stream", name],
                query: "filter_path=data_streams.name,data_streams.indices.index_name"
            )
            guard case .answer(let answer) = outcome else { return .failed(batch: batch, failure(outcome)) }
            switch answer.status {
            case 200:
                // What is no JSON says nothing, as an answer without the member does.
                let value = try? JSONReader.value(of: answer.body)
                // `filter_path` leaves nothing of an empty list.
                if value?["data_streams"]?.elements?.isEmpty ?? (value == .object([])) {
                    return .failed(batch: batch, .stop(.plainIndex(name)))
                }
                guard let found = value?["data_streams"]?.elements?.first,
                    let indices = found["indices"]?.elements, let last = indices.last?["index_name"]?.string
                else {
                    return .failed(
                        batch: batch,
                        .retry(
                            reason: "\(name) is described in a way that makes no sense",
                            isCertainlyNotStored: true,
                            retryAfter: nil
                        )
                    )
                }
                // The last one is the write index (reference, "Get data stream").
                states[stream] = ReplayMachine.StreamState(
                    writeIndex: .named(last),
                    indexCount: indices.count
                )
            case 404: continue
            case 403: return .denied(batch: batch)
            default: return .failed(batch: batch, failure(answer, on: name))
            }
        }
        return .probed(batch: batch, states)
    }

    /// Asks what indices map, or streams where no index is named.
    func map(_ batch: Int, _ indices: [DocumentKind: String?]) async -> ReplayMachine.Event {
        var mapped = PerStream<MappedFields?>(nil)
        for (stream, index) in indices {
            let name = index ?? stream.stream(namespace: namespace)
            let outcome = await client.send(
                "GET",
                [name, "_mapping"],
                query: "filter_path=\(MappedFields.filterPath)"
            )
            guard case .answer(let answer) = outcome else { return .failed(batch: batch, failure(outcome)) }
            switch answer.status {
            // What is no JSON says nothing, as an answer without the member does.
            case 200: mapped[stream] = MappedFields(answer: try? JSONReader.value(of: answer.body))
            // A block of metadata answers 404, though the index is there.
            case 403, 404: continue
            default: return .failed(batch: batch, failure(answer, on: name))
            }
        }
        return .mapped(batch: batch, mapped)
    }

    /// Asks which documents are there, by their ids.
    ///
    /// An older index of the stream that is closed cannot be searched; then the others are, and the answer says so.
    func lookUp(
        _ batch: Int,
        _ ids: [DocumentKind: [String]],
        refresh: Bool
    ) async -> ReplayMachine.Event {
        switch await lookUp(batch, ids, refresh: refresh, skipsClosed: false) {
        case .closed: break
        case .event(let event): return event
        }
        switch await lookUp(batch, ids, refresh: refresh, skipsClosed: true) {
        case .closed(let failure): return .failed(batch: batch, failure)
        case .event(let event): return event
        }
    }

    private enum LookUpOutcome {
        case event(ReplayMachine.Event)
        /// An index of the stream is closed.
        case closed(BulkFailure)
    }

    private static let closedType = "index_closed_exception"

    private func refused(_ batch: Int, _ answer: ElasticsearchClient.Answer, on name: String) -> LookUpOutcome
    {
        let failure = failure(answer, on: name)
        // What is no JSON says nothing, as an answer without the member does.
        let error = ServerInfo.error(in: try? JSONReader.value(of: answer.body, bytesMax: 1 << 20))
        return error.type == Self.closedType ? .closed(failure) : .event(.failed(batch: batch, failure))
    }

    private func lookUp(
        _ batch: Int,
        _ ids: [DocumentKind: [String]],
        refresh: Bool,
        skipsClosed: Bool
    ) async -> LookUpOutcome {
        var found: [String] = []
        for (stream, ids) in ids {
            let name = stream.stream(namespace: namespace)
            if refresh {
                let outcome = await client.send(
                    "POST",
                    [name, "_refresh"],
                    query: skipsClosed ? "ignore_unavailable=true" : ""
                )
                guard case .answer(let answer) = outcome else {
                    return .event(.failed(batch: batch, failure(outcome)))
                }
                switch answer.status {
                case 200: break
                case 404: continue
                case 403: return .event(.denied(batch: batch))
                default: return refused(batch, answer, on: name)
                }
            }
            var rest = ids[...]
            while !rest.isEmpty {
                let outcome = await search(
                    name,
                    for: Array(rest.prefix(ElasticsearchTransport.idsMax)),
                    skipsClosed: skipsClosed
                )
                rest = rest.dropFirst(ElasticsearchTransport.idsMax)
                guard case .answer(let answer) = outcome else {
                    return .event(.failed(batch: batch, failure(outcome)))
                }
                switch answer.status {
                case 200: break
                case 404: continue
                case 403: return .event(.denied(batch: batch))
                default: return refused(batch, answer, on: name)
                }
                guard let hits = ElasticsearchTransport.hits(in: answer.body) else {
                    return .event(
                        .failed(
                            batch: batch,
                            .retry(
                                reason: "\(name) was not searched as a whole",
                                isCertainlyNotStored: true,
                                retryAfter: nil
                            )
                        )
                    )
                }
                found += hits
            }
        }
        return .event(.found(batch: batch, ids: found, isWhole: !skipsClosed))
    }

    private func search(
        _ name: String,
        for ids: [String],
        skipsClosed: Bool
    ) async -> ElasticsearchClient.Outcome {
        var json = JSONWriter()
        json.beginObject()
        json.key("size")
        json.integer(ElasticsearchTransport.hitsMax)
        json.key("_source")
        json.boolean(false)
        json.key("query")
        json.beginObject()
        json.key("ids")
        json.beginObject()
        json.key("values")
        json.beginArray()
        for id in ids { json.string(id) }
        json.endArray()
        json.endObject()
        json.endObject()
        json.endObject()
        // A part of the truth would have us send again what is there.
        return await client.send(
            "POST",
            [name, "_search"],
            query: "allow_partial_search_results=false\(skipsClosed ? "&ignore_unavailable=true" : "")"
                + "&filter_path=timed_out,_shards.failed,hits.hits._id",
            body: json.bytes
        )
    }

    /// The ids in a search's answer; nil unless every shard was searched.
    private static func hits(in body: [UInt8]) -> [String]? {
        // What is no JSON says nothing, as an answer without the member does.
        guard let value = try? JSONReader.value(of: body), value["timed_out"]?.boolean == false,
            value[path: ["_shards", "failed"]]?.integer == 0
        else { return nil }
        return value[path: ["hits", "hits"]]?.elements?.compactMap { $0["_id"]?.string } ?? []
    }

    // MARK: Failures

    private func failure(_ outcome: ElasticsearchClient.Outcome) -> BulkFailure {
        switch outcome {
        case .answer: preconditionFailure("BUG: an answer is no failure")
        case .answerTooLarge(let reason): return .answerTooLarge(reason: reason)
        case .failed(let reason, let isCertainlyNotSent, let isTLS):
            if isTLS, !isPatient { return .stop(ReplayStop(.unavailable, reason)) }
            return .retry(reason: reason, isCertainlyNotStored: isCertainlyNotSent, retryAfter: nil)
        }
    }

    private func failure(_ answer: ElasticsearchClient.Answer, on place: String) -> BulkFailure {
        // What is no JSON says nothing, as an answer without the member does.
        let value = try? JSONReader.value(of: answer.body, bytesMax: 1 << 20)
        let error = ServerInfo.error(in: value)
        return BulkFailure.of(
            status: answer.status,
            type: error.type.map(client.text.clean),
            reason: error.reason.map(client.text.clean),
            retryAfter: answer.retryAfter,
            on: place
        )
    }
}
