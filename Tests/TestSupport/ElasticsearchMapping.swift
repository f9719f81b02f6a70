import JSON

/// The fields of an index and what dynamic mapping makes of a document, as Elasticsearch 7.10 was seen to do it.
///
/// A document that is refused leaves no trace in the mapping.
package struct ElasticsearchMapping: Sendable {
    package enum FieldType: Hashable, Sendable {
        case object
        case long
        case float
        case double
        case boolean
        case keyword
        case date
        case histogram
        case constant(String)

        var name: String {
            switch self {
            case .object: "object"
            case .long: "long"
            case .float: "float"
            case .double: "double"
            case .boolean: "boolean"
            case .keyword: "keyword"
            case .date: "date"
            case .histogram: "histogram"
            case .constant: "constant_keyword"
            }
        }

        init?(name: String, value: String?) {
            switch name {
            case "object": self = .object
            case "long", "integer": self = .long
            case "float", "scaled_float": self = .float
            case "double": self = .double
            case "boolean": self = .boolean
            case "keyword", "text", "wildcard", "ip", "match_only_text": self = .keyword
            case "date": self = .date
            case "histogram": self = .histogram
            case "constant_keyword": self = .constant(value ?? "")
            default: return nil
            }
        }
    }

    /// An error of one item.
    struct Refusal: Error {
        var type: String
        var reason: String
        var cause: (type: String, reason: String)?
    }

    package internal(set) var fields: [String: FieldType]
    /// How new fields are mapped, the first that matches.
    var dynamicTemplates: [JSONValue] = []
    /// The name that document errors have in the server's version.
    let errorType: String
    /// `index.mapping.total_fields.limit`: fields and objects together.
    package var fieldsMax = 1_000
    /// How many levels there may be (`index.mapping.depth.limit`).
    private static let depthMax = 20
    /// Fields that the document at hand makes, and what is wrong among them: told after all that cannot be parsed.
    private var added: Set<String> = []
    private var mergeRefusal: Refusal?

    /// A mapping that every index of a data stream begins with, and what a template adds.
    init(errorType: String, fields: [String: FieldType] = [:]) {
        self.errorType = errorType
        self.fields = ["@timestamp": .date]
        self.fields.merge(fields) { _, new in new }
    }

    /// Takes in the mapping of a template: the lists of dynamic templates follow one another.
    mutating func add(mappings: JSONValue?) {
        add(properties: mappings?["properties"])
        dynamicTemplates += mappings?["dynamic_templates"]?.elements ?? []
    }

    /// Takes in `properties` of a template or a mapping request.
    mutating func add(properties: JSONValue?, under path: String = "") {
        for member in properties?.members ?? [] {
            let name = path.isEmpty ? member.key : path + "." + member.key
            if let nested = member.value["properties"] {
                fields[name] = .object
                add(properties: nested, under: name)
            } else if let type = member.value["type"]?.string,
                let field = FieldType(name: type, value: member.value["value"]?.string)
            {
                addParents(of: name)
                fields[name] = field
            }
        }
    }

    private mutating func addParents(of path: String) {
        var parts = path.split(separator: ".")
        while parts.count > 1 {
            parts.removeLast()
            fields[parts.joined(separator: "."), default: .object] = .object
        }
    }

    /// Maps a document's fields, or says why it is refused.
    mutating func take(_ document: JSONValue, id: String) throws {
        var copy = self
        guard case .object(let members) = document else {
            throw Refusal(
                type: errorType,
                reason: "failed to parse",
                cause: (
                    "not_x_content_exception",
                    "Compressor detection can only be called on some xcontent bytes"
                )
            )
        }
        guard members.contains(where: { $0.key == "@timestamp" && !$0.value.isNull }) else {
            throw Refusal(
                type: errorType,
                reason: "failed to parse",
                cause: ("illegal_argument_exception", "data stream timestamp field [@timestamp] is missing")
            )
        }
        try copy.object(members, at: "", id)
        if let refusal = copy.mergeRefusal { throw refusal }
        guard copy.added.isEmpty || copy.fields.count <= fieldsMax else {
            throw Refusal(
                type: "illegal_argument_exception",
                reason: "Limit of total fields [\(fieldsMax)] has been exceeded"
            )
        }
        if let deep = copy.added.filter({ copy.fields[$0] == .object }).sorted().last(where: {
            $0.count { $0 == "." } + 2 > ElasticsearchMapping.depthMax
        }) {
            throw Refusal(
                type: "illegal_argument_exception",
                reason:
                    "Limit of mapping depth [\(ElasticsearchMapping.depthMax)] has been exceeded due to object "
                    + "field [\(deep)]"
            )
        }
        copy.added = []
        self = copy
    }

    /// Makes a field that the document at hand is the first to have.
    private mutating func make(_ path: String, _ type: FieldType) {
        fields[path] = type
        added.insert(path)
    }

    /// A new field that contradicts itself within one document.
    private mutating func noteMerge(_ path: String, _ present: FieldType, _ new: FieldType) {
        guard mergeRefusal == nil else { return }
        let reason =
            present == .object || new == .object
            ? "can't merge a non object mapping [\(path)] with an object mapping"
            : "mapper [\(path)] cannot be changed from type [\(present.name)] to [\(new.name)]"
        mergeRefusal = Refusal(type: "illegal_argument_exception", reason: reason)
    }

    private mutating func object(_ members: [JSONMember], at path: String, _ id: String) throws {
        var seen: Set<String> = []
        for member in members {
            guard seen.insert(member.key).inserted else {
                throw failedToParse("json_parse_exception", "Duplicate field '\(member.key)'")
            }
            if member.key.isEmpty {
                throw failedToParse("illegal_argument_exception", "field name cannot be an empty string")
            }
            if path.isEmpty, ["_id", "_index", "_source", "_routing"].contains(member.key) {
                throw Refusal(
                    type: errorType,
                    reason:
                        "failed to parse field [\(member.key)] of type [\(member.key)] in document with id '\(id)'",
                    cause: (errorType, "Field [\(member.key)] is a metadata field")
                )
            }
            // A trailing dot was seen to pass, an empty part in the middle was not.
            let parts = member.key.split(separator: ".", omittingEmptySubsequences: false)
            let names = parts.last?.isEmpty == true && parts.count > 1 ? parts.dropLast() : parts[...]
            if names.contains(where: \.isEmpty) {
                throw failedToParse(
                    "illegal_argument_exception",
                    "object field starting or ending with a [.] makes object resolution ambiguous: [\(member.key)]"
                )
            }
            var at = path
            for (index, name) in names.enumerated() {
                at = at.isEmpty ? String(name) : at + "." + name
                if index + 1 < names.count { try parent(at, of: member.key) }
            }
            try value(member.value, at: at, String(names.last ?? ""), id)
        }
    }

    private mutating func parent(_ path: String, of key: String) throws {
        switch fields[path] {
        case .object: break
        case nil: make(path, .object)
        case let other? where added.contains(path): noteMerge(path, other, .object)
        case let other?:
            throw Refusal(
                type: errorType,
                reason:
                    "Could not dynamically add mapping for field [\(key)]. Existing mapping for [\(path)] must be "
                    + "of type object but found [\(other.name)]."
            )
        }
    }

    private mutating func value(_ value: JSONValue, at path: String, _ name: String, _ id: String) throws {
        switch value {
        case .null: return
        case .array(let elements):
            // Arrays have no type of their own: each element is a value of the field.
            for element in elements { try self.value(element, at: path, "null", id) }
        case .object(let members):
            switch fields[path] {
            case .object: break
            case nil: make(path, .object)
            case .histogram: return try histogram(value, at: path, id)
            case let other? where added.contains(path): return noteMerge(path, other, .object)
            case let other?:
                throw refused(path, other, id, "{}", "Can't get text on a START_OBJECT")
            }
            try object(members, at: path, id)
        default:
            if let present = fields[path], added.contains(path) {
                let new = dynamicType(of: value, at: path)
                if new != present { return noteMerge(path, present, new) }
            }
            try scalar(value, at: path, name, id)
        }
    }

    private mutating func scalar(_ value: JSONValue, at path: String, _ name: String, _ id: String) throws {
        let type = fields[path] ?? dynamicType(of: value, at: path)
        let text = ElasticsearchMapping.text(of: value)
        switch type {
        case .object:
            throw Refusal(
                type: errorType,
                reason:
                    "object mapping for [\(path)] tried to parse field [\(name)] as object, but found a concrete value"
            )
        case .histogram: throw refused(path, type, id, text, "expected an object")
        case .constant(let constant):
            guard text == constant else { throw refused(path, type, id, text, "only accepts [\(constant)]") }
        case .date:
            guard ElasticsearchMapping.isDate(value) else {
                throw refused(path, type, id, text, "failed to parse date field [\(text)]")
            }
        case .long:
            // A fraction is cut off, 2⁶³ and more is refused.
            guard !text.contains("x"), let number = text.isEmpty ? 0 : Double(text), number >= -0x1p63,
                number < 0x1p63,
                Int64(text) != nil || number.rounded(.towardZero) != 0x1p63
            else { throw refused(path, type, id, text, "For input string: \"\(text)\"") }
            if case .boolean = value { throw refused(path, type, id, text, "a boolean") }
        case .float:
            guard let number = Float(text), number.isFinite else {
                throw refused(path, type, id, text, "[float] supports only finite values, but got [Infinity]")
            }
        case .double:
            guard let number = Double(text), number.isFinite else {
                throw refused(path, type, id, text, "[double] supports only finite values")
            }
            if case .boolean = value { throw refused(path, type, id, text, "a boolean") }
        case .boolean:
            if case .number = value { throw refused(path, type, id, text, "a number") }
            guard ["true", "false", ""].contains(text) else {
                throw refused(
                    path,
                    type,
                    id,
                    text,
                    "Failed to parse value [\(text)] as only [true] or [false] are allowed."
                )
            }
        case .keyword: break
        }
        if fields[path] == nil { make(path, type) }
    }

    private func histogram(_ value: JSONValue, at path: String, _ id: String) throws {
        let values = value["values"]?.elements?.map { $0.double }
        let counts = value["counts"]?.elements?.map { $0.integer }
        guard let values, let counts, values.count == counts.count, !values.contains(nil),
            !counts.contains(nil),
            zip(values, values.dropFirst()).allSatisfy({ ($0 ?? 0) < ($1 ?? 0) }),
            counts.allSatisfy({ ($0 ?? -1) >= 0 }), value.members?.count == 2
        else {
            throw refused(
                path,
                .histogram,
                id,
                "{}",
                "values must be ascending, counts as many and not negative"
            )
        }
    }

    private func failedToParse(_ type: String, _ reason: String) -> Refusal {
        Refusal(type: errorType, reason: "failed to parse", cause: (type, reason))
    }

    private func refused(
        _ path: String,
        _ type: FieldType,
        _ id: String,
        _ text: String,
        _ cause: String
    ) -> Refusal {
        Refusal(
            type: errorType,
            reason: "failed to parse field [\(path)] of type [\(type.name)] in document with id '\(id)'. "
                + "Preview of field's value: '\(text)'",
            cause: ("illegal_argument_exception", cause)
        )
    }

    private func dynamicType(of value: JSONValue, at path: String) -> FieldType {
        let (type, match): (FieldType, String) =
            switch value {
            case .boolean: (.boolean, "boolean")
            case .number(let spelling):
                spelling.contains { ".eE".contains($0) } ? (.float, "double") : (.long, "long")
            default: (.keyword, "string")
            }
        for template in dynamicTemplates {
            guard let rule = template.members?.first?.value, rule["match_mapping_type"]?.string == match,
                rule["path_match"]?.string.map({ ElasticsearchCluster.matches(path, $0) }) ?? true
            else { continue }
            return rule[path: ["mapping", "type"]]?.string.flatMap { FieldType(name: $0, value: nil) } ?? type
        }
        return type
    }

    private static func text(of value: JSONValue) -> String {
        switch value {
        case .number(let text), .string(let text): text
        case .boolean(let truth): truth ? "true" : "false"
        default: ""
        }
    }

    /// `strict_date_optional_time||epoch_millis`: a whole number, or text as in `2026-01-02T03:04:05.678Z`.
    private static func isDate(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let spelling): return Int64(spelling) != nil
        case .string(let text):
            if Int64(text) != nil { return true }
            let shape = text.map { $0.isNumber ? "0" : String($0) }.joined()
            let date = "0000-00-00"
            guard shape.hasPrefix(date) else { return false }
            var rest = shape.dropFirst(date.count)
            if rest.isEmpty { return true }
            guard rest.hasPrefix("T00:00") else { return false }
            rest = rest.dropFirst(6)
            if rest.hasPrefix(":00") { rest = rest.dropFirst(3) }
            if rest.hasPrefix(".") { rest = rest.dropFirst().drop { $0 == "0" } }
            return rest.isEmpty || rest == "Z" || rest == "+00:00" || rest == "-00:00"
        default: return false
        }
    }
}
