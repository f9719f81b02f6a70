import JSON

extension ElasticsearchCluster {
    /// Templates and mappings: what `--setup` needs.
    mutating func administrate(_ request: ElasticsearchRequest, _ parts: [String]) -> ElasticsearchAnswer {
        switch (request.method, parts.count, parts.first, parts.last) {
        case ("PUT", 2, "_component_template", let name?):
            return guarded([.manageIndexTemplates], request) { cluster in
                guard let body = try? JSONReader.value(of: request.body), body["template"] != nil else {
                    return .error(
                        400,
                        "x_content_parse_exception",
                        "[1:1] [component_template] failed to parse"
                    )
                }
                if let refusal = cluster.refusal(of: body[path: ["template", "mappings", "properties"]]) {
                    return refusal
                }
                cluster.components[name] = body
                return cluster.acknowledged
            }
        case ("GET", 2, "_component_template", let name?):
            return guarded([.manageIndexTemplates], request) { cluster in
                guard let body = cluster.components[name] else {
                    return .error(
                        404,
                        "resource_not_found_exception",
                        "component template matching [\(name)] not found"
                    )
                }
                return ElasticsearchAnswer(
                    .fields([
                        "component_templates": .array([
                            .fields(["name": .string(name), "component_template": body])
                        ])
                    ])
                )
            }
        case ("PUT", 2, "_index_template", let name?):
            return guarded([.manageIndexTemplates], request) { $0.putTemplate(name, request) }
        case ("POST", 3, "_index_template", let name?) where parts[1] == "_simulate_index":
            return guarded([.manageIndexTemplates], request) { $0.simulate(name) }
        case ("GET", 2, "_index_template", let name?):
            return guarded([.manageIndexTemplates], request) { $0.describeTemplate(name) }
        case ("PUT", 2, let name?, "_mapping"):
            return guarded([.manage], request) { $0.putMapping(name, request) }
        case ("GET", 4, let name?, let field?) where parts[1] == "_mapping" && parts[2] == "field":
            return guarded([.viewIndexMetadata], request) { $0.fieldMapping(name, field) }
        case ("GET", 2, let name?, "_mapping"):
            return guarded([.viewIndexMetadata], request) { $0.mapping(name) }
        case ("GET", 3, let name?, "index.default_pipeline") where parts[1] == "_settings":
            return guarded([.viewIndexMetadata], request) { $0.settings(name) }
        case ("GET", 1, _, "_bulk"), ("DELETE", 1, _, "_bulk"):
            return notAllowed(request)
        default:
            return .error(
                400,
                "illegal_argument_exception",
                "no handler for [\(request.method) \(request.path)]"
            )
        }
    }

    func notAllowed(_ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        var answer = ElasticsearchAnswer(
            status: 405,
            .fields([
                "error": .string(
                    "Incorrect HTTP method for uri [\(request.path)] and method [\(request.method)], "
                        + "allowed: [POST, PUT]"
                ), "status": .whole(405),
            ])
        )
        answer.headers.append(("Allow", "POST,PUT"))
        return answer
    }

    /// Where a field has a type that the server does not know.
    private func refusal(of properties: JSONValue?) -> ElasticsearchAnswer? {
        for member in properties?.members ?? [] {
            if let type = member.value["type"]?.string,
                ElasticsearchMapping.FieldType(name: type, value: nil) == nil
                    || (isOpenSearch && ["histogram", "constant_keyword", "wildcard"].contains(type))
            {
                return .error(
                    400,
                    "mapper_parsing_exception",
                    "No handler for type [\(type)] declared on field [\(member.key)]"
                )
            }
            if let refusal = refusal(of: member.value["properties"]) { return refusal }
        }
        return nil
    }

    private mutating func putTemplate(_ name: String, _ request: ElasticsearchRequest) -> ElasticsearchAnswer
    {
        guard let body = try? JSONReader.value(of: request.body),
            let patterns = body["index_patterns"]?.elements?.compactMap(\.string), !patterns.isEmpty
        else { return .error(400, "action_request_validation_exception", "index patterns are missing") }
        if let refusal = refusal(of: body[path: ["template", "mappings", "properties"]]) { return refusal }
        let composedOf = body["composed_of"]?.elements?.compactMap(\.string) ?? []
        let ignored = body["ignore_missing_component_templates"]?.elements?.compactMap(\.string) ?? []
        if !ignored.isEmpty, !isAtLeast(8, 7) {
            return .error(
                400,
                "x_content_parse_exception",
                "[index_template] unknown field [ignore_missing_component_templates]"
            )
        }
        let absent = composedOf.filter { components[$0] == nil && !ignored.contains($0) }
        guard absent.isEmpty else {
            return .error(
                400,
                "invalid_index_template_exception",
                "index_template [\(name)] invalid, cause [index template [\(name)] specifies component templates "
                    + "\(absent) that do not exist]"
            )
        }
        let priority = Int(body["priority"]?.integer ?? 0)
        for (other, template) in templates
        where other != name && template.priority == priority
            && !Set(template.patterns).isDisjoint(with: patterns)
        {
            return .error(
                400,
                "illegal_argument_exception",
                "index template [\(name)] has index patterns \(patterns) matching patterns from existing templates "
                    + "[\(other)] with the same priority [\(priority)]"
            )
        }
        templates[name] = Template(
            patterns: patterns,
            priority: priority,
            isDataStream: body["data_stream"] != nil,
            composedOf: composedOf,
            body: body
        )
        return acknowledged
    }

