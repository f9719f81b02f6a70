import Export
import Expvar
import Model

@testable import Storage

/// A scrape of target `api` as a document is made of it, without a database.
func exportedScrape(
    _ body: String,
    time: Int64 = 1_767_323_045_678,
    origin: Origin = Origin(url: "http://localhost:6060/debug/vars"),
    predecessor: ScrapePredecessor = .none
) -> ExportedScrape {
    exportedScrape(bytes: Array(body.utf8), time: time, origin: origin, predecessor: predecessor)
}

/// The same for a body that may be no UTF-8.
func exportedScrape(
    bytes: [UInt8],
    time: Int64 = 1_767_323_045_678,
    origin: Origin = Origin(url: "http://localhost:6060/debug/vars"),
    predecessor: ScrapePredecessor = .none
) -> ExportedScrape {
    var reader = BodyReader()
    return ExportedScrape(
        record: ScrapeRecord(
            seq: 1,
            target: TargetID(1),
            position: ScrapePosition(epoch: 0, time: Timestamp(milliseconds: time)),
            origin: origin,
            durationNanoseconds: nil,
            status: 200,
            serverDate: nil,
            bootID: nil,
            bootNanoseconds: nil,
            run: RunID(1),
            // Of a ring all that it shows; less where a scrape of another run showed some before.
            seenCount: 256,
            failure: nil,
            isAfterStep: false
        ),
        target: "api",
        body: bytes,
        reading: reader.read(bytes),
        predecessor: predecessor
    )
}

/// The context of the tests: every text is short and tells what it is.
let testContext = DocumentContext(agentID: "id", agentName: "edge", agentVersion: "1")

/// The text of a document; empty where there is none.
func text(_ document: [UInt8]?) -> String {
    String(decoding: document ?? [], as: UTF8.self)
}
