import TestBasics
import Testing

@testable import Codec

@Suite("predictions")
struct PredictionSearchTests {
    static func counter(_ count: Int, _ size: Int64, using numbers: inout SeededGenerator) -> [Int64] {
        var value: Int64 = 0
        return (0..<count).map { _ in
            value += Int64.random(in: 0...size, using: &numbers)
            return value
        }
    }

    private func size(
        _ column: [Int64],
        by columns: [[Int64]],
        gapTo: Int? = nil,
        gate: Int? = nil
    ) -> (bytes: Int, terms: Set<Int>) {
        var search = PredictionSearch(count: column.count, judging: columns + [column])
        for (index, other) in columns.enumerated() { search.add(other, column: index) }
        let divisor = IntegerColumn.divisor(column)
        let predictions = search.predictions(
            of: column,
            divisor: divisor,
            gapTo: gapTo.map { ($0, columns[$0]) },
            gate: gate.map { ($0, columns[$0]) },
            termsMax: 8
        ) { _, _ in true }
        var encoder = IntegerColumn.Encoder()
        let bytes = encoder.encode(column, predictions: predictions, divisor: divisor) { columns[$0] }
        #expect((try? IntegerColumnTests.decode(bytes, column.count, columns)) == column)
        return (bytes.count, Set((try? IntegerColumn.columnsRead(by: ByteReader(bytes))) ?? []))
    }

    @Test("a sum is found among noise, and then costs next to nothing")
    func sum() {
        var numbers = SeededGenerator(seed: 21)
        let columns = (0..<6).map { _ in Self.counter(1000, 5000, using: &numbers) }
        let sum = (0..<1000).map { columns[1][$0] + columns[2][$0] - columns[4][$0] }
        let found = size(sum, by: columns)
        #expect(found.terms == [1, 2, 4])
        #expect(found.bytes < 60)
    }

    @Test("a multiple is found whichever of the two is foretold")
    func multiple() {
        var numbers = SeededGenerator(seed: 22)
        let count = Self.counter(1000, 50, using: &numbers)
        let bytes = count.map { $0 * 4096 }
        #expect(size(bytes, by: [count]).bytes < 40)
        #expect(size(count, by: [bytes]).bytes < 40)
    }

    @Test("what is taken back now and then follows from the gap, where a gate says when")
    func gap() {
        var numbers = SeededGenerator(seed: 23)
        let given = Self.counter(1000, 700, using: &numbers)
        // Every tenth time nearly all that is out comes back.
        let gate = given.indices.map { Int64(($0 + 1) / 10) }
        var back: Int64 = 0
        let taken = given.indices.map { row in
            if row % 10 == 9 { back = given[row - 1] - 17 }
            return back
        }
        #expect(size(taken, by: [given, gate], gapTo: 0, gate: 1).bytes < 90)
        #expect(size(taken, by: [given, gate]).bytes > 140)
    }

    @Test("columns that say nothing are left out")
    func noise() {
        var numbers = SeededGenerator(seed: 24)
        let columns = (0..<5).map { _ in Self.counter(500, 5000, using: &numbers) }
        #expect(size(Self.counter(500, 5000, using: &numbers), by: columns).terms.isEmpty)
        #expect(size([Int64](repeating: 4, count: 500), by: columns).bytes < 4)
    }

    @Test("numbers from the ends of the range do no harm")
    func extremes() {
        var numbers = SeededGenerator(seed: 25)
        let wild = (0..<6).map { IntegerColumnTests.column($0 + 3, count: 300, using: &numbers) }
        for column in wild { _ = size(column, by: wild) }
    }
}
