package import JSON

/// A request as it reached the stand-in.
package struct ElasticsearchRequest: Sendable {
    package var method: String
    /// The path without the query, and decoded.
    package var path: String
    package var query: [(name: String, value: String)]
    /// Names in lower case.
    package var headers: [String: String]
    /// As it was sent, still compressed.
    package var body: [UInt8]

    /// A request of `uri`, path and query.
    package init(method: String, uri: String, headers: [String: String] = [:], body: [UInt8] = []) {
        self.method = method
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = ElasticsearchRequest.decoded(parts[0])
        query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { pair in
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(sides[0]), sides.count > 1 ? String(sides[1]) : "")
        }
        self.headers = headers
        self.body = body
    }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// A path with the bytes that stand behind each `%`.
    private static func decoded(_ path: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(path.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An answer before it goes out.
package struct ElasticsearchAnswer: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8]

    init(status: Int = 200, _ value: JSONValue) {
        self.status = status
        body = value.bytes
    }

    init(status: Int, text: String) {
        self.status = status
        body = Array(text.utf8)
    }

    static func error(_ status: Int, _ type: String, _ reason: String) -> ElasticsearchAnswer {
        let error = JSONValue.fields(["type": .string(type), "reason": .string(reason)])
        return ElasticsearchAnswer(
            status: status,
            .fields([
                "error": .fields([
                    "root_cause": .array([error]), "type": .string(type), "reason": .string(reason),
                ]), "status": .whole(status),
            ])
        )
    }
}

extension JSONValue {
    /// An object with those members, in the order in which they are written down.
    static func fields(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(members.map { JSONMember(key: $0.key, value: $0.value) })
    }

    static func whole(_ number: Int) -> JSONValue { .number(String(number)) }
}

