import Model
import Testing

@testable import Dashboard

@Suite struct StepChoiceTests {
    @Test("no range has more steps than points, and none more than a screen shows")
    func steps() {
        for exponent in 0..<42 {
            for points in [2, 3, 100, 1000] {
                let since = Int64(1_767_322_800_123)
                let length = Int64(1) << Int64(exponent)
                let range = TimeRange(
                    since: Timestamp(milliseconds: since),
                    until: Timestamp(milliseconds: since + length)
                )
                let grid = StepChoice.grid(for: range, points: points)
                let first = grid.start(of: Timestamp(milliseconds: since)).milliseconds
                #expect((since + length - 1 - first) / grid.step + 1 <= Int64(points))
            }
        }
    }
}
