import Expvar
import Testing

@Suite("Shapes")
struct ShapeTests {
    @Test(
        "series are named by their path",
        arguments: [
            ("{\"a\":1}", ["a=1"]),
            ("{\"a\":{\"b\":{\"c\":1}},\"d\":true,\"e\":false}", ["a.b.c=1", "d=1", "e=0"]),
            ("{\"queue\":[5,[6,\"x\",7],null,8]}", ["queue.0=5", "queue.1.0=6", "queue.1.2=7", "queue.3=8"]),
            ("{\"a.b\":{\"c\\\\d\":1}}", ["a\\.b.c\\\\d=1"]),
            ("{\"s\":\"1\",\"n\":null,\"o\":{},\"l\":[]}", []),
            ("{\"\":{\"\":1},\" \":2}", [".=1", " =2"]),
            (
                "{\"é\":{\"\\u00e9\":1,\"\\ud83d\\ude00\":2,\"\\ud800\":3}}",
                ["é.é=1", "é.😀=2", "é.\u{FFFD}=3"]
            ),
            ("{\"/api/{id}\":{\"p*\":1}}", ["/api/{id}.p*=1"]),
        ]
    )
    func names(body: String, expected: [String]) throws {
        #expect(try seriesText(body) == expected)
    }

    @Test(
        "a target's own names never take those of the added series",
        arguments: [
            ("{\"up\":1}", ["\\up=1"]), ("{\"up\":{\"x\":1}}", ["up.x=1"]),
            ("{\"a\":{\"up\":1}}", ["a.up=1"]),
            ("{\"\\\\up\":1}", ["\\\\up=1"]), ("{\"up\":\"yes\"}", []),
            (
                "{\"scrape\":{\"duration_seconds\":1,\"other\":2}}",
                ["\\scrape.duration_seconds=1", "scrape.other=2"]
            ),
            ("{\"scrape.duration_seconds\":1}", ["scrape\\.duration_seconds=1"]),
        ]
    )
    func addedSeries(body: String, expected: [String]) throws {
        #expect(try seriesText(body) == expected)
    }

    @Test(
        "elements of memstats.BySize are named by their size, others by their index",
        arguments: [
            (
                "{\"memstats\":{\"BySize\":[{\"Size\":48,\"Mallocs\":7,\"Frees\":3}]}}",
                ["memstats.BySize.48.Size=48", "memstats.BySize.48.Mallocs=7", "memstats.BySize.48.Frees=3"]
            ),
            (
                "{\"memstats\":{\"BySize\":[{\"Mallocs\":1,\"Size\":8},{\"Mallocs\":2},{\"Mallocs\":3,\"Size\":\"8\"},4]}}",
                [
                    "memstats.BySize.8.Mallocs=1", "memstats.BySize.8.Size=8", "memstats.BySize.1.Mallocs=2",
                    "memstats.BySize.2.Mallocs=3", "memstats.BySize.3=4",
                ]
            ),
            ("{\"memstats\":{\"BySize\":[{\"Size\":4.8e1}]}}", ["memstats.BySize.4\\.8e1.Size=48.0"]),
            // Of two elements with one name the last counts, and of two sizes of one element too.
            (
                "{\"memstats\":{\"BySize\":[{\"Size\":8,\"A\":1},{\"Size\":8,\"B\":2}]}}",
                ["memstats.BySize.8.Size=8", "memstats.BySize.8.B=2"]
            ),
            ("{\"memstats\":{\"BySize\":[{\"Size\":1,\"A\":1},{\"A\":2}]}}", ["memstats.BySize.1.A=2"]),
            ("{\"memstats\":{\"BySize\":[{\"Size\":8,\"Size\":9}]}}", ["memstats.BySize.9.Size=9"]),
            ("{\"memstats\":{\"BySize\":[{\"Size\":8,\"Size\":{}}]}}", []),
            ("{\"memstats\":{\"BySize\":[{\"Size\":8,\"Size\":null,\"A\":1}]}}", ["memstats.BySize.0.A=1"]),
            // Only there: not in another variable, not deeper, not in an object of that name.
            ("{\"x\":{\"BySize\":[{\"Size\":8}]}}", ["x.BySize.0.Size=8"]),
            ("{\"memstats\":{\"BySize\":{\"0\":{\"Size\":8}}}}", ["memstats.BySize.0.Size=8"]),
            ("{\"memstats\":{\"BySize\":[[{\"Size\":8}]]}}", ["memstats.BySize.0.0.Size=8"]),
            ("{\"memstats\":[{\"BySize\":[{\"Size\":8}]}]}", ["memstats.0.BySize.0.Size=8"]),
        ]
    )
    func bySize(body: String, expected: [String]) throws {
        #expect(try seriesText(body) == expected)
    }

