import JSON

/// How the fields of our documents are to be mapped, and how custom numbers are.
///
/// By dynamic mapping the first value decides: a GCCPUFraction of 0 makes a `long`, which cuts every later one to 0 and says
/// 201 to each. So nothing that we know the name of is left to it, and custom numbers, whatever the first one is, are doubles.
enum StandardMapping {
    /// A field and its type.
    struct Field: Hashable {
        var path: String
        var type: String
    }

    static let histogram = PauseHistogramMapping.field
    /// Every pause as a value of one field, for servers without histograms.
    static let pauseValues = "golang.heap.gc.pause.ns"
    static let pauseAverage = "golang.heap.gc.pause.avg.ns"
    private static let pauseNumbers = ["count", "sum.ns", "max.ns", "missed", "ns"]

    /// The fields of a stream's documents; the histogram where the server knows such a type.
    static func fields(of kind: DocumentKind, histogram: Bool) -> [Field] {
        var fields = DocumentFields.standard(kind).map { path, isReal in
            Field(path: path, type: isReal ? "float" : "long")
        }
        fields.append(Field(path: "golang.\(kind.rawValue).cmdline", type: "keyword"))
        guard kind == .heap else { return fields }
        fields += pauseNumbers.map { Field(path: "golang.heap.gc.pause.\($0)", type: "long") }
        fields.append(Field(path: pauseAverage, type: "double"))
        if histogram { fields.append(Field(path: self.histogram, type: "histogram")) }
        return fields
    }

    /// The fields that a fraction may come to.
    static func fractions(of kind: DocumentKind) -> [String] {
        fields(of: kind, histogram: false).filter { $0.type == "float" || $0.type == "double" }.map(\.path)
    }

    /// `{"golang":{"properties":{…}}}`.
    static func properties(_ fields: [Field]) -> JSONValue {
        var tree = JSONValue.object([])
        for field in fields {
            var mapping = [JSONMember(key: "type", value: .string(field.type))]
            if field.type == "keyword" {
                mapping.append(JSONMember(key: "ignore_above", value: .number("1024")))
            }
            let names = field.path.split(separator: ".").map(String.init)
            var branch = JSONValue.object(mapping)
            for (index, name) in names.enumerated().reversed() {
                branch = .object([JSONMember(key: name, value: branch)])
                if index > 0 { branch = .object([JSONMember(key: "properties", value: branch)]) }
            }
            tree = tree.merging(branch)
        }
        return tree
    }

    // MARK: Custom numbers

    /// The dynamic templates that make doubles of custom numbers, in the order in which they must stand.
    ///
    /// Before 7.11 `match_mapping_type` takes no list.
    private static let customNumbers: [(name: String, type: String)] = [
        ("expvault_custom_long", "long"), ("expvault_custom_double", "double"),
    ]

    /// These templates of a mapping for a stream, before those that are there: the first that matches decides.
    static func dynamicTemplates(of kind: DocumentKind, before present: [JSONValue]) -> [JSONValue] {
        guard kind == .expvar else { return present }
        let ours = customNumbers.map { name, type in
            let template = JSONValue.object([
                JSONMember(key: "path_match", value: .string(CustomVariables.prefix + ".*")),
                JSONMember(key: "match_mapping_type", value: .string(type)),
                JSONMember(
                    key: "mapping",
                    value: .object([JSONMember(key: "type", value: .string("double"))])
                ),
            ])
            return JSONValue.object([JSONMember(key: name, value: template)])
        }
        let names = Set(customNumbers.map(\.name))
        return ours
            + present.filter { template in !(template.members ?? []).contains { names.contains($0.key) } }
    }

    /// Whether a list of dynamic templates makes doubles of custom numbers.
    static func makesDoubles(_ templates: [JSONValue]) -> Bool {
        customNumbers.allSatisfy { name, _ in
            templates.contains { $0[name]?[path: ["mapping", "type"]]?.string == "double" }
        }
    }
}

extension JSONValue {
    /// The members of both, objects merged; where both have a value, the other's.
    func merging(_ other: JSONValue) -> JSONValue {
        guard case .object(var members) = self, case .object(let added) = other else { return other }
        for member in added {
            if let index = members.firstIndex(where: { $0.key == member.key }) {
                members[index].value = members[index].value.merging(member.value)
            } else {
                members.append(member)
            }
        }
        return .object(members)
    }
}
