import Compression
import JSON

extension ElasticsearchCluster {
    /// An action line and its source.
    private struct Action {
        var operation: String
        var index: String?
        var id: String?
        var requiresAlias = false
        var source: [UInt8]
    }

    private enum Failure: Error {
        case answer(ElasticsearchAnswer)
    }

    private static let parameters: Set<String> = [
        "filter_path", "pipeline", "refresh", "timeout", "wait_for_active_shards", "routing", "_source",
        "error_trace",
        "pretty", "human", "require_alias",
    ]

    /// `_bulk`, as strict as the real one.
    mutating func bulk(
        _ request: ElasticsearchRequest,
        index: String?,
        _ fault: ElasticsearchFault
    ) -> ElasticsearchAnswer {
        guard request.method == "POST" || request.method == "PUT" else { return notAllowed(request) }
        var allowed = ElasticsearchCluster.parameters
        if !isOpenSearch, isAtLeast(8, 13) { allowed.insert("require_data_stream") }
        if let unknown = request.query.first(where: { !allowed.contains($0.name) }) {
            return .error(
                400,
                "illegal_argument_exception",
                "request [\(request.path)] contains unrecognized parameter: [\(unknown.name)]"
            )
        }
        let type = request.headers["content-type"] ?? ""
        guard isAccepted(contentType: type) else {
            return ElasticsearchAnswer(
                status: 406,
                .fields([
                    "error": .string("Content-Type header [\(type)] is not supported"), "status": .whole(406),
                ])
            )
        }
        guard privileges.contains(.createDoc) else {
            return guarded([.createDoc], request) { $0.acknowledged }
        }
        do {
            let actions = try actions(in: body(of: request), index: index, request)
            return carryOut(actions, request, fault)
        } catch Failure.answer(let answer) {
            return answer
        } catch {
            return .error(500, "exception", "\(error)")
        }
    }

    private func isAccepted(contentType: String) -> Bool {
        let parts = contentType.split(separator: ";").map { $0.trimmingSpaces }
        switch parts.first {
        case "application/json", "application/x-ndjson": return true
        case "application/vnd.elasticsearch+x-ndjson", "application/vnd.elasticsearch+json":
            return isAtLeast(8, 0) && parts.contains("compatible-with=\(version.major)")
        default: return false
        }
    }

    private func body(of request: ElasticsearchRequest) throws -> [UInt8] {
        guard request.body.count <= requestBytesMax else {
            throw Failure.answer(ElasticsearchAnswer(status: 413, text: ""))
        }
        var body = request.body
        if request.headers["content-encoding"] == "gzip" {
            body = []
            do {
                let decoder = try StreamDecoder(.gzip, bytesMax: 200 << 20)
                try decoder.decode(request.body) { body.append(contentsOf: $0) }
                try decoder.finish()
            } catch {
                // A real server was seen to take a broken body for none.
                body = []
            }
        }
        guard !body.isEmpty else {
            throw Failure.answer(.error(400, "parse_exception", "request body is required"))
        }
        guard body.count <= requestBytesMax else {
            throw Failure.answer(ElasticsearchAnswer(status: 413, text: ""))
        }
        guard body.last == 0x0A else {
            throw Failure.answer(
                .error(
                    400,
                    "illegal_argument_exception",
                    "The bulk request must be terminated by a newline [\\n]"
                )
            )
        }
        return body
    }

