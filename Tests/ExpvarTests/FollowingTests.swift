import Expvar
import TestBasics
import Testing

/// A document that follows the body before must find what one finds that looks at each body alone.
@Suite("Following the body before")
struct FollowingTests {
    /// Scans `body` with a document that has scanned others before, and compares with a scan of it alone.
    private func expectSame(
        _ body: [UInt8],
        after last: [UInt8]?,
        _ following: inout ScannedDocument,
        _ note: @autoclosure () -> String
    ) {
        var alone = ScannedDocument()
        let before = last.map { (body: $0, leaves: following.leaves, skeleton: following.skeleton) }
        var errors: (DocumentError?, DocumentError?) = (nil, nil)
        do { try alone.scan(body) } catch { errors.0 = error }
        do { try following.scan(body) } catch { errors.1 = error }
        guard errors.0 == errors.1, alone.leaves == following.leaves, alone.skeleton == following.skeleton
        else {
            let told = errors.1.map { "\($0)" } ?? "something else"
            Issue.record("\(note()): \(told) after \(text(last ?? [])) for \(text(body))")
            return
        }
        guard let changed = following.changedLeaves, let before else { return }
        if before.skeleton != following.skeleton { Issue.record("\(note()): follows another skeleton") }
        if changed != changed.sorted() { Issue.record("\(note()): changes out of order") }
        let unchanged = Set(following.leaves.indices).subtracting(changed.map(Int.init))
        for leaf in unchanged
        where before.leaves[leaf].spelling(in: before.body) != following.leaves[leaf].spelling(in: body) {
            Issue.record("\(note()): leaf \(leaf) changed and is not named in \(text(body))")
        }
    }

    private func text(_ body: [UInt8]) -> String { String(decoding: body, as: UTF8.self) }

    @Test("only the leaves that changed are read")
    func changes() throws {
        var document = ScannedDocument()
        try document.scan(Array("{\"a\": 1, \"b\": [10,20,30], \"c\": \"x\"}".utf8))
        #expect(document.changedLeaves == nil)
        try document.scan(Array("{\"a\": 1, \"b\": [10,2000,30], \"c\": \"yy\"}".utf8))
        #expect(document.changedLeaves == [2, 4])
        #expect(document.leaves.map(\.offset) == [6, 15, 18, 23, 33])
        try document.scan(Array("{\"a\": 1, \"b\": [10,2000,30], \"c\": \"yy\"}".utf8))
        #expect(document.changedLeaves == [])
        #expect(document.scanCount == 3)
        try document.scan(Array("{\"a\": 1, \"b\": [10,2000], \"c\": \"yy\"}".utf8))
        #expect(document.changedLeaves == nil)
    }

    /// Each pair is scanned one after the other, both ways.
    @Test(
        "bodies that differ in more than leaves are looked at anew",
        arguments: [
            ("{\"a\": 12}", "{\"a\": 123}"), ("{\"a\": 12}", "{\"a\": 1.5e3}"), ("{\"a\": 1}", "{\"a\": -0}"),
            ("{\"a\": 0}", "{\"a\": 00}"), ("{\"a\": 1}", "{\"a\": 1e400}"), ("{\"a\": 1}", "{\"a\": 1.}"),
            ("{\"a\": 1}", "{\"a\": 1e}"), ("{\"a\": 1}", "{\"a\": -}"), ("{\"a\": 1}", "{\"a\": +1}"),
            ("{\"a\": 1}", "{\"a\": 1 }"), ("{\"a\": 1}", "{\"a\": 1}\n"), ("{\"a\": 1}", "{\"a\": 1"),
            ("{\"a\": 1}", "{\"a\": 1}}"), ("{\"a\": 1}", "{\"a\": 1]"), ("{\"a\": 1}", "{\"a\": \"1\"}"),
            ("{\"a\": true}", "{\"a\": false}"), ("{\"a\": true}", "{\"a\": null}"),
            ("{\"a\": true}", "{\"a\": tru}"), ("{\"a\": true}", "{\"a\": trues}"),
            ("{\"a\": \"x\"}", "{\"a\": \"x\\\"\"}"), ("{\"a\": \"x\"}", "{\"a\": \"x\\x41\"}"),
            ("{\"a\": \"x\"}", "{\"a\": \"\u{1}\"}"), ("{\"a\": \"x\"}", "{\"a\": \"x}"),
            ("{\"a\": \"x\"}", "{\"a\": \"x\", \"b\": 1}"), ("{\"a\": \"x\\\\\"}", "{\"a\": \"x\\\"\"}"),
            ("{\n\"a\": NaN,\n\"b\": 1\n}", "{\n\"a\": NaN,\n\"b\": 2\n}"),
            ("{\n\"a\": 1,\n\"b\": 1\n}", "{\n\"a\": NaN,\n\"b\": 1\n}"),
            ("{\n\"a\": 1,\n\"b\": 1\n}", "{\n\"a\": ,\n\"b\": 1\n}"),
            ("{\n\"a\": 1,\n\"b\": 1\n}", "{\n\"a\": 1,\n\"c\": 1\n}"),
            ("{\"a\": 1, \"a\": 2}", "{\"a\": 1, \"a\": 3}"), ("{\"a\": [1,2]}", "{\"a\": [1,23]}"),
            ("{\"a\": [1,2]}", "{\"a\": [12,2]}"), ("{\"a\": [1,2]}", "{\"a\": [1,2,3]}"),
            ("{\"a\": [1,2]}", "{\"a\": [12]}"), ("{\"a\": [11,1]}", "{\"a\": [1,11]}"),
            (
                "{\"memstats\": {\"BySize\":[{\"Size\":8,\"Mallocs\":1}]}}",
                "{\"memstats\": {\"BySize\":[{\"Size\":8,\"Mallocs\":2}]}}"
            ),
            (
                "{\"memstats\": {\"BySize\":[{\"Size\":8,\"Mallocs\":1}]}}",
                "{\"memstats\": {\"BySize\":[{\"Size\":88,\"Mallocs\":1}]}}"
            ),
            ("{\"a\": 18446744073709551615}", "{\"a\": 184467440737095516150000000000000000}"),
            ("{}", "{ }"), ("{}", ""), ("{\"a\": 1}", "<html>"),
        ]
    )
    func pairs(_ first: String, _ second: String) {
        for bodies in [[first, second, first, first], [second, first, second, second]] {
            var following = ScannedDocument()
            var last: [UInt8]?
            for body in bodies {
                expectSame(Array(body.utf8), after: last, &following, "pair")
                last = Array(body.utf8)
            }
        }
    }

