import Expvar
import JSON
import Storage

/// The documents of all bodies that share a shape and leave the same leaves out.
struct DocumentPlan: Sendable {
    /// The shape.
    let shape: Shape
    /// The leaves that are left out: empty strings, and numbers that no field takes.
    let omitted: [Int]
    /// The leaves that may be fractions where a `long` is mapped.
    let fractions: [DocumentKind: [(leaf: Int, path: String)]]
    /// The members of `golang.expvar`.
    let expvar: DocumentTemplate

    private let heapMembers: DocumentTemplate
    private let heapCollections: DocumentTemplate
    private let pauseTotalLeaf: Int?

    /// The plan for bodies with those fields, without the leaves in `omitted`.
    init(fields: DocumentFields, omitted: [Int]) {
        shape = fields.shape
        self.omitted = omitted
        let heap = fields.heap(omitting: Set(omitted))
        heapMembers = DocumentTemplate(members: heap.members)
        heapCollections = DocumentTemplate(members: heap.collections)
        pauseTotalLeaf = fields.pauseTotalLeaf.flatMap { omitted.contains($0) ? nil : $0 }
        let members = fields.expvar(omitting: Set(omitted))
        expvar = DocumentTemplate(members: members)
        var numbers: [(leaf: Int, path: String)] = []
        for member in members where member.key == "custom" {
            member.value.visitLeaves(at: CustomVariables.prefix) { leaf, path in
                if fields.shape.leafKinds[leaf] == .number { numbers.append((leaf, path)) }
            }
        }
        let standard = fields.sizedNumbers.filter { $0.isReal && !omitted.contains($0.leaf) }
        fractions = [.expvar: numbers, .heap: standard.map { ($0.leaf, $0.path) }]
    }

    /// An estimate of the heap fields' text, in bytes; a histogram may add to it.
    var heapEstimate: Int { heapMembers.estimate + heapCollections.estimate + 256 }

    /// Which of the leaves `strings` are empty.
    static func emptyStrings(_ strings: [Int], _ reading: BodyReading) -> [Int] {
        strings.filter { reading.leaves[$0].length <= 2 }
    }

    /// Which of the numbers no field takes: one of them would have a server refuse the whole document.
    static func beyond(
        _ numbers: [DocumentFields.SizedNumber],
        _ reading: BodyReading,
        _ body: [UInt8]
    ) -> [DocumentFields.SizedNumber] {
        numbers.filter { number in
            let text = body.text(of: reading.leaves[number.leaf])
            // 18 digits are less than 2^63; only an exponent makes more of them.
            guard text.count > 18 || text.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) else {
                return false
            }
            let spelled = String(decoding: text, as: UTF8.self)
            if number.isReal { return !(Float(spelled)?.isFinite ?? false) }
            return ValueKind.isBeyondInt64(spelled)
        }
    }

    /// The fields of a document that have something behind the point.
    func fractions(of kind: DocumentKind, _ reading: BodyReading, _ body: [UInt8]) -> [String] {
        (fractions[kind] ?? []).compactMap { leaf, path in
            ValueKind.isFraction(body.text(of: reading.leaves[leaf])) ? path : nil
        }
    }

    /// Appends `,"golang":{"NAME":{…}}`, or nothing where the template writes nothing.
    static func write(
        _ name: StaticString,
        _ template: DocumentTemplate,
        _ reading: BodyReading,
        _ body: [UInt8],
        to output: inout [UInt8]
    ) {
        guard !template.isEmpty else { return }
        output += ",\"golang\":{\"\(name)\":{".utf8
        template.write(leaves: reading.leaves, of: body, to: &output)
        output += "}}".utf8
    }

    /// Appends `,"golang":{"heap":{…}}` with the pauses that the context asks for, or nothing.
    func writeHeap(
        _ scrape: ExportedScrape,
        _ reading: BodyReading,
        _ context: DocumentContext,
        _ pauses: PauseFields?,
        to output: inout [UInt8]
    ) {
        var pause = JSONWriter()
        if let pauseTotalLeaf {
            let leaf = reading.leaves[pauseTotalLeaf]
            pause.key("total")
            pause.beginObject()
            pause.key("ns")
            pause.raw(scrape.body.text(of: leaf))
            pause.endObject()
        }
        pauses?.write(to: &pause, histogram: context.includesHistogram, values: context.includesPauseValues)
        let hasCollections = !heapCollections.isEmpty || !pause.bytes.isEmpty
        guard !heapMembers.isEmpty || hasCollections else { return }
        output += #","golang":{"heap":{"#.utf8
        heapMembers.write(leaves: reading.leaves, of: scrape.body, to: &output)
        if hasCollections {
            output += (heapMembers.isEmpty ? #""gc":{"# : #","gc":{"#).utf8
            heapCollections.write(leaves: reading.leaves, of: scrape.body, to: &output)
            if !pause.bytes.isEmpty {
                output += (heapCollections.isEmpty ? #""pause":{"# : #","pause":{"#).utf8
                output += pause.bytes
                output.append(UInt8(ascii: "}"))
            }
            output.append(UInt8(ascii: "}"))
        }
        output += "}}".utf8
    }
}

extension [UInt8] {
    /// The bytes of a leaf of this body.
    func text(of leaf: Leaf) -> ArraySlice<UInt8> {
        self[Int(leaf.offset)..<Int(leaf.offset) + Int(leaf.length)]
    }
}