    private func actions(in body: [UInt8], index: String?, _ request: ElasticsearchRequest) throws -> [Action]
    {
        var actions: [Action] = []
        var lines = body.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        var number = 0
        while let line = lines.popFirst() {
            number += 1
            if line.isEmpty { continue }
            guard let value = try? JSONReader.value(of: Array(line)), let member = value.members?.first else {
                throw Failure.answer(
                    .error(400, "json_parse_exception", "Unexpected character at [Source: \(echo(request))]")
                )
            }
            guard ["create", "index", "update", "delete"].contains(member.key) else {
                // A real 7.10 stops reading here and complains of what it then has.
                break
            }
            var action = Action(operation: member.key, index: index, source: [])
            for parameter in member.value.members ?? [] {
                switch parameter.key {
                case "_index": action.index = parameter.value.string
                case "_id": action.id = parameter.value.string
                case "require_alias": action.requiresAlias = parameter.value.boolean ?? false
                case "routing", "version", "version_type", "if_seq_no", "if_primary_term", "pipeline": break
                case "_type" where version.major < 8: break
                case "dynamic_templates" where isAtLeast(7, 13): break
                case "require_data_stream" where isAtLeast(8, 13): break
                default:
                    throw Failure.answer(
                        .error(
                            400,
                            "illegal_argument_exception",
                            "Action/metadata line [\(number)] contains an unknown parameter [\(parameter.key)]"
                        )
                    )
                }
            }
            if member.key != "delete" {
                guard let source = lines.popFirst() else { break }
                number += 1
                action.source = Array(source)
            }
            guard action.index != nil else {
                throw Failure.answer(
                    .error(
                        400,
                        "action_request_validation_exception",
                        "Validation Failed: 1: index is missing;"
                    )
                )
            }
            actions.append(action)
        }
        guard !actions.isEmpty else {
            throw Failure.answer(
                .error(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")
            )
        }
        return actions
    }

    /// The bytes of a request as real servers put them into a reason, credentials included.
    private func echo(_ request: ElasticsearchRequest) -> String {
        let authorization = request.headers["authorization"].map { "Authorization: \($0)\\r\\n" } ?? ""
        return #"(byte[])"\#(request.method) \#(request.path) HTTP/1.1\r\n\#(authorization)""#
    }

    // MARK: Items

    private mutating func carryOut(
        _ actions: [Action],
        _ request: ElasticsearchRequest,
        _ fault: ElasticsearchFault
    ) -> ElasticsearchAnswer {
        var items: [JSONValue] = []
        var hasErrors = false
        for (number, action) in actions.enumerated() {
            let item: JSONValue
            switch fault {
            case .items(let status, let type, let reason, let every) where number % every == 0:
                item = failed(action, status, type, reason)
            case .failureStore(let every) where number % every == 0: item = putAside(action)
            default: item = carryOut(action, request)
            }
            hasErrors = hasErrors || item["error"] != nil
            items.append(.object([JSONMember(key: action.operation, value: item)]))
        }
        return ElasticsearchAnswer(
            .fields(["took": .whole(1), "errors": .boolean(hasErrors), "items": .array(items)])
        )
    }

    private func failed(
        _ action: Action,
        _ status: Int,
        _ type: String,
        _ reason: String,
        index: String? = nil,
        id: String? = nil,
        cause: (type: String, reason: String)? = nil
    ) -> JSONValue {
        var error = [
            JSONMember(key: "type", value: .string(type)), JSONMember(key: "reason", value: .string(reason)),
        ]
        if let cause {
            error.append(
                JSONMember(
                    key: "caused_by",
                    value: .fields(["type": .string(cause.type), "reason": .string(cause.reason)])
                )
            )
        }
        return .fields([
            "_index": .string(index ?? action.index ?? ""),
            "_id": (id ?? action.id).map { .string($0) } ?? .null,
            "status": .whole(status), "error": .object(error),
        ])
    }

    private mutating func putAside(_ action: Action) -> JSONValue {
        let stream = action.index ?? ""
        guard makeStream(stream) else {
            return failed(action, 404, "index_not_found_exception", "no such index")
        }
        streams[stream]?.failures.append(action.source)
        return .fields([
            "_index": .string(".fs-\(stream)-2026.01.02-000001"), "_id": .string(action.id ?? ""),
            "status": .whole(201), "failure_store": "used",
        ])
    }

    private mutating func carryOut(_ action: Action, _ request: ElasticsearchRequest) -> JSONValue {
        let name = action.index ?? ""
        guard name == name.lowercased(), !name.isEmpty else {
            return failed(
                action,
                400,
                "invalid_index_name_exception",
                "Invalid index name [\(name)], must be lowercase"
            )
        }
        if action.requiresAlias {
            return failed(
                action,
                404,
                "index_not_found_exception",
                "no such index [\(name)] and [require_alias] request flag is [true] and [\(name)] is not an alias"
            )
        }
        if let pipeline = request.parameter("pipeline"), pipeline != "_none" {
            return failed(
                action,
                400,
                "illegal_argument_exception",
                "pipeline with id [\(pipeline)] does not exist"
            )
        }
        if streams[name] == nil, !privileges.contains(.autoConfigure) {
            return failed(
                action,
                403,
                "security_exception",
                "action [indices:admin/auto_create] is unauthorized"
            )
        }
        if !makeStream(name) {
            guard request.parameter("require_data_stream") != "true" else {
                let why =
                    " and [require_data_stream] request flag is [true] and [\(name)] is not a data stream"
                return failed(action, 404, "index_not_found_exception", "no such index [\(name)]\(why)")
            }
            makePlainIndex(name)
        }
        guard action.operation == "create" else {
            return failed(
                action,
                400,
                "illegal_argument_exception",
                "only write ops with an op_type of create are allowed in data streams"
            )
        }
        return create(action, in: name, request)
    }

    private mutating func create(
        _ action: Action,
        in name: String,
        _ request: ElasticsearchRequest
    ) -> JSONValue {
        let id = action.id ?? generateID()
        guard var stream = streams.removeValue(forKey: name) else { return .null }
        // Taken out, so that the dictionaries in it are changed in place and not copied for each document.
        defer { streams[name] = stream }
        let last = stream.indices.count - 1
        let index = stream.indices[last].name
        do {
            let source = try JSONReader.value(of: action.source)
            // The engine looks at the id only after the mapping has been updated.
            try stream.indices[last].mapping.take(source, id: id)
        } catch let refusal as ElasticsearchMapping.Refusal {
            return failed(
                action,
                400,
                refusal.type,
                refusal.reason,
                index: index,
                id: id,
                cause: refusal.cause
            )
        } catch {
            return failed(
                action,
                400,
                documentErrorType,
                "failed to parse",
                index: index,
                id: id,
                cause: ("json_parse_exception", "\(error) at [Source: \(echo(request))]")
            )
        }
        guard stream.indices[last].documents[id] == nil else {
            return failed(
                action,
                409,
                "version_conflict_engine_exception",
                "[\(id)]: version conflict, document already exists (current version [1])",
                index: index,
                id: id
            )
        }
        stream.indices[last].documents[id] = action.source
        stream.indices[last].order.append(id)
        var members: [JSONMember] = [
            JSONMember(key: "_index", value: .string(index)), JSONMember(key: "_id", value: .string(id)),
            JSONMember(key: "_version", value: .whole(1)), JSONMember(key: "result", value: "created"),
            JSONMember(key: "_seq_no", value: .whole(stream.indices[last].order.count - 1)),
            JSONMember(key: "status", value: .whole(201)),
        ]
        if !isOpenSearch, isAtLeast(8, 14) {
            members.append(JSONMember(key: "failure_store", value: "not_applicable_or_unknown"))
        }
        return .object(members)
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
