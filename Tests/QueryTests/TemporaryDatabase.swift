import Model
import Storage
import TestBasics
import Testing

@testable import Query

/// A database for one test, removed when it is let go.
final class TemporaryDatabase: Sendable {
    private let directory: TemporaryDirectory

    var path: String { directory.file("test.db") }

    init() throws { directory = try TemporaryDirectory() }

    /// Stores scrapes at exactly those places.
    func insert(
        _ scrapes: [(epoch: Int64, scrape: Scrape)],
        target: String = "api",
        url: String = "http://localhost/debug/vars"
    ) async throws {
        let writer = try await VaultWriter.open(path: path, create: true)
        _ = try await writer.insert(
            scrapes.map { epoch, scrape in
                ImportedScrape(
                    target: target,
                    epoch: epoch,
                    origin: Origin(url: url),
                    scrape: scrape
                )
            }
        )
        try await writer.close()
    }

    /// Merges what was sealed into chunks of a day.
    func compact() async throws {
        let writer = try await VaultWriter.open(path: path, create: false)
        _ = try await writer.compact()
        try await writer.close()
    }

    /// Answers about what is stored.
    func engine() throws -> QueryEngine {
        QueryEngine(try Vault.openReader(path: path).snapshot())
    }
}

extension Scrape {
    /// A successful scrape with that body.
    init(at t: Int64, _ body: String, durationNanoseconds: Int64? = nil) {
        self.init(
            time: Timestamp(milliseconds: t),
            durationNanoseconds: durationNanoseconds,
            outcome: .document(Array(body.utf8))
        )
    }
}

/// A Go process: as much of it as tells runs apart, and what it paused for.
struct MadeUpProcess {
    var name: String
    private(set) var collections: [Collection] = []
    private var pauseTotal: UInt64 = 0

    init(_ name: String) {
        self.name = name
    }

    /// Collects garbage once, ending then.
    mutating func collect(endNanoseconds: UInt64, pauseNanoseconds: UInt64) {
        collections.append(
            Collection(
                n: UInt64(collections.count) + 1,
                endNanoseconds: endNanoseconds,
                pauseNanoseconds: pauseNanoseconds
            )
        )
        pauseTotal += pauseNanoseconds
    }

    /// The body that it serves, with these variables beside its own.
    func body(_ variables: [String]) -> String {
        var pauses = [UInt64](repeating: 0, count: 256)
        var ends = pauses
        for collection in collections {
            let slot = Int((collection.n + 255) % 256)
            pauses[slot] = collection.pauseNanoseconds
            ends[slot] = collection.endNanoseconds
        }
        let memstats = """
            "memstats": {"TotalAlloc":\(collections.count * 1000),"Mallocs":\(collections.count * 10),\
            "Frees":\(collections.count * 5),"HeapAlloc":\(collections.count % 7),"PauseTotalNs":\(pauseTotal),\
            "PauseNs":\(pauses),"PauseEnd":\(ends),"NumGC":\(collections.count)}
            """
        let lines = ["\"cmdline\": [\"\(name)\"]", memstats] + variables
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }
}