    @Test("size classes that differ make different skeletons, other numbers do not")
    func sizesAreInSkeletons() throws {
        let body = { (size: Int, mallocs: Int) in
            Array("{\"memstats\":{\"BySize\":[{\"Size\":\(size),\"Mallocs\":\(mallocs)}]}}".utf8)
        }
        #expect(try scanned(body(8, 1)).skeleton == scanned(body(8, 22)).skeleton)
        #expect(try scanned(body(8, 1)).skeleton != scanned(body(16, 1)).skeleton)
    }

    @Test(
        "of duplicate keys the last counts, at every level, with all that is below it",
        arguments: [
            ("{\"a\":1,\"a\":2}", ["a=2"]),
            ("{\"a\":{\"x\":1,\"y\":2},\"b\":3,\"a\":{\"x\":4}}", ["b=3", "a.x=4"]),
            ("{\"a\":1,\"a\":\"text\"}", []), ("{\"a\":1,\"\\u0061\":2,\"\\x61\":3}", ["a=3"]),
            ("{\"m\":{\"k\":{\"z\":1},\"k\":5,\"k\":6}}", ["m.k=6"]),
            ("{\"l\":[{\"k\":1,\"k\":2},{\"k\":3}]}", ["l.0.k=2", "l.1.k=3"]),
            // Different normal forms are different keys, and so are different bytes that are no UTF-8.
            ("{\"\u{E9}\":1,\"e\u{301}\":2}", ["\u{E9}=1", "e\u{301}=2"]),
            ("{\"\\xff\":1,\"\\xfe\":2}", ["\\\\xff=1", "\\\\xfe=2"]),
            ("{\"a\":{\"n\":NaN},\n\"a\": 1}", ["a=1"]),
        ]
    )
    func duplicates(body: String, expected: [String]) throws {
        #expect(try seriesText(body) == expected)
    }

