import Expvar
import TestBasics
import Testing

/// Objects and arrays with keys of all kinds, written in any order of members.
private indirect enum Tree {
    case object([(key: String, value: Tree)])
    case array([Tree])
    case text(String)

    /// A tree of that depth.
    init(_ depth: Int, _ random: inout SeededGenerator) {
        switch depth == 0 ? 2 : random.below(4) {
        case 0, 1: self = .object(Tree.members(depth, &random))
        case 2:
            let texts = ["1", "-2.5e+07", "true", "null", "\"a,\\\"}b\"", "18446744073709551615", "\"\""]
            self = .text(texts[random.below(texts.count)])
        default: self = .array((0..<random.below(4)).map { _ in Tree(depth - 1, &random) })
        }
    }

    static func members(_ depth: Int, _ random: inout SeededGenerator) -> [(key: String, value: Tree)] {
        // Keys that collide with the path of others, are escaped, or stand twice.
        let keys = [
            "a", "b", "a.b", "a\\\\.b", "", " ", "c d", "\u{e9}", "x\\n", "\\u0061", "memstats", "Size",
        ]
        return (0..<random.below(9)).map { _ in
            let key = random.percent(60) ? keys[random.below(keys.count)] : "k\(random.below(1000))"
            return (key, Tree(depth - 1, &random))
        }
    }

    /// The tree with the members of its objects in another order, those of one key in theirs.
    func shuffled(_ random: inout SeededGenerator) -> Tree {
        switch self {
        case .text: return self
        case .array(let elements): return .array(elements.map { $0.shuffled(&random) })
        case .object(let members):
            var of: [String: [Tree]] = [:]
            for member in members {
                // Two spellings of one key are one key.
                of[Tree.meaning(member.key), default: []].append(member.value.shuffled(&random))
            }
            var spellings: [String: [String]] = [:]
            for member in members { spellings[Tree.meaning(member.key), default: []].append(member.key) }
            return .object(
                members.map { Tree.meaning($0.key) }.shuffled(using: &random).map { key in
                    (spellings[key]?.removeFirst() ?? key, of[key]?.removeFirst() ?? .text("0"))
                }
            )
        }
    }

    private static func meaning(_ key: String) -> String { key == "\\u0061" ? "a" : key }

    func written(_ space: String) -> String {
        switch self {
        case .text(let text): return text
        case .array(let elements):
            return "[\(elements.map { $0.written(space) }.joined(separator: ",\(space)"))]"
        case .object(let members):
            let texts = members.map { "\"\($0.key)\":\(space)\($0.value.written(space))" }
            return "{\(texts.joined(separator: ",\(space)"))\(space)}"
        }
    }
}

@Suite("The order of members")
struct MemberOrderTests {
    @Test("of any document is told apart from it, and it comes back byte for byte")
    func anyTree() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var random = SeededGenerator(seed: seed)
        for round in 0..<400 {
            let tree = Tree.object(Tree.members(3, &random))
            let space = ["", " ", "\n\t"][random.below(3)]
            let bodies = [tree, tree.shuffled(&random)].map { Array($0.written(space).utf8) }
            guard tree.written("") != "{}" else { continue }
            #expect(HostileMembers.tidy(bodies[1], to: bodies[0]), "seed \(seed), round \(round)")
        }
    }

    @Test("of other members is none: they are another shape")
    func otherMembers() {
        let body = Array(#"{"a": 1, "b": {"c": 2, "d": 3}}"#.utf8)
        for other in [
            #"{"b": {"c": 2, "d": 3}}"#, #"{"a": 1, "b": {"c": 2, "e": 3}}"#,
            #"{"a": {"c": 2, "d": 3}, "b": 1}"#,
            #"{"b": {"d": 3, "c": 2}, "a": "1"}"#, #"{"b": {"d": 3, "c": 2},"a": 1}"#,
            #"{"b": [{"d": 3, "c": 2}], "a": 1}"#, #"{"b": {"d": 3, "c": 2}, "a": 1, "a": 1}"#,
            #"{"b": {"d": 3, "c": 2}, "\u0061": 1}"#,
        ] {
            #expect(!HostileMembers.tidy(Array(other.utf8), to: body), "\(other)")
        }
        #expect(HostileMembers.tidy(Array(#"{"b": {"d": 30, "c": -2}, "a": 1.5}"#.utf8), to: body))
    }

    @Test("members of one key keep their order, in whatever spelling: the last one counts")
    func equalKeys() throws {
        var (shape, served, tidy) = (ScannedDocument(), ScannedDocument(), ScannedDocument())
        try shape.scan(Array(#"{"a": 1, "b": 2, "a": "x", "a": 4}"#.utf8))
        let order = try #require(MemberOrder(skeleton: shape.skeleton))
        let body = Array(#"{"a": 10, "a": "xx", "a": 40, "b": 20}"#.utf8)
        try served.scan(body)
        let tidied = try #require(order.tidied(served, body))
        #expect(String(decoding: tidied.body, as: UTF8.self) == #"{"a": 10, "b": 20, "a": "xx", "a": 40}"#)
        #expect(tidied.order == [0, 2, 3, 1])
        try tidy.scan(tidied.body)
        #expect(order.served(tidied.body, tidy, order: tidied.order) == body)
        // Of these the other one counts, so they are another shape.
        #expect(
            !HostileMembers.tidy(
                Array(#"{"\u0061": 2, "a": 1}"#.utf8),
                to: Array(#"{"a": 1, "\u0061": 2}"#.utf8)
            )
        )
        #expect(
            HostileMembers.tidy(
                Array(#"{"b": 0, "a": 2, "\u0061": 1}"#.utf8),
                to: Array(#"{"a": 1, "b": 0, "\u0061": 2}"#.utf8)
            )
        )
    }

    @Test(
        "decides nothing of which 10 000 leaves are series: those of memstats are, then the first by their paths"
    )
    func manyLeaves() throws {
        var random = SeededGenerator(seed: 11)
        let names = (0..<12_000).map { "v\($0 * 7919 % 99_991).x" } + ["memstats"]
        func body(_ names: [String]) -> String {
            let members = names.map { $0 == "memstats" ? "\"memstats\": {\"Alloc\": 5}" : "\"\($0)\": 1" }
            return "{\(members.joined(separator: ", "))}"
        }
        let expected =
            ["memstats.Alloc"]
            + names.dropLast().map(SeriesNaming.escaped)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.prefix(9_999)
        for _ in 0..<3 {
            let shape = try shape(body(names.shuffled(using: &random)))
            #expect(shape.isSeriesLimited)
            #expect(Set(shape.series.map(\.name)) == Set(expected))
            #expect(shape.series.map(\.leaf) == shape.series.map(\.leaf).sorted())
        }
        let bodies = (0..<2).map { _ in Array(body(names.shuffled(using: &random)).utf8) }
        #expect(HostileMembers.tidy(bodies[1], to: bodies[0]))
    }

    @Test("of any bytes there is one, or none, and what was tidied comes back")
    func anyBytes() {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var random = SeededGenerator(seed: seed)
        let start = Array(#"{"a": 1, "b": {"c": [2, {"x": 1, "y": 2}], "d": 3}, "a": "\u0061"}"#.utf8)
        for _ in 0..<2_000 {
            var (first, second) = (start, start)
            for _ in 0..<random.below(4) {
                first[random.below(first.count)] = start[random.below(start.count)]
            }
            for _ in 0..<random.below(4) {
                second[random.below(second.count)] = start[random.below(start.count)]
            }
            HostileMembers.tidy(first + [HostileMembers.separator] + second)
        }
    }
}
