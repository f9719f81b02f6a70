import Export
import JSON
import Model
import Testing

@Suite("Documents of a scrape")
struct ExportDocumentTests {
    private let body = """
        {
        "cache": {"bytes":0,"policy":"lru"},
        "cmdline": ["/srv/api","-x"],
        "load": 1e+06,
        "memstats": {"TotalAlloc":9223372036854775807,"Sys":2,"Lookups":3,"Mallocs":4,"Frees":5,"HeapAlloc":6,"HeapSys":7,"HeapIdle":8,"HeapInuse":9,"HeapReleased":10,"HeapObjects":11,"StackInuse":12,"StackSys":13,"MSpanInuse":14,"MSpanSys":15,"MCacheInuse":16,"MCacheSys":17,"BuckHashSys":18,"GCSys":19,"OtherSys":20,"NextGC":21,"LastGC":1700000000123456789,"PauseTotalNs":22,"NumGC":23,"NumForcedGC":24,"GCCPUFraction":0.00012,"EnableGC":true},
        "ok": false
        }

        """

    private func documents(
        _ body: String,
        origin: Origin = Origin(url: "http://localhost:6060/debug/vars"),
        context: DocumentContext = testContext
    ) -> ExportDocuments {
        var maker = DocumentMaker(context: context)
        return maker.documents(for: exportedScrape(body, origin: origin))
    }

    private func golang(_ body: String, _ kind: DocumentKind) throws -> JSONValue? {
        try JSONReader.value(of: try #require(documents(body)[kind]))[path: ["golang", kind.rawValue]]
    }

    @Test("the heap document holds the envelope and each field of its table, numbers as they are spelled")
    func heap() {
        #expect(
            text(documents(body).heap) == """
                {"@timestamp":"2026-01-02T03:04:05.678Z","event":{"created":"2026-01-02T03:04:05.678Z",\
                "dataset":"golang.heap","module":"golang","kind":"metric","type":["info"]},\
                "data_stream":{"type":"logs","dataset":"golang.heap","namespace":"default"},\
                "ecs":{"version":"8.11.0"},"input":{"type":"httpjson"},\
                "service":{"address":"http://localhost:6060","name":"api"},\
                "agent":{"type":"expvault","name":"edge","id":"id","ephemeral_id":"9a6a13e8-1aff-87bb-83b1-d0956622240f","version":"1"},\
                "tags":["forwarded","golang-heap"],\
                "golang":{"heap":{"allocations":{"active":{"bytes":9},"idle":{"bytes":8},\
                "object":{"bytes":6,"count":11},"total":{"bytes":9223372036854775807},"frees":{"count":5}},\
                "mallocs":{"count":4},"system":{"released":{"bytes":10},"stack":{"bytes":13},"total":{"bytes":7}},\
                "cmdline":["/srv/api","-x"],\
                "gc":{"cpu_fraction":0.00012,"next_gc_limit":21,"total":{"count":23},"pause":{"total":{"ns":22}}}}}}
                """
        )
    }