    @Test("the pause rings of memstats are no series, and those of anything else are")
    func rings() throws {
        let body = """
            {"PauseNs":[1],"memstats":{"PauseNs":[1,2],"PauseEnd":[3,{"x":4}],"Other":[5],"In":{"PauseNs":[6]}}}
            """
        #expect(try seriesText(body) == ["PauseNs.0=1", "memstats.Other.0=5", "memstats.In.PauseNs.0=6"])
        #expect(
            try seriesText("{\"memstats\":{\"PauseNs\":1,\"PauseEnd\":true,\"PauseTotalNs\":2}}") == [
                "memstats.PauseTotalNs=2"
            ]
        )
    }

    @Test("maps are the objects below the top level and outside memstats, and know their series")
    func maps() throws {
        let body =
            "{\"m\":{\"a\":1,\"in\":{\"b\":2},\"l\":[{\"c\":3}]},\"e.e\":{},\"memstats\":{\"o\":{\"d\":4},\"f\":5},\"g\":6}"
        let shape = try shape(body)
        #expect(shape.maps == ["m", "m.in", "m.l.0", "e\\.e"])
        let holders = Dictionary(
            uniqueKeysWithValues: shape.series.map { ($0.name, $0.map.map { shape.maps[$0] }) }
        )
        #expect(
            holders == [
                "m.a": "m", "m.in.b": "m.in", "m.l.0.c": "m.l.0", "memstats.o.d": nil, "memstats.f": nil,
                "g": nil,
            ]
        )
        #expect(shape.hasMap("m") && shape.hasMap("e\\.e") && !shape.hasMap("g") && !shape.hasMap("memstats"))
        #expect(try !ExpvarTests.shape("{\"\u{E9}\":{}}").hasMap("e\u{301}"))
    }

    @Test("the first 10 000 numeric leaves are series; rings and overruled members do not count")
    func limit() throws {
        let list = { (count: Int) in "[" + Array(repeating: "1", count: count).joined(separator: ",") + "]" }
        #expect(try !shape("{\"a\":\(list(10_000))}").isSeriesLimited)
        let over = try shape("{\"a\":\(list(9_999)),\"b\":true,\"c\":1,\"d\":{\"e\":2}}")
        #expect(over.isSeriesLimited && over.series.count == 10_000 && over.series.last?.name == "b")
        #expect(over.leafKinds.count == 10_002 && over.maps == ["d"])
        let rings = try shape(
            "{\"a\":\(list(500)),\"memstats\":{\"PauseNs\":\(list(256))},\"a\":\(list(10_000))}"
        )
        #expect(!rings.isSeriesLimited && rings.series.count == 10_000)
    }

    @Test("long keys cannot make names cost more than their limit")
    func nameBytes() throws {
        let key = String(repeating: "k", count: 1 << 20)
        let shape = try shape(
            "{\"\(key)\":[\(Array(repeating: "1", count: 5000).joined(separator: ","))],\"z\":1}"
        )
        #expect(shape.isSeriesLimited)
        #expect(shape.series.reduce(0) { $0 + $1.name.utf8.count } <= Shape.nameBytesMax)
    }

    @Test("memstats tells where its fields and rings are")
    func memStats() throws {
        var process = SampleProcess()
        process.collect(300)
        let body = Array(process.body.utf8)
        let document = try scanned(body)
        let shape = try Shape(skeleton: document.skeleton)
        let memStats = try #require(shape.memStats)
        #expect(memStats.pauseRing?.count == 256 && memStats.endRing?.count == 256)
        #expect(
            shape.memStatsNumber("NumGC", in: document, body: body).map { Array($0) } == Array("300".utf8)
        )
        #expect(
            shape.memStatsNumber("GCCPUFraction", in: document, body: body).map { Array($0) }
                == Array("0.00010175966389925072".utf8)
        )
        #expect(shape.memStatsNumber("EnableGC", in: document, body: body) == nil)
        #expect(shape.memStatsNumber("Absent", in: document, body: body) == nil)
        #expect(
            shape.commandLine.map {
                $0.map { String(decoding: document.leaves[$0].spelling(in: body), as: UTF8.self) }
            } == ["\"/srv/api\"", "\"-listen\"", "\":80\""]
        )
    }

    @Test(
        "memstats that is null, absent, broken or no object is none",
        arguments: ["null", "NaN", "[]", "1"]
    )
    func noMemStats(value: String) throws {
        #expect(try shape("{\n\"a\": 1,\n\"memstats\": \(value)\n}\n").memStats == nil)
        #expect(try shape("{\n\"memstats\": {\"NumGC\":1},\n\"memstats\": \(value)\n}\n").memStats == nil)
    }

    @Test("the arguments are found in whatever form, also in a member that is overruled")
    func commandLineLeaves() throws {
        let plain = try shape("{\"a\":1,\"cmdline\":[\"x\",\"y\"],\"b\":\"z\"}")
        #expect(plain.commandLine == 1..<3 && plain.commandLineLeaves == [1, 2])
        let odd = try shape(
            "{\"cmdline\":[\"secret\"],\"a\":0,\"cmdline\":{\"args\":[\"x\",1]},\"b\":{\"cmdline\":\"z\"}}"
        )
        #expect(odd.commandLine == nil && odd.commandLineLeaves == [0, 2, 3])
        #expect(try shape("{\"cmdline\":[\"x\",1]}").commandLine == nil)
        #expect(try shape("{\"cmdline\":[\"x\",[\"y\"]]}").commandLine == nil)
        #expect(try shape("{\"cmdline\":[]}").commandLine == 0..<0)
    }

    @Test(
        "what is no skeleton is refused",
        arguments: [
            "", "[]", "\u{1}", "{", "{\"a\":1}", "{\"a\":\u{8}}", "{\"a\":\u{6}8}", "{\"a\":\u{6}x\u{7}}",
            "{\"a\":\u{1},}", "{}}", "{\"a\"\u{1}}", "{\"a\":\u{0}}",
        ]
    )
    func refused(skeleton: String) {
        #expect(throws: DocumentError.self) { try Shape(skeleton: Array(skeleton.utf8)) }
        #expect(throws: DocumentError.tooDeep) {
            try Shape(skeleton: Array("{\"a\":".utf8) + [UInt8](repeating: UInt8(ascii: "["), count: 100_000))
        }
    }
}