    private func describeTemplate(_ name: String) -> ElasticsearchAnswer {
        guard let template = templates[name] else {
            return .error(404, "resource_not_found_exception", "index template matching [\(name)] not found")
        }
        return ElasticsearchAnswer(
            .fields([
                "index_templates": .array([.fields(["name": .string(name), "index_template": template.body])])
            ])
        )
    }

    private func simulate(_ name: String) -> ElasticsearchAnswer {
        // Before 8.2 an index of that name was added to a copy of the cluster's state, beside the stream.
        if streams[name] != nil, isOpenSearch || !isAtLeast(8, 2) {
            return .error(
                500,
                "illegal_state_exception",
                "index, alias, and data stream names need to be unique, but the following duplicates were found "
                    + "[data stream [\(name)] conflicts with index]"
            )
        }
        guard template(for: name) != nil else { return ElasticsearchAnswer(.object([])) }
        let mapping = mapping(forNew: name)
        let settings = defaultPipeline.map {
            JSONValue.fields(["index": .fields(["default_pipeline": .string($0)])])
        }
        return ElasticsearchAnswer(
            .fields([
                "template": .fields([
                    "settings": settings ?? .object([]), "mappings": mapping.described,
                    "aliases": .object([]),
                ]), "overlapping": .array([]),
            ])
        )
    }

    private mutating func putMapping(_ name: String, _ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        guard let body = try? JSONReader.value(of: request.body), let members = body.members, !members.isEmpty
        else { return .error(400, "parse_exception", "request body is required") }
        let properties = body["properties"]
        if let refusal = refusal(of: properties) { return refusal }
        let isWriteIndexOnly = request.parameter("write_index_only") == "true"
        for index in stream.indices.indices where !isWriteIndexOnly || index == stream.indices.count - 1 {
            var added = ElasticsearchMapping(errorType: documentErrorType)
            added.add(properties: properties)
            for (path, type) in added.fields {
                if let present = stream.indices[index].mapping.fields[path], present != type {
                    return .error(
                        400,
                        "illegal_argument_exception",
                        "mapper [\(path)] cannot be changed from type [\(present.name)] to [\(type.name)]"
                    )
                }
            }
            streams[name]?.indices[index].mapping.add(properties: properties)
            // The list is replaced, whatever was in it.
            if let templates = body["dynamic_templates"]?.elements {
                streams[name]?.indices[index].mapping.dynamicTemplates = templates
            }
        }
        return acknowledged
    }

    /// Of a stream, or of one of its indices.
    private func indices(_ name: String) -> [Index]? {
        if let stream = streams[name] { return stream.indices }
        let own = streams.values.flatMap(\.indices).filter { $0.name == name }
        return own.isEmpty ? nil : own
    }

    private func mapping(_ name: String) -> ElasticsearchAnswer {
        guard let indices = indices(name) else { return missing(name) }
        return ElasticsearchAnswer(
            .object(
                indices.map {
                    JSONMember(key: $0.name, value: .fields(["mappings": $0.mapping.described]))
                }
            )
        )
    }

    private func settings(_ name: String) -> ElasticsearchAnswer {
        guard let indices = indices(name) else { return missing(name) }
        guard let defaultPipeline else { return ElasticsearchAnswer(.object([])) }
        return ElasticsearchAnswer(
            .object(
                indices.map { index in
                    JSONMember(
                        key: index.name,
                        value: .fields([
                            "settings": .fields(["index.default_pipeline": .string(defaultPipeline)])
                        ])
                    )
                }
            )
        )
    }

    private func fieldMapping(_ name: String, _ field: String) -> ElasticsearchAnswer {
        guard let stream = streams[name] else { return missing(name) }
        let members = stream.indices.map { index -> JSONMember in
            var mappings: [JSONMember] = []
            if let type = index.mapping.fields[field] {
                let leaf = field.split(separator: ".").last.map(String.init) ?? field
                mappings.append(
                    JSONMember(
                        key: field,
                        value: .fields([
                            "full_name": .string(field),
                            "mapping": .object([
                                JSONMember(key: leaf, value: .fields(["type": .string(type.name)]))
                            ]),
                        ])
                    )
                )
            }
            return JSONMember(key: index.name, value: .fields(["mappings": .object(mappings)]))
        }
        return ElasticsearchAnswer(.object(members))
    }
}

extension ElasticsearchMapping {
    /// The mapping as servers write it.
    var described: JSONValue {
        var members = [JSONMember(key: "properties", value: properties)]
        if !dynamicTemplates.isEmpty {
            members.insert(JSONMember(key: "dynamic_templates", value: .array(dynamicTemplates)), at: 0)
        }
        return .object(members)
    }

    /// The mapping as a tree of `properties`.
    var properties: JSONValue { tree(under: "") }

    private func tree(under path: String) -> JSONValue {
        let prefix = path.isEmpty ? "" : path + "."
        let children = fields.keys.filter {
            $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains(".") && $0 != path
        }
        return .object(
            children.sorted().map { child in
                let name = String(child.dropFirst(prefix.count))
                guard let type = fields[child], type != .object else {
                    return JSONMember(key: name, value: .fields(["properties": tree(under: child)]))
                }
                return JSONMember(key: name, value: .fields(["type": .string(type.name)]))
            }
        )
    }
}
