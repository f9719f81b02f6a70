// Any bytes as an answer to a bulk request: an error, or one item for each document; never a trap.
// With: Sources/Export/Elasticsearch/Mapping/LeftOutVariable.swift
// With: Sources/Export/Documents/DocumentRemarks.swift
// With: Tests/ExportTests/HostileAnswer.swift Sources/Export/Elasticsearch/Server/BulkResponse.swift
// With: Sources/Export/Elasticsearch/Server/BulkOutcome.swift
// With: Sources/Export/Elasticsearch/Replay/ReplayDocument.swift
// With: Sources/Export/Documents/DocumentContext.swift
// Longest: 512

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBulkAnswer(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    HostileAnswer.read(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
