import Model
import Testing

@testable import Export

@Suite("Ids of documents")
struct DocumentIDTests {
    private func id(
        kind: DocumentKind = .heap,
        agent: String = "a",
        host: String = "h",
        target: String = "t",
        epoch: Int64 = 0,
        time: Int64 = 1,
        checksum: UInt64 = 2,
        isViaPipeline: Bool = false
    ) -> String {
        DocumentID.text(
            of: kind,
            recorder: RecorderIdentity(id: agent, host: host),
            target: target,
            position: ScrapePosition(epoch: epoch, time: Timestamp(milliseconds: time)),
            checksum: checksum,
            isViaPipeline: isViaPipeline
        )
    }

    @Test("an id never changes from release to release")
    func stable() {
        // python3: hashlib.sha256(bytes of the layout in DocumentID.swift).digest()[:24], base64.urlsafe_b64encode
        #expect(id() == "rFdsSk_YFucxSGHClKPc2uh1pWn-VeW5")
    }

    @Test("each part of an id makes another id, and a byte never wanders from one part to the next")
    func distinct() {
        let ids = [
            id(), id(kind: .expvar), id(agent: "b"), id(host: "b"), id(target: "b"), id(epoch: 1),
            id(time: 2),
            id(checksum: 3), id(agent: "ah", host: ""), id(agent: "", host: "ah"), id(host: "ht", target: ""),
            id(epoch: -1), id(time: -1), id(isViaPipeline: true),
        ]
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.utf8.count == DocumentID.length })
    }

    @Test("both ids of a scrape are what each is by itself, and follow the body")
    func scrape() {
        let scrape = exportedScrape("{\n\"a\": 1\n}")
        let ids = DocumentID.texts(for: scrape, in: testContext)
        #expect(ids.heap == DocumentID.text(of: .heap, for: scrape, in: testContext))
        #expect(ids.expvar == DocumentID.text(of: .expvar, for: scrape, in: testContext))
        #expect(
            DocumentID.text(of: .heap, for: exportedScrape("{\n\"a\": 2\n}"), in: testContext) != ids.heap
        )
    }

    @Test("the checksum is XXH64")
    func checksum() {
        // Test vectors of the reference implementation (xxhsum -H64), seed 0.
        #expect(BodyChecksum.checksum([]) == 0xEF46_DB37_51D8_E999)
        #expect(BodyChecksum.checksum(Array("a".utf8)) == 0xD24E_C4F1_A98C_6E5B)
        #expect(BodyChecksum.checksum(Array("abc".utf8)) == 0x44BC_2CF5_AD77_0999)
        #expect(
            BodyChecksum.checksum(Array("Nobody inspects the spammish repetition".utf8))
                == 0xFBCE_A83C_8A37_8BF1
        )
    }
}