    @Test(
        "the expvar document holds each field of its table and the custom variables, LastGC with all 19 digits"
    )
    func expvar() {
        #expect(
            text(documents(body).expvar).hasSuffix(
                """
                "tags":["forwarded","golang-expvar"],\
                "golang":{"expvar":{"buck_hash_sys":{"bytes":18},"gc":{"forced":24,\
                "last_finished":{"ns":1700000000123456789},"metadata":{"memory":{"bytes":19}}},\
                "mcache":{"allocated":{"bytes":16},"obtained":{"bytes":17}},\
                "mspan":{"allocated":{"bytes":14},"obtained":{"bytes":15}},\
                "obtained":{"miscellaneous":{"bytes":20},"total":{"bytes":2}},"pointer":{"lookups":3},\
                "stack":{"bytes":12},"cmdline":["/srv/api","-x"],\
                "custom":{"cache":{"bytes":0,"policy":"lru"},"load":1e+06,"ok":false}}}}
                """
            )
        )
    }

    @Test("nulls, empty strings, maps and lists are removed at every level, 0 and false stay")
    func removal() throws {
        let custom = try golang(
            """
            {
            "a": null,
            "b": "",
            "c": {},
            "d": [],
            "e": {"x":null,"y":{"z":""},"w":[[],{},null,""]},
            "f": [0,null,"",[],{"k":null},false,[0]],
            "g": {"h":0,"i":[null,1]}
            }
            """,
            .expvar
        )?["custom"]
        #expect(custom == (try JSONReader.value(of: Array(#"{"f":[0,false,[0]],"g":{"h":0,"i":[1]}}"#.utf8))))
    }

    @Test("a string that is empty in one scrape and not in the next is removed only from the first")
    func changingStrings() throws {
        var maker = DocumentMaker(context: testContext)
        for _ in 0..<2 {
            let empty = maker.documents(for: exportedScrape("{\n\"s\": \"\",\n\"n\": 1\n}"))
            #expect(text(empty.expvar).hasSuffix(#""custom":{"n":1}}}}"#))
            let full = maker.documents(for: exportedScrape("{\n\"s\": \"x\",\n\"n\": 1\n}"))
            #expect(text(full.expvar).hasSuffix(#""custom":{"s":"x","n":1}}}}"#))
        }
    }

    @Test("a broken variable is left out, and so is a memstats that is missing, null or broken")
    func broken() throws {
        #expect(
            try golang("{\n\"a\": NaN,\n\"b\": ,\n\"c\": 1\n}", .expvar)?.members?.map(\.key) == ["custom"]
        )
        #expect(
            text(documents("{\n\"a\": NaN,\n\"b\": ,\n\"c\": 1\n}").expvar).hasSuffix(#""custom":{"c":1}}}}"#)
        )
        for memstats in ["", "\"memstats\": null,\n", "\"memstats\": NaN,\n"] {
            let document = documents("{\n\(memstats)\"a\": 1\n}")
            // There is nothing to say of a heap.
            #expect(document.heap == nil)
            #expect(document.remarks.expvar.isWithoutMemstats)
            #expect(text(document.expvar).hasSuffix(#""golang":{"expvar":{"custom":{"a":1}}}}"#))
        }
    }

    @Test("a number that no field takes is left out, tagged and named, and all else arrives")
    func beyondInt64() throws {
        for (value, isTaken) in [
            ("18446744073709551615", false), ("9223372036854775808", false), ("9223372036854775807", true),
            ("-9223372036854775808", true), ("-9223372036854775809", false), ("1e19", false), ("1e18", true),
        ] {
            let made = documents("{\n\"memstats\": {\"NextGC\":\(value),\"NumGC\":3,\"Sys\":\(value)}\n}")
            for kind in DocumentKind.allCases {
                let document = try JSONReader.value(of: try #require(made[kind]))
                let path =
                    kind == .heap
                    ? ["golang", "heap", "gc", "next_gc_limit"]
                    : ["golang", "expvar", "obtained", "total", "bytes"]
                let tags = document["tags"]?.elements?.compactMap(\.string) ?? []
                #expect((document[path: path] == .number(value)) == isTaken, "\(value)")
                #expect((document[path: path] == nil) != isTaken, "\(value)")
                #expect(tags.contains("expvault-left-out") != isTaken, "\(value)")
                let message = document[path: ["error", "message"]]?.string
                #expect(
                    message
                        == (isTaken
                            ? nil : "\(path.joined(separator: ".")) is \(value), more than its field holds")
                )
                #expect(made.remarks[kind].leftOut.count == (isTaken ? 0 : 1))
            }
            #expect(text(made.heap).contains(#""total":{"count":3}"#))
        }
        // The next scrape, which has it, is made as if nothing had been.
        var maker = DocumentMaker(context: testContext)
        for value in ["18446744073709551615", "4194304", "18446744073709551615"] {
            let made = maker.documents(for: exportedScrape("{\n\"memstats\": {\"NextGC\":\(value)}\n}"))
            #expect(text(made.heap).contains(#""next_gc_limit":4194304"#) == (value == "4194304"))
        }
    }

    @Test("what has something behind the point is noted, by the field that it goes to")
    func fractions() throws {
        var context = testContext
        context.notesFractions = true
        let body = """
            {
            "memstats": {"GCCPUFraction":0.0125,"NumGC":1},
            "a.b": {"ratio":0.338,"whole":1.0,"n":3},
            "big": 1e+06,
            "list": [1,[2.5]]
            }
            """
        let made = documents(body, context: context)
        #expect(made.remarks.heap.fractions == ["golang.heap.gc.cpu_fraction"])
        #expect(
            made.remarks.expvar.fractions == [
                "golang.expvar.custom.list", "golang.expvar.custom.a.b.ratio",
            ]
        )
        #expect(
            documents("{\n\"memstats\": {\"GCCPUFraction\":0}\n}", context: context).remarks.heap.fractions
                == []
        )
    }

    @Test("event.original and its tag are there only when asked for, before the other tags")
    func original() throws {
        var context = testContext
        context.preservesOriginal = true
        let made = documents(body, context: context)
        for kind in DocumentKind.allCases {
            let document = try JSONReader.value(of: try #require(made[kind]))
            #expect(document[path: ["event", "original"]]?.string == body)
            #expect(
                document["tags"]?.elements?.compactMap(\.string) == [
                    "preserve_original_event", "forwarded", "golang-\(kind.rawValue)",
                ]
            )
        }
    }

    @Test("through a pipeline go the envelope and the body as message, and nothing made from it")
    func viaPipeline() throws {
        var context = testContext
        context.isViaPipeline = true
        let document = try JSONReader.value(of: try #require(documents(body, context: context).heap))
        #expect(document["message"]?.string == body)
        #expect(document["golang"] == nil)
        #expect(document[path: ["event", "original"]] == nil)
    }

    @Test(
        "service.address is the configured one, else scheme, host and port of the URL",
        arguments: [
            (Origin(url: "https://u:p@w@host:8443/x?y#z"), "https://host:8443"),
            (Origin(url: "http://[::1]:6060/debug/vars"), "http://[::1]:6060"),
            (Origin(url: "http://host?x=@y"), "http://host"), (Origin(url: nil), nil),
            (Origin(url: "http://"), nil),
            (Origin(url: "http://a:1/", serviceAddress: "edge-7:6060"), "edge-7:6060"),
            (Origin(url: "nonsense"), nil),
            (Origin(url: "http://a:1/", serviceAddress: ""), "http://a:1"),
        ] as [(Origin, String?)]
    )
    func address(origin: Origin, expected: String?) throws {
        let document = try JSONReader.value(of: documents("{}", origin: origin).expvar)
        #expect(document[path: ["service", "address"]]?.string == expected)
        #expect(document[path: ["service", "name"]]?.string == "api")
    }

    @Test("labels are ascending by name, without empty ones, with names that fit beside one another")
    func labels() throws {
        let origin = Origin(url: nil, labels: ["z": "1", "a.b": "2", "a": "3", "e": ""])
        let document = try JSONReader.value(of: documents("{}", origin: origin).expvar)
        #expect(document["labels"] == (try JSONReader.value(of: Array(#"{"a":"3","z":"1","a_b":"2"}"#.utf8))))
    }

    @Test("memstats behind more than 10 000 other variables is read all the same")
    func manyVariables() throws {
        let many = (0..<10_001).map { "\"a\($0)\": 0,\n" }.joined()
        #expect(
            try golang("{\n\(many)\"memstats\": {\"Sys\":7}\n}", .expvar)?[path: [
                "obtained", "total", "bytes",
            ]]?.integer == 7
        )
    }

    @Test("a document of any body is one line of JSON in which nothing is null or empty")
    func property() throws {
        var generator = SeededBodies(seed: UInt64.random(in: 0...UInt64.max))
        var maker = DocumentMaker(context: testContext)
        for round in 0..<400 {
            let body = generator.body()
            let made = maker.documents(for: exportedScrape(body))
            for bytes in DocumentKind.allCases.compactMap({ made[$0] }) {
                #expect(!bytes.contains(0x0A))
                let value = try JSONReader.value(of: bytes)
                #expect(!holdsEmpty(value), "seed \(generator.seed), round \(round), body \(body)")
                #expect(!holdsPathTwice(value), "seed \(generator.seed), round \(round), body \(body)")
            }
        }
    }

    private func holdsEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): members.isEmpty || members.contains { holdsEmpty($0.value) }
        case .array(let elements): elements.isEmpty || elements.contains(where: holdsEmpty)
        case .string(let text): text.isEmpty
        case .null: true
        case .number, .boolean: false
        }
    }

    /// The naive reading: every dotted key is a path, and no path of a value may be, or lead to, another one's.
    private func holdsPathTwice(_ value: JSONValue) -> Bool {
        var paths: [String] = []
        func collect(_ value: JSONValue, _ path: String) {
            if case .object(let members) = value {
                for member in members { collect(member.value, path + member.key + ".") }
            } else {
                paths.append(path)
            }
        }
        collect(value, "")
        paths.sort()
        return zip(paths, paths.dropFirst()).contains { $1.hasPrefix($0) }
    }
}

