import Export
import JSON
import TestBasics
import TestSupport
import Testing

/// The stand-in is worth what it has in common with the real thing.
///
/// `Tests/Fixtures/elasticsearch/observed-7.10.2.ndjson` tells how a real Elasticsearch 7.10.2 answered: a request a
/// line, in the order in which they were sent, with the status and the types of errors that came back.
@Suite("The stand-in answers as a real Elasticsearch 7.10.2 did")
struct ObservedAnswersTests {
    private static func observed() throws -> [JSONValue] {
        let bytes = try CredentialText.bytes(
            of: "\(Repository.root)/Tests/Fixtures/elasticsearch/observed-7.10.2.ndjson",
            mustBePrivate: false
        )
        return try bytes.split(separator: 0x0A).map { try JSONReader.value(of: Array($0)) }
    }

    private static func body(_ line: JSONValue) -> [UInt8] {
        let text = line["body"]?.string ?? ""
        if let count = line["fields"]?.integer {
            let fields = (0..<count).map { "\"f\($0)\":\($0)" }.joined(separator: ",")
            return Array((text + #"{"@timestamp":"2026-01-02T03:04:05.678Z",\#(fields)}"# + "\n").utf8)
        }
        // The broken gzip has bytes that are no UTF-8; they stand in the file as the scalars of the same number.
        return text.unicodeScalars.allSatisfy { $0.value < 0x80 }
            ? Array(text.utf8) : text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    @Test("the same status and error type, item by item")
    func everyAnswer() throws {
        var cluster = ElasticsearchCluster(version: (7, 10, 2))
        let lines = try ObservedAnswersTests.observed()
        #expect(lines.count == 40)
        for line in lines {
            let label = line["label"]?.string ?? ""
            var headers: [String: String] = [:]
            for member in line["headers"]?.members ?? [] { headers[member.key] = member.value.string }
            let request = ElasticsearchRequest(
                method: line["method"]?.string ?? "",
                uri: line["path"]?.string ?? "",
                headers: headers,
                body: ObservedAnswersTests.body(line)
            )
            let answer = cluster.answer(request)
            #expect(Int64(answer.status) == line["status"]?.integer, "\(label)")
            guard request.method != "HEAD" else { continue }
            let value = try JSONReader.value(of: answer.body)
            if let items = line["items"]?.elements {
                let got = value["items"]?.elements?.map { item in item.members?.first?.value } ?? []
                #expect(got.count == items.count, "\(label)")
                for (got, expected) in zip(got, items) {
                    #expect(got?["status"]?.integer == expected.elements?.first?.integer, "\(label)")
                    #expect(
                        got?[path: ["error", "type"]]?.string == expected.elements?.last?.string,
                        "\(label)"
                    )
                }
            }
            if let type = line["error"]?.string {
                #expect(value[path: ["error", "type"]]?.string == type, "\(label)")
            }
            if let text = line["text"]?.string { #expect(value["error"]?.string == text, "\(label)") }
        }
    }

    @Test("before 8.2 an index cannot be simulated under the name of a stream that exists")
    func simulateExisting() {
        for (version, status) in [((7, 10, 2), 500), ((8, 1, 3), 500), ((8, 2, 0), 200)] {
            var cluster = ElasticsearchCluster(version: version)
            let simulate = ElasticsearchRequest(
                method: "POST",
                uri: "/_index_template/_simulate_index/logs-golang.heap-default"
            )
            #expect(cluster.answer(simulate).status == 200)
            _ = cluster.answer(
                ElasticsearchRequest(method: "PUT", uri: "/_data_stream/logs-golang.heap-default")
            )
            #expect(cluster.answer(simulate).status == status)
        }
    }

    @Test("what 8.13 knows, an older server answers 400 to")
    func unknownParameter() {
        let line =
            #"{"create":{"_index":"logs-golang.heap-default","_id":"a"}}"# + "\n"
            + #"{"@timestamp":"2026-01-02T03:04:05.678Z"}"# + "\n"
        let request = ElasticsearchRequest(
            method: "POST",
            uri: "/_bulk?require_data_stream=true",
            headers: ["content-type": "application/x-ndjson"],
            body: Array(line.utf8)
        )
        var old = ElasticsearchCluster(version: (8, 12, 0))
        #expect(old.answer(request).status == 400)
        var new = ElasticsearchCluster(version: (8, 13, 0))
        #expect(new.answer(request).status == 200)
    }
}