/// What the stand-in knows and how it answers: a cluster as strict as Elasticsearch where it matters to us.
///
/// Pure.
package struct ElasticsearchCluster: Sendable {
    /// A backing index: documents by id, and the fields that they made.
    struct Index: Sendable {
        var name: String
        var mapping: ElasticsearchMapping
        var documents: [String: [UInt8]] = [:]
        /// Ids in the order of arrival, and how many of them a search sees.
        var order: [String] = []
        var visibleCount = 0
        var isClosed = false
    }

    struct Stream: Sendable {
        var indices: [Index]
        /// Documents that went to the failure store.
        var failures: [[UInt8]] = []
        /// Whether it is no stream, but an index that a document made where no template was.
        var isPlain = false
    }

    /// A template, composable.
    struct Template: Sendable {
        var patterns: [String]
        var priority: Int
        var isDataStream: Bool
        var composedOf: [String]
        var body: JSONValue
    }

    package var version: (major: Int, minor: Int, patch: Int)
    package var isOpenSearch = false
    /// Elasticsearch says what it is in a header, from 7.14 on; a proxy may lose it.
    package var sendsProductHeader = true
    /// The value of `Authorization` that is accepted; nil: anything.
    package var authorization: String?
    /// After so many bulk requests the key has expired.
    package var expiresAfter: Int?
    package var privileges = Set(ElasticsearchPrivilege.allCases)
    /// How many fields and objects an index may have.
    package var fieldsMax = 1_000
    /// What every index has as its default pipeline.
    package var defaultPipeline: String?
    /// A larger request is answered 413.
    package var requestBytesMax = 100 << 20
    package var clusterUUID = "kQ1zT3rXSVq6yJ9m0uC2Pw"
    var streams: [String: Stream] = [:]
    package internal(set) var bulkRequestCount = 0
    var components: [String: JSONValue] = [:]
    var templates: [String: Template] = [:]
    private var generated = 0

    /// A cluster of that version with the stock templates for `logs-*-*` and `metrics-*-*`.
    package init(version: (Int, Int, Int) = (8, 15, 0)) {
        self.version = version
        for type in ["logs", "metrics"] {
            let constant =
                #"{"data_stream":{"properties":{"type":{"type":"constant_keyword","value":"\#(type)"}}}}"#
            let properties = (try? JSONReader.value(of: Array(constant.utf8))) ?? .null
            templates[type] = Template(
                patterns: ["\(type)-*-*"],
                priority: 100,
                isDataStream: true,
                composedOf: [],
                body: .fields(["template": .fields(["mappings": .fields(["properties": properties])])])
            )
        }
    }

    /// An OpenSearch as it comes: without any template.
    package static func openSearch(_ version: (Int, Int, Int) = (1, 0, 1)) -> ElasticsearchCluster {
        var cluster = ElasticsearchCluster(version: version)
        cluster.isOpenSearch = true
        cluster.removeTemplates()
        return cluster
    }

    /// Closes every index of a stream but the one that it writes to.
    package mutating func closeOlderIndices(of stream: String) {
        for index in (streams[stream]?.indices.indices ?? 0..<0).dropLast() {
            streams[stream]?.indices[index].isClosed = true
        }
    }

    /// The index that a stream writes to.
    package func writeIndex(of stream: String) -> String? { streams[stream]?.indices.last?.name }

    /// Types of the fields of the index that a stream writes to.
    package func types(of stream: String) -> [String: String] {
        streams[stream]?.indices.last?.mapping.fields.mapValues(\.name) ?? [:]
    }

    /// What the index that a stream writes to says to a document, without keeping it; nil where it would be taken.
    package func refusal(of document: JSONValue, in stream: String) -> String? {
        guard var mapping = streams[stream]?.indices.last?.mapping else { return nil }
        do {
            try mapping.take(document, id: "x")
            return nil
        } catch {
            return (error as? ElasticsearchMapping.Refusal)?.reason ?? "\(error)"
        }
    }

    /// Takes away the templates: then nothing makes a data stream.
    package mutating func removeTemplates() { templates = [:] }

    /// Whether the version is at least that.
    func isAtLeast(_ major: Int, _ minor: Int) -> Bool { (version.major, version.minor) >= (major, minor) }

    /// The type of the error that a document meets.
    var documentErrorType: String {
        !isOpenSearch && isAtLeast(8, 8) ? "document_parsing_exception" : "mapper_parsing_exception"
    }

    // MARK: What lies there

    /// All documents of a stream, once for each index that holds them.
    package func documents(of stream: String) -> [(id: String, source: [UInt8])] {
        streams[stream]?.indices.flatMap { index in index.order.map { ($0, index.documents[$0] ?? []) } }
            ?? []
    }

    /// How many indices a stream has.
    package func indexCount(of stream: String) -> Int { streams[stream]?.indices.count ?? 0 }

    /// Starts a new write index.
    package mutating func rollOver(_ stream: String) {
        guard let generation = streams[stream]?.indices.count else { return }
        let index = newIndex(of: stream, generation: generation + 1)
        streams[stream]?.indices.append(index)
    }

    private func newIndex(of stream: String, generation: Int) -> Index {
        let digits = String(generation)
        let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        // Since 7.11 the date stands in the name.
        let date = isAtLeast(7, 11) && !isOpenSearch ? "2026.01.02-" : ""
        return Index(name: ".ds-\(stream)-\(date)\(padded)", mapping: mapping(forNew: stream))
    }

    /// The template that makes a stream of that name, with the highest priority.
    func template(for name: String) -> Template? {
        templates.values.filter { $0.patterns.contains { ElasticsearchCluster.matches(name, $0) } }
            .max { $0.priority < $1.priority }
    }

    static func matches(_ name: String, _ pattern: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        var rest = name[...]
        for (index, part) in parts.enumerated() {
            if index == 0 {
                guard rest.hasPrefix(part) else { return false }
                rest = rest.dropFirst(part.count)
            } else if index == parts.count - 1 {
                return part.isEmpty || rest.hasSuffix(part)
            } else {
                guard let range = rest.firstRange(of: part) else { return false }
                rest = rest[range.upperBound...]
            }
        }
        return rest.isEmpty
    }

    /// The fields that the templates give a new index of that name.
    func mapping(forNew name: String) -> ElasticsearchMapping {
        var mapping = ElasticsearchMapping(errorType: documentErrorType)
        mapping.fieldsMax = fieldsMax
        guard let template = template(for: name) else { return mapping }
        for component in template.composedOf {
            mapping.add(mappings: components[component]?[path: ["template", "mappings"]])
        }
        mapping.add(mappings: template.body[path: ["template", "mappings"]])
        return mapping
    }

    /// Makes a stream, where a template says that there may be one.
    mutating func makeStream(_ name: String) -> Bool {
        if let present = streams[name] { return !present.isPlain }
        guard template(for: name)?.isDataStream == true else { return false }
        streams[name] = Stream(indices: [newIndex(of: name, generation: 1)])
        return true
    }

    /// What a document does where no template is: it makes an index of that name.
    package mutating func makePlainIndex(_ name: String) {
        if streams[name] != nil { return }
        let index = Index(name: name, mapping: ElasticsearchMapping(errorType: documentErrorType))
        streams[name] = Stream(indices: [index], isPlain: true)
    }

    mutating func generateID() -> String {
        generated += 1
        return "generated-\(generated)"
    }

    // MARK: Answers

    /// Answers one request.
    ///
    /// `fault` bends what a bulk request gets.
    package mutating func answer(
        _ request: ElasticsearchRequest,
        fault: ElasticsearchFault = .none
    ) -> ElasticsearchAnswer {
        var answer = route(request, fault)
        if !isOpenSearch, isAtLeast(7, 14), sendsProductHeader {
            answer.headers.append(("X-elastic-product", "Elasticsearch"))
        }
        if let id = request.headers["x-opaque-id"] { answer.headers.append(("X-Opaque-Id", id)) }
        answer.headers.append(("content-type", "application/json; charset=UTF-8"))
        if answer.status == 200, let paths = request.parameter("filter_path"),
            let value = try? JSONReader.value(of: answer.body)
        {
            answer.body = ElasticsearchFilterPath(paths).filter(value).bytes
        }
        return answer
    }

    private mutating func route(
        _ request: ElasticsearchRequest,
        _ fault: ElasticsearchFault
    ) -> ElasticsearchAnswer {
        if let authorization, request.headers["authorization"] != authorization {
            return unauthenticated(request)
        }
        let parts = request.path.split(separator: "/").map(String.init)
        if parts.last == "_bulk" {
            bulkRequestCount += 1
            if let expiresAfter, bulkRequestCount > expiresAfter { return unauthenticated(request) }
        }
        switch (request.method, parts.count, parts.first, parts.last) {
        case ("GET", 0, _, _), ("HEAD", 0, _, _): return guarded([.monitor], request) { $0.root() }
        case (_, 1...2, _, "_bulk"): return bulk(request, index: parts.count == 2 ? parts[0] : nil, fault)
        case ("GET", 2, "_data_stream", let name?):
            return guarded([.viewIndexMetadata], request) { $0.describeStream(name) }
        case ("PUT", 2, "_data_stream", let name?):
            return guarded([.manage], request) { cluster in
                cluster.makeStream(name)
                    ? cluster.acknowledged
                    : .error(
                        400,
                        "illegal_argument_exception",
                        "no matching index template found for data stream [\(name)]"
                    )
            }
        case ("POST", 2, let name?, "_refresh"):
            return guarded([.maintenance], request) { $0.refresh(name, request) }
        case ("POST", 2, let name?, "_search"), ("GET", 2, let name?, "_search"):
            return guarded([.read], request) { $0.search(name, request) }
        case ("GET", 2, let name?, "_count"): return guarded([.read], request) { $0.count(name) }
        default: return administrate(request, parts)
        }
    }

    /// Answers where the credential may, and with a 403 otherwise.
    mutating func guarded(
        _ needed: Set<ElasticsearchPrivilege>,
        _ request: ElasticsearchRequest,
        _ body: (inout ElasticsearchCluster) -> ElasticsearchAnswer
    ) -> ElasticsearchAnswer {
        guard needed.isSubset(of: privileges) else {
            return .error(
                403,
                "security_exception",
                "action [\(request.method) \(request.path)] is unauthorized for API key "
                    + "[\(request.headers["authorization"] ?? "")]"
            )
        }
        return body(&self)
    }

    private func unauthenticated(_ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        // Servers and proxies do repeat what they were sent.
        .error(
            401,
            "security_exception",
            "unable to authenticate with provided credentials [\(request.headers["authorization"] ?? "none")]"
        )
    }

    var acknowledged: ElasticsearchAnswer { ElasticsearchAnswer(.fields(["acknowledged": .boolean(true)])) }

    private func root() -> ElasticsearchAnswer {
        let number = "\(version.major).\(version.minor).\(version.patch)"
        var members = [JSONMember(key: "number", value: .string(number))]
        if isOpenSearch {
            members.insert(JSONMember(key: "distribution", value: .string("opensearch")), at: 0)
        } else {
            members.append(JSONMember(key: "build_flavor", value: .string("default")))
        }
        return ElasticsearchAnswer(
            .fields([
                "name": "node-1", "cluster_name": "stand-in", "cluster_uuid": .string(clusterUUID),
                "version": .object(members),
                "tagline": .string(
                    isOpenSearch ? "The OpenSearch Project: https://opensearch.org/" : "You Know, for Search"
                ),
            ])
        )
    }

    private func describeStream(_ name: String) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        if stream.isPlain { return ElasticsearchAnswer(.fields(["data_streams": .array([])])) }
        let indices = stream.indices.map { index in
            JSONValue.fields(["index_name": .string(index.name), "index_uuid": .string("u-" + index.name)])
        }
        return ElasticsearchAnswer(
            .fields([
                "data_streams": .array([
                    .fields([
                        "name": .string(name), "timestamp_field": .fields(["name": "@timestamp"]),
                        "indices": .array(indices), "generation": .whole(stream.indices.count),
                        "status": "GREEN",
                    ])
                ])
            ])
        )
    }

    func missing(_ name: String) -> ElasticsearchAnswer {
        .error(404, "index_not_found_exception", "no such index [\(name)]")
    }

    /// Where a closed index of a stream stands in the way of asking all of it.
    private func closed(_ stream: Stream, _ request: ElasticsearchRequest) -> ElasticsearchAnswer? {
        guard stream.indices.contains(where: \.isClosed), request.parameter("ignore_unavailable") != "true"
        else { return nil }
        return .error(400, "index_closed_exception", "closed")
    }

    private mutating func refresh(_ name: String, _ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        if let closed = closed(stream, request) { return closed }
        for index in stream.indices.indices {
            streams[name]?.indices[index].visibleCount = stream.indices[index].order.count
        }
        return ElasticsearchAnswer(
            .fields(["_shards": .fields(["total": .whole(2), "successful": .whole(2), "failed": .whole(0)])])
        )
    }

    private func count(_ name: String) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        return ElasticsearchAnswer(
            .fields(["count": .whole(stream.indices.reduce(0) { $0 + $1.visibleCount })])
        )
    }

    /// An `ids` query, which is all that is understood; it sees what is refreshed, and returns ten unless told.
    private func search(_ name: String, _ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        if let closed = closed(stream, request) { return closed }
        guard let query = try? JSONReader.value(of: request.body),
            let values = query[path: ["query", "ids", "values"]]?.elements
        else { return .error(400, "parsing_exception", "unknown query") }
        let size = Int(query["size"]?.integer ?? 10)
        guard size <= 10_000 else {
            return .error(
                400,
                "illegal_argument_exception",
                "Result window is too large, from + size must be less than or equal "
                    + "to: [10000] but was [\(size)]"
            )
        }
        let wanted = Set(values.compactMap(\.string))
        var hits: [JSONValue] = []
        for index in stream.indices where !index.isClosed {
            for id in index.order.prefix(index.visibleCount) where wanted.contains(id) {
                hits.append(.fields(["_index": .string(index.name), "_id": .string(id)]))
            }
        }
        return ElasticsearchAnswer(
            .fields([
                "took": .whole(1), "timed_out": .boolean(false),
                "_shards": .fields(["total": .whole(1), "successful": .whole(1), "failed": .whole(0)]),
                "hits": .fields([
                    "total": .fields(["value": .whole(hits.count), "relation": "eq"]),
                    "hits": .array(Array(hits.prefix(size))),
                ]),
            ])
        )
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
}
