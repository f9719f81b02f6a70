import Expvar
import JSON
import Storage

/// The documents of all bodies that share a shape and whose empty strings are at the same places.
struct DocumentPlan: Sendable {
    /// The shape.
    let shape: Shape
    /// The leaves that are empty strings, and so left out.
    let omitted: [Int]
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
        pauseTotalLeaf = fields.pauseTotalLeaf
        expvar = DocumentTemplate(members: fields.expvar(omitting: Set(omitted)))
    }

    /// An estimate of the heap fields' text, in bytes; a histogram may add to it.
    var heapEstimate: Int { heapMembers.estimate + heapCollections.estimate + 256 }

    /// Which of the leaves `strings` are empty.
    static func emptyStrings(_ strings: [Int], _ reading: BodyReading) -> [Int] {
        strings.filter { reading.leaves[$0].length <= 2 }
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
        to output: inout [UInt8]
    ) {
        var pause = JSONWriter()
        if let pauseTotalLeaf {
            let leaf = reading.leaves[pauseTotalLeaf]
            pause.key("total")
            pause.beginObject()
            pause.key("ns")
            pause.raw(scrape.body[Int(leaf.offset)..<Int(leaf.offset) + Int(leaf.length)])
            pause.endObject()
        }
        if context.includesPauses,
            let fields = PauseFields(
                state: reading.state,
                after: scrape.predecessor,
                seenMax: scrape.record.seenCount
            )
        {
            fields.write(to: &pause, histogram: context.includesHistogram)
        }
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
