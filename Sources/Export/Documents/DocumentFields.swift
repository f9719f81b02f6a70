import Expvar
import JSON

/// Which leaves of a shape become which fields: what is known once for all bodies that share it.
///
/// A body is marked: in its shape's skeleton every leaf is written as its own index. What the readers of bodies say
/// of that marked body says where in a real one each field's text stands.
struct DocumentFields: Sendable {
    /// The shape.
    let shape: Shape
    /// The leaves that are strings, which may be empty in one body and not in the next.
    let stringLeaves: [Int]

    private let commandLine: DocumentNode?
    private let custom: [DocumentMember]
    /// The leaf of each number that is directly in memstats.
    private let memstats: [String: Int]
    /// The standard fields with a number of a fixed size, and where in a body it stands.
    let sizedNumbers: [SizedNumber]

    /// A number that its field may be too small for.
    struct SizedNumber: Sendable {
        var leaf: Int
        var kind: DocumentKind
        /// The field, such as `golang.heap.gc.next_gc_limit`.
        var path: String
        /// Whether the field is a `float`, and not a `long`.
        var isReal: Bool
    }

    /// The fields of bodies of that shape.
    init(shape: Shape) {
        self.shape = shape
        stringLeaves = shape.leafKinds.indices.filter { shape.leafKinds[$0] == .string }
        let variables = DocumentFields.variables(of: shape)
        commandLine = variables.last { $0.key == "cmdline" }?.value
        custom = variables.filter { $0.key != "cmdline" && $0.key != "memstats" }
        let memstats = DocumentFields.memstats(of: shape)
        self.memstats = memstats
        sizedNumbers = DocumentKind.allCases.flatMap { kind in
            DocumentFields.numbers(of: kind).compactMap { path, variable in
                memstats[variable].map {
                    SizedNumber(
                        leaf: $0,
                        kind: kind,
                        path: path,
                        isReal: variable == DocumentFields.cpuFraction
                    )
                }
            }
        }
    }

    /// The members of `golang.heap` but `gc`, and those of its `gc`, with those leaves (see `DocumentPlan.omitted`) left out.
    func heap(omitting omitted: Set<Int>) -> (members: [FieldMember], collections: [FieldMember]) {
        var members = fields(DocumentFields.heapFields, omitting: omitted)
        if let node = commandLine.flatMap({ FieldNode($0, omitting: omitted) }) {
            members.append(FieldMember(key: "cmdline", value: node))
        }
        return (members, fields(DocumentFields.heapCollectionFields, omitting: omitted))
    }

    /// The members of `golang.expvar`, with those leaves left out.
    func expvar(omitting omitted: Set<Int>) -> [FieldMember] {
        var members = fields(DocumentFields.expvarFields, omitting: omitted)
        if let node = commandLine.flatMap({ FieldNode($0, omitting: omitted) }) {
            members.append(FieldMember(key: "cmdline", value: node))
        }
        if let tree = FieldNode(.object(custom), omitting: omitted) {
            members.append(FieldMember(key: "custom", value: FieldNames.fitted(tree)))
        }
        return members
    }

    /// The fields of a table whose number the shape has, as a tree.
    private func fields(
        _ table: [(path: String, variable: String)],
        omitting omitted: Set<Int>
    ) -> [FieldMember] {
        var members: [FieldMember] = []
        for (path, variable) in table {
            guard let leaf = memstats[variable], !omitted.contains(leaf) else { continue }
            DocumentFields.insert(.leaf(leaf), at: FieldNames.parts(of: path)[...], into: &members)
        }
        return members
    }

    private static func insert(
        _ node: FieldNode,
        at path: ArraySlice<String>,
        into members: inout [FieldMember]
    ) {
        guard let name = path.first else { return }
        if path.count == 1 {
            members.append(FieldMember(key: name, value: node))
            return
        }
        var inner: [FieldMember] = []
        let index = members.firstIndex { $0.key == name }
        if let index, case .object(let there) = members[index].value { inner = there }
        insert(node, at: path.dropFirst(), into: &inner)
        let member = FieldMember(key: name, value: .object(inner))
        if let index { members[index] = member } else { members.append(member) }
    }

    private static func variables(of shape: Shape) -> [DocumentMember] {
        // What is broken stays broken (in an array this word costs one element), so that the reader of trees leaves them out by its own rule.
        // A marked body is as much a document as the body was, so this does not throw; without it no custom
        // variable would be exported, and nothing else be wrong.
        (try? DocumentTree.variables(of: marked(shape, brokenAs: "NaN"))) ?? []
    }

