import Model
import Testing

@testable import Query

@Suite struct QueryWindowTests {
    private func window(_ since: Int64?, _ until: Int64?, step: Int64? = nil) throws -> QueryWindow {
        try QueryWindow(
            TimeRange(
                since: since.map { Timestamp(milliseconds: $0) },
                until: until.map { Timestamp(milliseconds: $0) }
            ),
            ends: (Timestamp(milliseconds: 105), Timestamp(milliseconds: 200)),
            extent: (105, 200),
            grid: step.map { StepGrid(stepMilliseconds: $0) }
        )
    }

    @Test(
        "steps are whole multiples since 1970, and every one that the range touches is there",
        arguments: [
            // An open end reaches to the scrape itself, a given one up to it.
            (nil, nil, 100, 11), (nil, 200, 100, 10), (100, 200, 100, 10), (101, 201, 100, 11),
            (-15, 5, -20, 3),
            (200, nil, 200, 1), (201, nil, 200, 0), (nil, 100, 100, 0), (nil, 90, 100, 0), (150, 150, 150, 0),
        ] as [(Int64?, Int64?, Int64, Int)]
    )
    func steps(since: Int64?, until: Int64?, start: Int64, count: Int) throws {
        let span = try #require(try window(since, until, step: 10).steps)
        #expect(span.count == count)
        if count > 0 {
            #expect(span.start == start)
            #expect(span.index(of: start) == 0)
            #expect(span.index(of: start - 1) == nil)
            #expect(span.index(of: start + 10 * Int64(count) - 1) == count - 1)
            #expect(span.index(of: start + 10 * Int64(count)) == nil)
        }
    }

    @Test("a million steps are answered, one more is refused, and no range overflows")
    func countMax() throws {
        #expect(try window(0, 1_000_000, step: 1).steps?.count == 1_000_000)
        #expect(throws: QueryError.tooManySteps(count: 1_000_001)) { try window(0, 1_000_001, step: 1) }
        #expect(throws: QueryError.tooManySteps(count: .max)) { try window(.min, .max, step: 1) }
        #expect(throws: QueryError.self) { try window(.min, .max, step: 7) }
        #expect(try window(.min, .max, step: .max).steps?.count ?? 0 <= 3)
    }

    @Test("open ends are answered as the first and the last scrape")
    func ends() throws {
        let open = try window(nil, nil)
        #expect([open.from.milliseconds, open.to.milliseconds] == [105, 200])
        let since = try window(150, nil)
        #expect([since.from.milliseconds, since.to.milliseconds] == [150, 200])
        let late = try window(500, nil)
        #expect([late.from.milliseconds, late.to.milliseconds] == [500, 500])
        let until = try window(nil, 50)
        #expect([until.from.milliseconds, until.to.milliseconds] == [50, 50])
    }
}
