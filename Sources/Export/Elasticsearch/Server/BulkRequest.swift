import JSON

/// The body of a bulk request: for each document an action line and a source line, each ended by a newline.
///
///     {"create":{"_index":"logs-golang.heap-default","_id":"…"}}
///     {"@timestamp":"2026-01-02T03:04:05.678Z",…}
///
/// `create` is the only action that a data stream takes, and the one that answers 409 for a known id.
/// See: https://www.elastic.co/guide/en/elasticsearch/reference/current/docs-bulk.html
package enum BulkRequest {
    private static let opening = Array(#"{"create":{"_index":""#.utf8)
    private static let middle = Array(#"","_id":""#.utf8)
    private static let closing = Array("\"}}\n".utf8)

    /// How many bytes a document takes in a request, action line included.
    package static func bytes(of document: ReplayDocument, namespace: String) -> Int {
        // "logs-" and "-" around the data set.
        let stream = 6 + document.kind.dataset.utf8.count + namespace.utf8.count
        return opening.count + stream + middle.count + document.id.utf8.count + closing.count
            + document.bytes.count + 1
    }

    /// The body for these documents, before compression.
    package static func body(of documents: [ReplayDocument], namespace: String) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(documents.reduce(0) { $0 + bytes(of: $1, namespace: namespace) })
        var names = PerStream<[UInt8]>([])
        for kind in DocumentKind.allCases { names[kind] = Array(kind.stream(namespace: namespace).utf8) }
        for document in documents {
            append(actionLine: document.id, stream: names[document.kind], to: &body)
            body.append(contentsOf: document.bytes)
            body.append(UInt8(ascii: "\n"))
        }
        return body
    }

    /// Adds the action line, newline included, for a document of that id in that stream.
    static func append(actionLine id: String, stream: some Collection<UInt8>, to body: inout [UInt8]) {
        body.append(contentsOf: opening)
        body.append(contentsOf: stream)
        body.append(contentsOf: middle)
        body.append(contentsOf: id.utf8)
        body.append(contentsOf: closing)
    }
}
