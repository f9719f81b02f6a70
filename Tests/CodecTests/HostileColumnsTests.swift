import TestBasics
import Testing

@testable import Codec

/// What the fuzz targets FuzzIntegerColumn, FuzzTokens, FuzzDoubleColumn and FuzzBytesColumn check, with seeded bytes; a broken
/// claim ends the test process.
@Suite("Any bytes as columns")
struct HostileColumnsTests {
    @Test("are values or an error, and what was read can be written and read again", arguments: [1, 2, 3])
    func anyBytes(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var columns = HostileColumns()
        for _ in 0..<300 {
            let count = Int.random(in: 0...120, using: &generator)
            // Small bytes mean something more often than large ones.
            let max = [UInt8(3), 20, 255][Int.random(in: 0...2, using: &generator)]
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...max, using: &generator) }
            columns.integers(bytes)
            columns.tokens(bytes)
            columns.doubles(bytes)
            columns.bytes(bytes)
        }
    }

    @Test(
        "are an error wherever a good column is cut or has another bit, or give other values of the same number"
    )
    func changedColumns() throws {
        var generator = SeededGenerator(seed: 4)
        var encoder = IntegerColumn.Encoder()
        var columns = HostileColumns()
        let values = (0..<200).map { Int64($0 * $0) + Int64.random(in: -50...50, using: &generator) }
        let bytes = encoder.encode(values)
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            columns.integers([0, 0, 200] + changed)
            columns.integers([0, 0, 200] + bytes[..<place])
        }
    }
}