    @Test("a body cut anywhere, or with any byte another, is taken as if it came first")
    func damage() {
        var process = SampleProcess()
        process.collect(3)
        let whole = Array(process.body.utf8)
        var generator = SeededGenerator(seed: 7)
        let interesting = Array("0123456789-+.eE,:{}[]\"\\ \n\u{1}tfnN".utf8) + [0xff, 0xc3]
        // The empty slots of the rings are all alike.
        let places = whole.indices.filter { $0 < 700 || $0 > whole.count - 500 }
        var following = ScannedDocument()
        for place in places {
            expectSame(whole, after: nil, &following, "whole")
            expectSame(Array(whole[..<place]), after: whole, &following, "cut at \(place)")
            expectSame(whole, after: nil, &following, "whole")
            var changed = whole
            changed[place] = interesting.randomElement(using: &generator) ?? 0
            expectSame(changed, after: whole, &following, "changed at \(place)")
        }
    }

    @Test(
        "random edits of a body, one after the other, are taken as if each came first",
        arguments: [UInt64(1), 2, 3, 4]
    )
    func edits(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let pieces = [
            "0", "1", "12345678901234567890123", "-7", "-0", "1.5", "1e+06", "1E-7", "1e400", "00", "true",
            "null",
            "\"s\"", "\"\\u00e9\"", "\"\\\\\"", "NaN", "", ",", "}", "]", "[1,2]", "{\"k\":1}", "\n", " ",
            "\"",
        ].map { Array($0.utf8) }
        var following = ScannedDocument()
        var last: [UInt8]?
        var followed = 0
        for round in 0..<4000 {
            var process = SampleProcess()
            process.collect(round % 5)
            var body = last ?? Array(process.body.utf8)
            if round % 40 == 0 { body = Array(process.body.utf8) }
            var alone = ScannedDocument()
            let leaves = (try? alone.scan(body)) == nil ? [] : alone.leaves  // some edits spoil it
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let piece = pieces.randomElement(using: &generator) ?? []
                // Mostly a number takes another's place.
                if let leaf = leaves.randomElement(using: &generator), round % 4 != 0,
                    Int(leaf.offset + leaf.length) <= body.count
                {
                    let number = Array("\(UInt64.random(in: 0...1 << 40, using: &generator) >> 20)".utf8)
                    body.replaceSubrange(Int(leaf.offset)..<Int(leaf.offset + leaf.length), with: number)
                } else {
                    let place = Int.random(in: 0...body.count, using: &generator)
                    body.replaceSubrange(place..<min(body.count, place + piece.count / 2), with: piece)
                }
            }
            expectSame(body, after: last, &following, "seed \(seed), round \(round)")
            if following.changedLeaves != nil { followed += 1 }
            last = body
        }
        #expect(followed > 80, "seed \(seed)")
    }

    @Test(
        "a state that goes on from the one before is the one that the body alone shows",
        arguments: [UInt64(1), 2]
    )
    func states(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var process = SampleProcess()
        var following = ScannedDocument()
        var last: ProcessState?
        for round in 0..<300 {
            process.collect([0, 0, 1, 2, 300][Int.random(in: 0...4, using: &generator)])
            if round % 50 == 49 { process.commandLine = ["other", "\(round)", ":80"] }
            if round % 80 == 79 { process = SampleProcess() }
            var text = process.body
            if round % 30 == 29 { text = text.replacing("\"PauseNs\":[0", with: "\"PauseNs\":[1.5") }
            if round % 30 == 28 { text = text.replacing("\"PauseEnd\":[", with: "\"PauseEnd\":[-") }
            let body = Array(text.utf8)
            try following.scan(body)
            let shape = try Shape(skeleton: following.skeleton)
            let state = ProcessState(shape: shape, document: following, body: body, previous: last)
            let alone = ProcessState(shape: shape, document: try scanned(body), body: body)
            #expect(state == alone, "seed \(seed), round \(round)")
            last = state
        }
    }
}
