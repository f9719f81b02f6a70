import Export
import Model
import Testing

@Suite("Reading a bulk answer")
struct BulkResponseTests {
    private let documents = ["a", "b"].enumerated().map { number, id in
        ReplayDocument(
            id: id,
            seq: 1,
            target: TargetID(1),
            targetName: "t",
            time: Timestamp(milliseconds: 0),
            kind: number == 0 ? .heap : .expvar,
            bytes: Array("{}".utf8)
        )
    }

    private func read(_ text: String) throws(BulkResponseError) -> [BulkItemAnswer] {
        try BulkResponse.items(of: Array(text.utf8), for: documents, namespace: "default", clean: { $0 })
    }

    @Test("status, index, error and failure store are read, whatever else is there")
    func reads() throws {
        let items = try read(
            """
            {"took":1,"x":{"y":[1,{"z":null}]},"errors":true,"items":[
            {"create":{"_index":".ds-logs-golang.heap-default-2026.01.02-000001","_id":"a","_version":1,"status":201,
             "failure_store":"used"}},
            {"create":{"_index":"logs-golang.expvar-default","_id":"b","status":400,
             "error":{"type":"t","reason":"r \\u00e9","caused_by":{"type":"u","reason":"s"}}}}]}
            """
        )
        #expect(
            items == [
                BulkItemAnswer(
                    status: 201,
                    index: ".ds-logs-golang.heap-default-2026.01.02-000001",
                    usedFailureStore: true
                ),
                BulkItemAnswer(status: 400, index: "logs-golang.expvar-default", type: "t", reason: "r é"),
            ]
        )
    }

    @Test("an error may be just a text, and the filter may leave index and id out")
    func plainError() throws {
        let items = try read(#"{"items":[{"create":{"status":201}},{"create":{"status":500,"error":"oh"}}]}"#)
        #expect(items.map(\.status) == [201, 500])
        #expect(items.last?.reason == "oh")
    }

    @Test("what cannot be believed is believed in nothing")
    func refuses() {
        let one = #"{"create":{"status":201}}"#
        #expect(throws: BulkResponseError.fewer(items: 1, documents: 2)) { try read(#"{"items":[\#(one)]}"#) }
        #expect(throws: BulkResponseError.more(documents: 2)) {
            try read(#"{"items":[\#(one),\#(one),\#(one)]}"#)
        }
        #expect(throws: BulkResponseError.noItems) { try read(#"{"errors":false}"#) }
        #expect(throws: BulkResponseError.noItems) { try read(#"{"items":{}}"#) }
        #expect(throws: BulkResponseError.notAnObject) { try read("[]") }
        #expect(throws: BulkResponseError.badItem(0)) { try read(#"{"items":[7,\#(one)]}"#) }
        #expect(throws: BulkResponseError.badItem(0)) { try read(#"{"items":[{},\#(one)]}"#) }
        #expect(throws: BulkResponseError.badItem(1)) {
            try read(#"{"items":[\#(one),{"index":{"status":201}}]}"#)
        }
        #expect(throws: BulkResponseError.badItem(0)) {
            try read(#"{"items":[{"create":{"status":"201"}},\#(one)]}"#)
        }
        #expect(throws: BulkResponseError.badItem(0)) {
            try read(#"{"items":[{"create":{"status":99999}},\#(one)]}"#)
        }
        #expect(throws: BulkResponseError.otherOrder(item: 0)) {
            try read(#"{"items":[{"create":{"_id":"b","status":201}},{"create":{"_id":"a","status":201}}]}"#)
        }
        #expect(throws: BulkResponseError.otherOrder(item: 0)) {
            try read(
                #"{"items":[{"create":{"_index":".ds-logs-golang.expvar-default-1","status":201}},\#(one)]}"#
            )
        }
    }

    @Test("cut at any byte, an answer is an error and no trap")
    func truncated() throws {
        let whole =
            #"{"errors":true,"items":[{"create":{"_id":"a","status":201}},{"create":{"_id":"b","status":400,"error":{"type":"t","reason":"ré"}}}]}"#
        _ = try read(whole)
        let bytes = Array(whole.utf8)
        for count in 0..<bytes.count {
            #expect(throws: BulkResponseError.self) {
                try BulkResponse.items(
                    of: Array(bytes[..<count]),
                    for: documents,
                    namespace: "default",
                    clean: { $0 }
                )
            }
        }
    }

    @Test("any byte may be any other: an answer of two items or an error, never a trap")
    func mutated() {
        let bytes = Array(
            #"{"items":[{"create":{"_id":"a","status":201}},{"create":{"_id":"b","status":429}}]}"#.utf8
        )
        for index in bytes.indices {
            for value in stride(from: UInt8(0), to: 255, by: 3) {
                var changed = bytes
                changed[index] = value
                let items = try? BulkResponse.items(
                    of: changed,
                    for: documents,
                    namespace: "default",
                    clean: { $0 }
                )
                #expect(items.map { $0.count == 2 } ?? true)
            }
        }
    }
}

@Suite("Writing a bulk request")
struct BulkRequestTests {
    @Test("an action line and a source line for each, each ended by a newline, as long as foretold")
    func body() {
        let document = ReplayDocument(
            id: "x-1",
            seq: 1,
            target: TargetID(1),
            targetName: "t",
            time: Timestamp(milliseconds: 0),
            kind: .heap,
            bytes: Array(#"{"@timestamp":"2026-01-02T03:04:05.678Z"}"#.utf8)
        )
        let body = BulkRequest.body(of: [document, document], namespace: "edge")
        let pair =
            #"{"create":{"_index":"logs-golang.heap-edge","_id":"x-1"}}"# + "\n"
            + #"{"@timestamp":"2026-01-02T03:04:05.678Z"}"# + "\n"
        #expect(String(decoding: body, as: UTF8.self) == pair + pair)
        #expect(body.count == 2 * BulkRequest.bytes(of: document, namespace: "edge"))
    }
}
