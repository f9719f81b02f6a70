import Expvar
import Model
import TestBasics
import Testing

/// Nothing that a wire or a file holds may trap; what is accepted must come back byte for byte.
@Suite("Hostile bodies and skeletons")
struct HostileBodyTests {
    /// Everything that is done with a body; an error is fine, a trap or a lost byte is not.
    private func exercise(_ body: [UInt8]) {
        var document = ScannedDocument()
        guard (try? document.scan(body)) != nil else { return }  // refused is fine
        do {
            let shape = try Shape(skeleton: document.skeleton)
            let spellings = document.leaves.map { $0.spelling(in: body) }
            if shape.body(leaves: spellings) != body || shape.leafKinds != document.leaves.map(\.kind) {
                Issue.record("lost a byte of \(body)")
            }
            for leaf in document.leaves { _ = Shape.number(leaf, in: body) }
            let state = ProcessState(shape: shape, document: document, body: body)
            _ = PauseRing.newCollections(in: state, after: .runBegin)
            let place = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 0))
            var tracker = RunTracker()
            tracker.note(state, in: RunID(1), at: place)
            _ = tracker.judge(state, at: place)
            _ = try DocumentTree.variables(of: body)
            let names = Set(shape.series.map { Array($0.name.utf8) })
            if names.count != shape.series.count { Issue.record("a name twice in \(body)") }
        } catch {
            Issue.record("\(error) for the skeleton of a document: \(body)")
        }
    }

    /// Most of a body are the empty slots of its rings, of which a few are enough.
    private func isFiller(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "0") || byte == UInt8(ascii: ",") || byte == 0x01
    }

    private var realistic: [UInt8] {
        var process = SampleProcess()
        process.collect(3)
        return Array(process.body.utf8)
    }

    @Test("a good document that is cut anywhere is cut short, never a document")
    func truncation() throws {
        let body = realistic
        let end = try #require(body.lastIndex(of: UInt8(ascii: "}")))
        for count in 0...end {
            #expect(throws: count == 0 ? DocumentError.empty : .cutShort) {
                try scanned(Array(body[..<count]))
            }
        }
    }

    @Test("a document with any one byte changed never traps, and what is accepted comes back")
    func flips() {
        var generator = SeededGenerator(seed: 1)
        let body = realistic
        let interesting = Array("\"\\{}[],:\n 0-e\u{1}\u{6}\u{7}".utf8) + [0xFF, 0x80, 0x00]
        for index in body.indices where index % 11 == 0 || !isFiller(body[index]) {
            var changed = body
            changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            exercise(changed)
            changed[index] = interesting.randomElement(using: &generator) ?? 0
            exercise(changed)
        }
    }

    @Test("random soup of the bytes that matter never traps", arguments: [UInt64(1), 2, 3])
    func soup(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let pieces =
            [
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\": ", "\\", "\n", ",\n\"b\": ", "\n}", "1",
                "-0.5e3", "true",
                "null", "NaN", "\"memstats\":", "\"BySize\":", "[{\"Size\":", "\"NumGC\":", "\"cmdline\":",
                "\u{1}", "\u{6}",
                "\u{7}", "\"up\":", "é", " ",
            ].map { Array($0.utf8) } + [[0xFF]]
        for _ in 0..<20_000 {
            var body = Array("{".utf8)
            for _ in 0..<Int.random(in: 0..<24, using: &generator) {
                body += pieces.randomElement(using: &generator) ?? []
            }
            exercise(body + (Bool.random(using: &generator) ? Array("\n}".utf8) : []))
        }
    }

    @Test("random documents come back byte for byte", arguments: [UInt64(1), 2, 3])
    func documents(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let body = Array(RandomDocument(generator: &generator).text.utf8)
            #expect(throws: Never.self) { try scanned(body) }
            exercise(body)
        }
    }

    @Test("a damaged skeleton is refused or read, and never traps")
    func skeletons() throws {
        var generator = SeededGenerator(seed: 4)
        let skeleton = try scanned(realistic).skeleton
        for count in skeleton.indices { _ = try? Shape(skeleton: Array(skeleton[..<count])) }
        for index in skeleton.indices where index % 11 == 0 || !isFiller(skeleton[index]) {
            for value in [UInt8.random(in: 0...255, using: &generator), 0x01, 0x06, 0x07, UInt8(ascii: "\"")]
            {
                var damaged = skeleton
                damaged[index] = value
                guard let shape = try? Shape(skeleton: damaged) else { continue }  // refused is fine
                _ = shape.body(leaves: Array(repeating: [0x31], count: shape.leafKinds.count))
                _ = shape.body(leaves: [])
                #expect(Set(shape.series.map { Array($0.name.utf8) }).count == shape.series.count)
            }
        }
    }

    @Test("a shape asked about another document answers without a trap")
    func mismatch() throws {
        let big = try shape(String(decoding: realistic, as: UTF8.self))
        let small = Array("{\"a\":1}".utf8)
        let document = try scanned(small)
        let state = ProcessState(shape: big, document: document, body: small)
        #expect(state.collectionCount == nil && state.pauseRing == nil && state.commandLine == nil)
        #expect(big.memStatsNumber("NumGC", in: document, body: small) == nil)
        #expect(Leaf(offset: 3, length: 100, kind: .number).spelling(in: small).isEmpty)
        #expect(Leaf(offset: -3, length: 2, kind: .number).spelling(in: small).isEmpty)
    }
}

/// A document of random form: every kind of value, of white space and of key.
private struct RandomDocument {
    var text = ""

    init(generator: inout SeededGenerator) {
        object(&generator, depth: 1)
    }

    private mutating func value(_ generator: inout SeededGenerator, depth: Int) {
        switch Int.random(in: 0..<(depth < 6 ? 9 : 7), using: &generator) {
        case 0, 1, 2:
            text += String(
                Int64.random(in: .min ... .max, using: &generator)
                    >> Int64.random(in: 0..<64, using: &generator)
            )
        case 3: text += "\(Double.random(in: -1e9...1e9, using: &generator))"
        case 4: text += ["true", "false", "null"].randomElement(using: &generator) ?? ""
        case 5, 6:
            text +=
                ["\"\"", "\"a,\\n\\\"b\\\": 1\"", "\"é😀\"", "\"{[\""].randomElement(using: &generator) ?? ""
        case 7: object(&generator, depth: depth + 1)
        default: array(&generator, depth: depth + 1)
        }
    }

    private mutating func object(_ generator: inout SeededGenerator, depth: Int) {
        text += "{"
        let count = Int.random(in: 0..<6, using: &generator)
        for index in 0..<count {
            if index > 0 { text += "," }
            space(&generator)
            let key = [
                "a", "b", "", "memstats", "BySize", "Size", "PauseNs", "cmdline", "up", "x.y", "\\u0061",
                "\\xff", "é",
            ]
            text += "\"\(key.randomElement(using: &generator) ?? "")\":"
            space(&generator)
            value(&generator, depth: depth)
            space(&generator)
        }
        text += "}"
    }

    private mutating func array(_ generator: inout SeededGenerator, depth: Int) {
        text += "["
        for index in 0..<Int.random(in: 0..<5, using: &generator) {
            if index > 0 { text += "," }
            space(&generator)
            value(&generator, depth: depth)
        }
        text += "]"
    }

    private mutating func space(_ generator: inout SeededGenerator) {
        text += ["", "", " ", "\n", "\t \r\n"].randomElement(using: &generator) ?? ""
    }
}
