import Model
import Storage
import TestBasics
import TestSupport
import Testing

@testable import Recorder

@Suite struct RecordIntoVaultTests {
    @Test("what servers served is in the database, byte for byte, and failures with their reasons")
    func endToEnd() async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = "\(directory)/vault.db"
        let server = try await ExpvarServer.start { request in
            switch request.path {
            case "/html": .answer(status: 200, headers: [], body: Array("<html></html>".utf8))
            case "/deep": .body(String(repeating: "[", count: 200_000))
            case "/missing": .status(404)
            default: .body("{\n\"cmdline\": [\"api\"],\n\"n\": \(request.number),\n\"x\": 1e+06\n}\n")
            }
        }
        let writer = try await VaultWriter.open(path: path, create: true)
        let log = CapturedLog()
        let targets = ["html", "deep", "missing"].map { (name: $0, url: server.url("/\($0)")) }
        var configuration = try ServiceBench.configuration(
            [("good", server.url())] + targets,
            intervalMilliseconds: 400,
            count: 5
        )
        configuration.targets[0].labels = ["env": "test"]
        let service = RecordingService(configuration: configuration, sink: writer, logger: log.logger())
        let summary = try await service.run()
        try await writer.close()
        await server.stop()
        #expect(summary.scrapes == 5)
        #expect(summary.failures == 15)

        let snapshot = try Vault.openReader(path: path).snapshot()
        let records = try snapshot.targets()
        #expect(records.map(\.name) == ["deep", "good", "html", "missing"])
        #expect(records.map(\.scrapeCount) == [0, 5, 0, 0])
        #expect(records.map(\.failureCount) == [5, 0, 5, 5])
        #expect(records[1].origin == Origin(url: server.url(), labels: ["env": "test"]))
        #expect(records[3].lastFailure?.reason == "status 404")
        for record in records where record.name != "good" {
            #expect(record.lastFailure?.reason.isEmpty == false)
        }
        let cursor = try snapshot.scrapes(of: records[1].id, in: .all, failures: true)
        var number = 0
        while let scrape = try cursor.next() {
            number += 1
            let body = String(decoding: try cursor.body(), as: UTF8.self)
            #expect(body == "{\n\"cmdline\": [\"api\"],\n\"n\": \(number),\n\"x\": 1e+06\n}\n")
            #expect(scrape.status == 200)
            #expect(log.lines(with: "stored target=good t=\(scrape.position.time.milliseconds)").count == 1)
        }
        #expect(number == 5)
    }
}
