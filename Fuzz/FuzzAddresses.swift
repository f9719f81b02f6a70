// Any bytes as an address, or as a header of an answer: URLs of targets and clusters, Cloud ids, versions, dates and
// waits. Never a trap, and what is shown of a URL without a query reads back as itself.
// With: Sources/Recorder/Config/TargetURL.swift Sources/Recorder/HTTP/HTTPDate.swift Sources/Export/URLText.swift
// With: Sources/Export/Elasticsearch/Server/ElasticsearchURL.swift
// With: Sources/Export/Elasticsearch/Server/CredentialText.swift
// With: Sources/Export/Elasticsearch/Server/CloudID.swift Sources/Export/Elasticsearch/Server/RetryAfter.swift
// With: Sources/Export/Elasticsearch/Replay/RetryPolicy.swift Sources/Export/Elasticsearch/Server/ServerInfo.swift
// With: Sources/Export/Elasticsearch/Server/BulkOutcome.swift Sources/Export/Elasticsearch/Server/ServerText.swift
// Longest: 256
import Model

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAddresses(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let text = String(decoding: bytes, as: UTF8.self)
    if let (url, _) = try? TargetURL.parse(text) {
        precondition(url.port.map { (1...65_535).contains($0) } ?? true, "a port of TCP")
        // The values of a query are not shown.
        if !text.contains("?"), url.description.utf8.count <= TargetURL.bytesMax {
            precondition((try? TargetURL.parse(url.description).url) == url, "it reads back")
        }
    }
    if let url = try? ElasticsearchURL(text) {
        precondition((1...65_535).contains(url.port), "a port of TCP")
        _ = try? ElasticsearchURL(url.description)
    }
    if let url = CloudID.url(of: text) {
        precondition((try? ElasticsearchURL(url)) != nil, "it can be asked")
    }
    _ = URLText.withoutUser(text)
    if let date = HTTPDate.parse(text) {
        precondition(Timestamp.accepted.contains(date.milliseconds), "a time of the calendar")
    }
    for now in [Timestamp.accepted.lowerBound, 0, Timestamp.accepted.upperBound] {
        if let wait = RetryAfter.milliseconds(text, now: Timestamp(milliseconds: now)) {
            precondition(wait >= 0, "nobody waits backwards")
            var policy = RetryPolicy(seed: UInt64(bytes.count))
            let delay = policy.delay(attempt: bytes.count, retryAfter: wait)
            precondition((0...RetryPolicy.retryAfterMax).contains(delay), "no longer than the limit")
        }
    }
    _ = ServerInfo.Version(text)
    let status = bytes.first.map { Int($0) * 3 } ?? 200
    _ = try? ServerInfo(
        status: status,
        productHeader: "Elasticsearch",
        body: Array(bytes),
        url: "http://h:9200",
        text: ServerText(secrets: [])
    )
    return 0
}