/// Makes bodies whose custom variables have few names, many dots and many empty values.
private struct SeededBodies {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func body() -> String {
        var variables: [String] = []
        for _ in 0...next(5) { variables.append("\"\(key())\": \(value(depth: 0))") }
        if next(2) == 0 { variables.append("\"memstats\": {\"NumGC\":\(next(9)),\"Sys\":\(next(100))}") }
        return "{\n" + variables.joined(separator: ",\n") + "\n}\n"
    }

    private mutating func key() -> String {
        (0...next(2)).map { _ in ["a", "b", "a_b", ""][next(8) == 0 ? 3 : next(3)] }.joined(separator: ".")
    }

    private mutating func value(depth: Int) -> String {
        switch next(depth < 3 ? 9 : 6) {
        case 0: return "null"
        case 1: return "\"\""
        case 2: return "\"x\""
        case 3: return "false"
        case 4: return depth == 0 ? "NaN" : "0"
        case 5: return "\(next(1000))"
        case 6: return "[" + (0..<next(3)).map { _ in value(depth: depth + 1) }.joined(separator: ",") + "]"
        default:
            return "{"
                + (0..<next(4)).map { _ in "\"\(key())\":\(value(depth: depth + 1))" }.joined(separator: ", ")
                + "}"
        }
    }

    private mutating func next(_ bound: Int) -> Int {
        // Knuth's MMIX constants; the high bits are the good ones.
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }
}
