import JSON
import Model
import Testing

@testable import Export

@Suite("Pauses of a scrape")
struct PauseFieldsTests {
    private func pause(
        _ pauses: [UInt64],
        after predecessor: ScrapePredecessor,
        context: DocumentContext = testContext
    ) throws -> String {
        var maker = DocumentMaker(context: context)
        let made = maker.documents(
            for: exportedScrape(SampleProcess(pauses: pauses).body, predecessor: predecessor)
        )
        let text = text(made.heap)
        _ = try JSONReader.value(of: try #require(made.heap))
        guard let start = text.range(of: "\"pause\":") else { return "" }
        return String(text[start.lowerBound...].dropLast(4))
    }

    private func state(_ pauses: [UInt64]) throws -> ScrapePredecessor {
        .sameRun(try #require(exportedScrape(SampleProcess(pauses: pauses).body).reading?.state))
    }

    @Test("between two scrapes of a run it is the new collections that count")
    func sameRun() throws {
        #expect(
            try pause([5, 7, 9, 7], after: state([5])) == """
                "pause":{"total":{"ns":28},"count":3,"sum":{"ns":23},"avg":{"ns":7.666666666666667},"max":{"ns":9},\
                "histogram":{"values":[7,9],"counts":[2,1]}}
                """
        )
        #expect(try pause([5, 7], after: state([5, 7])) == #""pause":{"total":{"ns":12}}"#)
    }

    @Test("overwritten collections are counted, summed by PauseTotalNs and named missed")
    func missed() throws {
        let pauses = [UInt64](repeating: 2, count: 300)
        #expect(
            try pause([10, 20] + pauses, after: state([10])) == """
                "pause":{"total":{"ns":630},"count":301,"sum":{"ns":620},"avg":{"ns":2.0598006644518274},"max":{"ns":2},\
                "missed":45,"histogram":{"values":[2],"counts":[256]}}
                """
        )
    }

    @Test("where a run begins without a gap its collections count from the first")
    func runBegin() throws {
        #expect(
            try pause([4, 4], after: .runBegin) == """
                "pause":{"total":{"ns":8},"count":2,"sum":{"ns":8},"avg":{"ns":4.0},"max":{"ns":4},\
                "histogram":{"values":[4],"counts":[2]}}
                """
        )
    }

    @Test("after a gap only collections that ended after the scrape before it count, and none is missed")
    func gap() throws {
        let since = Timestamp(milliseconds: 2000)
        #expect(
            try pause([1, 2, 3, 4], after: .gap(since: since)) == """
                "pause":{"total":{"ns":10},"count":2,"sum":{"ns":7},"avg":{"ns":3.5},"max":{"ns":4},\
                "histogram":{"values":[3,4],"counts":[1,1]}}
                """
        )
        #expect(try pause([1, 2], after: .gap(since: since)) == #""pause":{"total":{"ns":3}}"#)
        let many = [UInt64](repeating: 3, count: 400)
        #expect(
            try pause(many, after: .gap(since: Timestamp(milliseconds: 0))).contains(
                #""count":256,"sum":{"ns":768}"#
            )
        )
        #expect(!(try pause(many, after: .gap(since: Timestamp(milliseconds: 0)))).contains("missed"))
    }

    @Test("a target's very first scrape has no pauses, and none are there when they are not asked for")
    func none() throws {
        #expect(try pause([1, 2], after: .none) == #""pause":{"total":{"ns":3}}"#)
        var context = testContext
        context.includesPauses = false
        #expect(try pause([1, 2], after: .runBegin, context: context) == #""pause":{"total":{"ns":3}}"#)
        context.includesPauses = true
        context.includesHistogram = false
        #expect(!(try pause([1, 2], after: .runBegin, context: context)).contains("histogram"))
    }
}

extension String {
    /// The range of the first occurrence of `text`.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
