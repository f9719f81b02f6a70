package import JSON

/// What an index maps under `golang`: objects, and fields with their types.
package struct MappedFields: Hashable, Sendable {
    /// What stands at a path.
    package enum Entry: Hashable, Sendable {
        /// Objects only.
        case object
        /// Whatever comes: an object that is not looked into, or a type that takes objects as well.
        case anything
        /// Values of that type.
        case value(type: String)
    }

    /// What is asked for, so that an answer holds nothing but this.
    package static let filterPath = "*.mappings.properties.golang"

    private var entries: [String: Entry] = [:]

    /// An index that maps nothing there.
    package init() {}

    /// Reads `{"INDEX":{"mappings":{"properties":{"golang":{…}}}}}`; of several indices the newest, which is written to.
    package init(answer: JSONValue?) {
        let newest = answer?.members?.max {
            (WriteIndex.generation($0.key) ?? 0) < (WriteIndex.generation($1.key) ?? 0)
        }
        self.init(mappings: newest?.value["mappings"])
    }

    /// Reads `{"properties":{…}}`, as in templates.
    package init(mappings: JSONValue?) {
        for member in mappings?["properties"]?.members ?? [] { add(member.value, at: member.key) }
    }

    /// What is mapped at a path such as `golang.heap.gc.cpu_fraction`; nil where nothing is.
    package subscript(path: String) -> Entry? { entries[path] }

    /// The type of the field at a path; nil where there is none.
    package func type(of path: String) -> String? {
        if case .value(let type) = entries[path] { type } else { nil }
    }

    /// Types that keep of a number only what is before the point.
    package static let wholeTypes: Set = ["long", "integer", "short", "byte", "unsigned_long"]

    /// Whether a fraction that is sent there is cut, without an error.
    package func cutsFractions(at path: String) -> Bool {
        type(of: path).map(MappedFields.wholeTypes.contains) ?? false
    }

    /// The fields under a path that cut fractions, ascending.
    package func wholeNumbers(under path: String) -> [String] {
        entries.keys.filter { $0.hasPrefix(path + ".") && cutsFractions(at: $0) }.sorted()
    }

    private mutating func add(_ mapping: JSONValue, at path: String) {
        let type = mapping["type"]?.string
        if mapping["enabled"]?.boolean == false || mapping["enabled"]?.string == "false" {
            entries[path] = .anything
        } else if type == nil || type == "object" {
            entries[path] = .object
            for member in mapping["properties"]?.members ?? [] {
                add(member.value, at: path + "." + member.key)
            }
        } else if let type {
            entries[path] = MappedFields.takesObjects.contains(type) ? .anything : .value(type: type)
        }
    }

    private static let takesObjects: Set = ["nested", "flattened", "flat_object", "passthrough", "join"]
}

extension MappedFields {
    /// Whether a value can be stored somewhere.
    enum Fit: Hashable {
        case yes
        case no
        /// Only the server can tell.
        case unknown
    }

    /// Whether a text, number or boolean fits at a path, as servers from 7.10 on were seen to decide it.
    func fit(_ value: JSONValue, at path: String) -> Fit {
        switch entries[path] {
        case nil, .anything: return .unknown
        case .object: return .no
        case .value(let type):
            if case .object = value { return type == "histogram" ? .unknown : .no }
            switch type {
            case _ where MappedFields.wholeTypes.contains(type): return Self.fitWhole(value, type)
            case "float", "double", "half_float", "scaled_float": return Self.fitReal(value, type)
            case "boolean": return Self.fitBoolean(value)
            case "keyword", "text", "wildcard", "match_only_text": return .yes
            default: return .unknown
            }
        }
    }

    /// `long` takes texts of numbers too, and an empty one, but no boolean.
    private static func fitWhole(_ value: JSONValue, _ type: String) -> Fit {
        switch value {
        case .number(let text):
            guard type == "long" else { return .unknown }
            return ValueKind.isBeyondInt64(text) ? .no : .yes
        case .string(let text):
            if text.isEmpty { return .yes }
            guard type == "long" else { return .unknown }
            return isDecimal(text) && !ValueKind.isBeyondInt64(text) ? .yes : .no
        case .boolean: return .no
        default: return .unknown
        }
    }

    private static func fitReal(_ value: JSONValue, _ type: String) -> Fit {
        switch value {
        case .number(let text):
            guard let number = Double(text), number.isFinite else { return .no }
            switch type {
            case "double": return .yes
            case "float": return Float(number).isFinite ? .yes : .no
            default: return .unknown
            }
        case .boolean: return .no
        case .string(let text):
            guard isDecimal(text) else { return .unknown }
            switch type {
            case "double": return .yes
            case "float": return Float(text)?.isFinite == true ? .yes : .no
            default: return .unknown
            }
        default: return .unknown
        }
    }

    /// Whether a text is a number as servers take it: no spaces, no hexadecimal digits, no NaN.
    static func isDecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) }
            && Double(text)?.isFinite ?? false
    }

    private static func fitBoolean(_ value: JSONValue) -> Fit {
        switch value {
        case .boolean: .yes
        case .string(let text): ["true", "false", ""].contains(text) ? .yes : .no
        default: .no
        }
    }
}
