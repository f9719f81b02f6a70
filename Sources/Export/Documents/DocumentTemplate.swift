import Expvar
import JSON

/// A part of a document written once for a shape: text with places where leaves of the body are put in.
struct DocumentTemplate: Hashable, Sendable {
    /// The text with the leaves taken out.
    private var text: [UInt8] = []
    /// Where leaves go in, ascending.
    private var places: [Place] = []

    private struct Place: Hashable, Sendable {
        /// The end of the text before the leaf.
        var textEnd: Int
        /// The leaf's index.
        var leaf: Int
    }

    /// Whether it writes nothing.
    var isEmpty: Bool { text.isEmpty && places.isEmpty }

    /// An estimate of what it writes, in bytes.
    var estimate: Int { text.count + places.count * 16 }

    /// A template that writes nothing.
    init() {}

    /// Writes `members` as they stand between the braces of an object.
    init(members: [FieldMember]) {
        append(members)
    }

    /// Appends what it writes for a body with those leaves to `output`.
    func write(leaves: [Leaf], of body: [UInt8], to output: inout [UInt8]) {
        var start = 0
        for place in places {
            output.append(contentsOf: text[start..<place.textEnd])
            start = place.textEnd
            let leaf = leaves[place.leaf]
            let spelling = body[Int(leaf.offset)..<Int(leaf.offset) + Int(leaf.length)]
            // A text may have escapes of Go's, and bytes that are no UTF-8.
            if leaf.kind == .string, let text = leaf.textIfOdd(in: body) {
                var json = JSONWriter(continuing: output)
                output = []
                json.string(text)
                output = json.bytes
            } else {
                output.append(contentsOf: spelling)
            }
        }
        output.append(contentsOf: text[start...])
    }

    private mutating func append(_ node: FieldNode) {
        switch node {
        case .leaf(let index): places.append(Place(textEnd: text.count, leaf: index))
        case .array(let elements):
            text.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                append(element)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            append(members)
            text.append(UInt8(ascii: "}"))
        }
    }

    private mutating func append(_ members: [FieldMember]) {
        for (index, member) in members.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            var key = JSONWriter()
            key.string(member.key)
            text.append(contentsOf: key.bytes)
            text.append(UInt8(ascii: ":"))
            append(member.value)
        }
    }
}
