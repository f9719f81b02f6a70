import Model
import Testing

@testable import TerminalView

/// How values become bars.
@Suite struct CourseTests {
    @Test("a spike is never lost, however narrow the chart")
    func spike() {
        for columns in 1...60 {
            let bars = SampleReadings.course { $0 == 37 ? 100 : 1 }.bars(columns: columns)
            #expect(bars.count <= columns)
            #expect(bars.contains(100))
        }
    }

    @Test("a bar keeps its height while the window moves on")
    func stable() {
        func course(_ first: Int64) -> Course {
            Course(
                start: Timestamp(milliseconds: first * 15_000),
                step: 15_000,
                values: (first..<first + 60).map { Double($0 * 7919 % 100) }
            )
        }
        for first: Int64 in 1000..<1030 {
            // Of all shares but the first and the last, which the window cuts.
            let now = course(first).bars(columns: 20).dropFirst().dropLast()
            let next = course(first + 3).bars(columns: 20).dropFirst().dropLast()
            #expect(Array(now.dropFirst()) == Array(next.dropLast()))
        }
    }

    @Test("bars reach from 0 to the greatest, over several lines, with blanks where nothing is known")
    func rows() {
        #expect(Sparkline.rows([0, 7, nil, 15], count: 2) == ["   █", "▁█ █"])
        #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7], columns: 8) == "▁▂▃▄▅▆▇█")
        #expect(Sparkline.text([nil, .infinity, 3], columns: 3) == "  █")
        #expect(Sparkline.text([5, 5], columns: 2) == "██")
        #expect(Sparkline.text([0, 0], columns: 2) == "▁▁")
        #expect(Sparkline.rows([10.1, 10.2], count: 1, base: 10.1) == ["▁█"])
    }

    @Test(
        "a window is whole steps, none of them shorter than the usual time between scrapes, the last holds now"
    )
    func grid() {
        for window: Int64 in [10_000, 60_000, 900_000, 86_400_000] {
            for usual: Int64? in [nil, 10, 1000, 10_000, 60_000, 300_000] {
                for now: Int64 in [0, 1, 1_767_355_200_000, 1_767_355_207_499] {
                    let request = LiveRequest(
                        subject: .targets(first: []),
                        now: Timestamp(milliseconds: now),
                        window: window
                    )
                    let grid = LiveGrid(request, usual: usual)
                    #expect(grid.range.contains(request.now))
                    #expect(grid.step >= min(usual ?? 0, window))
                    let since = grid.range.since?.milliseconds ?? 0
                    let until = grid.range.until?.milliseconds ?? 0
                    #expect((until - since) % grid.step == 0 && until % grid.step == 0)
                    #expect((until - since) / grid.step <= 61)
                    #expect(until - since >= window)
                }
            }
        }
    }
}
