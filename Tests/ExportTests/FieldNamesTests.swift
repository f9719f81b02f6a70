import JSON
import Testing

@testable import Export

@Suite("Names of custom variables")
struct FieldNamesTests {
    @Test(
        "plain keys come first, then dotted ones by their bytes, and what does not fit is written with underscores",
        arguments: [
            // A dotted key that fits stays.
            (#"{"a.b":1,"c":2}"#, #"{"c":2,"a.b":1}"#),
            (#"{"a.b":1,"a.c":2}"#, #"{"a.b":1,"a.c":2}"#),
            (#"{"a":{"x":1},"a.b":2}"#, #"{"a":{"x":1},"a.b":2}"#),
            (#"{"a":{"b":{"d":2}},"a.b":{"c":1}}"#, #"{"a":{"b":{"d":2}},"a.b":{"c":1}}"#),
            // A path twice.
            (#"{"a":{"b":1},"a.b":2}"#, #"{"a":{"b":1},"a_b":2}"#),
            (#"{"a.b":2,"a":{"b":1}}"#, #"{"a":{"b":1},"a_b":2}"#),
            (#"{"a.b":{"c":1},"a":{"b.c":2}}"#, #"{"a":{"b.c":2},"a_b":{"c":1}}"#),
            (#"{"a.b.c":1,"a.b":{"c":2}}"#, #"{"a.b":{"c":2},"a_b_c":1}"#),
            // Both value and object.
            (#"{"a":1,"a.b":2}"#, #"{"a":1,"a_b":2}"#),
            (#"{"a.b":1,"a.b.c":2}"#, #"{"a.b":1,"a_b_c":2}"#),
            (#"{"a.b.c":2,"a.b":1}"#, #"{"a.b":1,"a_b_c":2}"#),
            (#"{"a":[{"b":1}],"a.b":2}"#, #"{"a":[{"b":1}],"a_b":2}"#),
            // The name with underscores is taken.
            (#"{"a":1,"a_b":2,"a.b":3}"#, #"{"a":1,"a_b":2,"a_b_":3}"#),
            (#"{"a":1,"a_b":2,"a_b_":0,"a.b":3}"#, #"{"a":1,"a_b":2,"a_b_":0,"a_b__":3}"#),
            (#"{"a":1,"a_b.c":2,"a.b":3}"#, #"{"a":1,"a_b":3,"a_b_c":2}"#),
            (#"{"a":1,"a.b":3,"a_b.c":2}"#, #"{"a":1,"a_b":3,"a_b_c":2}"#),
            (#"{"a":1,"a.b_c":3,"a.b.c":2}"#, #"{"a":1,"a_b_c":2,"a_b_c_":3}"#),
            // Parts that Elasticsearch refuses.
            (#"{"a.":1,".b":2,"c..d":3,".":4,"":5," ":6}"#, #"{"_":5," _":6,"__":4,"_b":2,"a_":1,"c__d":3}"#),
            // Names that it folds together.
            (#"{"a":1,"a.":2,"a..":3}"#, #"{"a":1,"a_":2,"a__":3}"#),
            // Deeper than 17 parts, in one key or in several.
            (
                #"{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q":1,"z.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r":2}"#,
                #"{"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q":1,"z_b_c_d_e_f_g_h_i_j_k_l_m_n_o_p_q_r":2}"#
            ),
            (
                #"{"a":{"b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r":1},"x.y":{"b.c.d.e.f.g.h.i.j.k.l.m.n.o.p":1}}"#,
                #"{"a":{"b_c_d_e_f_g_h_i_j_k_l_m_n_o_p_q_r":1},"x.y":{"b.c.d.e.f.g.h.i.j.k.l.m.n.o.p":1}}"#
            ),
            // At every level, also inside lists.
            (
                #"{"o":{"a":1,"a.b":2},"l":[[{"a.b":1,"a":2}]]}"#,
                #"{"o":{"a":1,"a_b":2},"l":[[{"a":2,"a_b":1}]]}"#
            ),
            (#"{"x":{"a.b":1},"x.a":{"b":2}}"#, #"{"x":{"a.b":1},"x_a":{"b":2}}"#),
        ]
    )
    func table(given: String, expected: String) throws {
        var leaves: [JSONValue] = []
        let tree = node(try JSONReader.value(of: Array(given.utf8)), &leaves)
        var json = JSONWriter()
        write(FieldNames.fitted(tree), leaves, &json)
        #expect(String(decoding: json.bytes, as: UTF8.self) == expected)
    }

    @Test("a variable whose name stays taken is left out, so that names stay short")
    func limit() {
        let taken = (0...70).map {
            FieldMember(key: "a_b" + String(repeating: "_", count: $0), value: .leaf($0))
        }
        let members =
            taken + [FieldMember(key: "a", value: .leaf(71)), FieldMember(key: "a.b", value: .leaf(72))]
        guard case .object(let fitted) = FieldNames.fitted(.object(members)) else {
            Issue.record("no object")
            return
        }
        #expect(fitted.count == 72)
        #expect(!fitted.contains { $0.value == .leaf(72) })
    }

    @Test("a key of a million dots is one name")
    func manyDots() {
        let key = "a" + String(repeating: ".b", count: 1_000_000)
        let member = FieldMember(key: key, value: .object([FieldMember(key: key, value: .leaf(0))]))
        let name = "a" + String(repeating: "_b", count: 1_000_000)
        let expected = FieldMember(key: name, value: .object([FieldMember(key: name, value: .leaf(0))]))
        #expect(FieldNames.fitted(.object([member])) == .object([expected]))
    }

    private func node(_ value: JSONValue, _ leaves: inout [JSONValue]) -> FieldNode {
        switch value {
        case .object(let members):
            return .object(members.map { FieldMember(key: $0.key, value: node($0.value, &leaves)) })
        case .array(let elements): return .array(elements.map { node($0, &leaves) })
        default:
            leaves.append(value)
            return .leaf(leaves.count - 1)
        }
    }

    private func write(_ node: FieldNode, _ leaves: [JSONValue], _ json: inout JSONWriter) {
        switch node {
        case .leaf(let index): json.raw((leaves[index].integer.map(String.init) ?? "?").utf8)
        case .array(let elements):
            json.beginArray()
            for element in elements { write(element, leaves, &json) }
            json.endArray()
        case .object(let members):
            json.beginObject()
            for member in members {
                json.key(member.key)
                write(member.value, leaves, &json)
            }
            json.endObject()
        }
    }
}