    /// The leaves of numbers in memstats by key, of duplicates the last.
    private static func memstats(of shape: Shape) -> [String: Int] {
        var leaves: [String: Int] = [:]
        let prefix = "memstats."
        for series in shape.series
        where series.name.hasPrefix(prefix) && shape.leafKinds[series.leaf] == .number {
            leaves[String(series.name.dropFirst(prefix.count))] = series.leaf
        }
        guard shape.isSeriesLimited else { return leaves }
        // Behind 10 000 other leaves memstats has no series, but its numbers are fields all the same.
        // A body with Go's own escapes in its keys is no strict JSON: then, and only then, they are missing.
        guard let tree = try? JSONReader.value(of: marked(shape, brokenAs: "null")) else { return leaves }
        for member in tree["memstats"]?.members ?? [] {
            if let leaf = member.value.integer, shape.leafKinds[Int(leaf)] == .number {
                leaves[member.key] = Int(leaf)
            }
        }
        return leaves
    }

    /// The marked body: every number and boolean is its index, every string its index in quotes.
    private static func marked(_ shape: Shape, brokenAs broken: String) -> [UInt8] {
        shape.body(
            leaves: shape.leafKinds.enumerated().map { index, kind in
                switch kind {
                case .number, .boolean: Array("\(index)".utf8)[...]
                case .string: Array("\"\(index)\"".utf8)[...]
                case .null: Array("null".utf8)[...]
                case .broken: Array(broken.utf8)[...]
                }
            }
        )
    }
}

extension DocumentFields {
    // elasticsearch.md, "What is sent"; `gc` apart, since the pauses go into it.
    private static let heapFields: [(path: String, variable: String)] = [
        ("allocations.active.bytes", "HeapInuse"),
        ("allocations.idle.bytes", "HeapIdle"),
        ("allocations.object.bytes", "HeapAlloc"),
        ("allocations.object.count", "HeapObjects"),
        ("allocations.total.bytes", "TotalAlloc"),
        ("allocations.frees.count", "Frees"),
        ("mallocs.count", "Mallocs"),
        ("system.released.bytes", "HeapReleased"),
        ("system.stack.bytes", "StackSys"),
        ("system.total.bytes", "HeapSys"),
    ]

    // `pause` apart: `PauseFields` writes it.
    private static let heapCollectionFields: [(path: String, variable: String)] = [
        ("cpu_fraction", cpuFraction),
        ("next_gc_limit", "NextGC"),
        ("total.count", "NumGC"),
    ]

    /// The numbers of a document that have a field of the integration, by the field's whole name.
    private static func numbers(of kind: DocumentKind) -> [(path: String, variable: String)] {
        let table =
            switch kind {
            case .heap:
                heapFields + heapCollectionFields.map { ("gc." + $0.path, $0.variable) }
                    + [("gc.pause.total.ns", pauseTotal)]
            case .expvar: expvarFields
            }
        return table.map { ("golang.\(kind.rawValue).\($0.0)", $0.1) }
    }

    /// The integration's fields for numbers, and whether each takes fractions.
    static func standard(_ kind: DocumentKind) -> [(path: String, isReal: Bool)] {
        numbers(of: kind).map { ($0.path, $0.variable == cpuFraction) }
    }

    private static let cpuFraction = "GCCPUFraction"
    /// The variable that becomes `golang.heap.gc.pause.total.ns`.
    private static let pauseTotal = "PauseTotalNs"

    /// The leaf of the variable that becomes `golang.heap.gc.pause.total.ns`.
    var pauseTotalLeaf: Int? { memstats[DocumentFields.pauseTotal] }

    // elasticsearch.md, "What is sent".
    private static let expvarFields: [(path: String, variable: String)] = [
        ("buck_hash_sys.bytes", "BuckHashSys"),
        ("gc.forced", "NumForcedGC"),
        ("gc.last_finished.ns", "LastGC"),
        ("gc.metadata.memory.bytes", "GCSys"),
        ("mcache.allocated.bytes", "MCacheInuse"),
        ("mcache.obtained.bytes", "MCacheSys"),
        ("mspan.allocated.bytes", "MSpanInuse"),
        ("mspan.obtained.bytes", "MSpanSys"),
        ("obtained.miscellaneous.bytes", "OtherSys"),
        ("obtained.total.bytes", "Sys"),
        ("pointer.lookups", "Lookups"),
        ("stack.bytes", "StackInuse"),
    ]
}
