import JSON
import Testing

/// A string read with the help of the one before must be what it is alone.
@Suite("Following the string before")
struct JSONStringFollowerTests {
    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    private func expectSame(_ text: [UInt8], _ follower: inout JSONStringFollower, _ note: String) {
        var alone = JSONText(text)
        var following = JSONText(text)
        var expected: [UInt8] = []
        var error: JSONError?
        do { try alone.string(into: &expected) } catch let thrown { error = thrown }
        do {
            let found = try following.string(following: &follower)
            if error != nil || found != expected || following.offset != alone.offset {
                Issue.record("\(note): \(String(decoding: text, as: UTF8.self))")
            }
        } catch let thrown {
            if thrown != error {
                Issue.record("\(note): \(thrown) for \(String(decoding: text, as: UTF8.self))")
            }
        }
    }

    @Test(
        "strings one after the other, both ways",
        arguments: [
            (#""a\n1,2}""#, #""a\n17,2}""#), (#""a\n1,2}""#, #""a\n1,2}" x"#), (#""a\n1,2}""#, #""a\t1,2}""#),
            (#""a\\n1""#, #""a\n1""#), (#""a\\""#, #""a\\\\""#), (#""a\\""#, #""a\"""#), (#""1""#, #""12""#),
            (#""1""#, #""1\""#), (#""1""#, #""1"#), (#""1\"2""#, #""1\"23\"4""#), (#""""#, #""1""#),
            (#""1,""#, #""1\u0031,""#), (#""é1,""#, #""é2,""#), (#""a1,é""#, #""a2,é""#),
            ("\"1,\"", "\"1\u{1},\""),
            (#""1,2""#, #""1\,2""#), (#""1,2""#, #"1"#), (#""1,2""#, ""), (#" "1,2""#, #" "1,3""#),
        ]
    )
    func pairs(_ first: String, _ second: String) {
        for texts in [[first, second, first, second, second], [second, first, first]] {
            var follower = JSONStringFollower()
            for text in texts { expectSame(Array(text.utf8), &follower, "pair") }
        }
    }

    @Test("random strings that are like the one before", arguments: [UInt64(1), 2, 3])
    func random(seed: UInt64) {
        var generator = Generator(state: seed)
        let pieces = [
            "1", "23", "-4.5e6", ",", "}", "]", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "é", "a", " ", "\"",
            "\\x",
            "\u{1}", "0123456789abcdefghijklmnopqrstuvwxyz",
        ].map { Array($0.utf8) }
        var follower = JSONStringFollower()
        var parts: [[UInt8]] = []
        for round in 0..<20_000 {
            if round % 20 == 0 {
                let kinds = round % 40 == 0 ? pieces.count - 1 : 10
                parts = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                    pieces[Int.random(in: 0..<kinds, using: &generator)]
                }
            }
            for part in parts.indices where Int.random(in: 0..<8, using: &generator) == 0 {
                parts[part] =
                    round % 5 == 0 ? pieces.randomElement(using: &generator) ?? [] : Array("\(round)".utf8)
            }
            var text = Array("\"".utf8) + Array(parts.joined()) + Array("\"".utf8)
            if round % 7 == 0 { text += Array(",\"more\":1}".utf8) }
            if round % 11 == 0 { text.removeLast() }
            expectSame(text, &follower, "seed \(seed), round \(round)")
        }
    }
}
