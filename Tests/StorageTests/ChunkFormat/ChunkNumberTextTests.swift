import Expvar
import Model
import TestBasics
import Testing

@testable import Storage

@Suite("numbers as Go spells them")
struct ChunkNumberTextTests {
    static func text(_ value: Double, _ format: GoNumberFormat) -> String {
        var bytes: [UInt8] = []
        GoNumberText.append(value, format, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What `strconv.FormatFloat(v, 'g', -1, 64)` and `json.Marshal(v)` of Go 1.22 print.
    static let spellings: [(Double, general: String, json: String)] = [
        (0, "0", "0"), (-0.0, "-0", "-0"), (1, "1", "1"), (-17.5, "-17.5", "-17.5"), (0.1, "0.1", "0.1"),
        (123_456, "123456", "123456"), (999_999.5, "999999.5", "999999.5"), (1_000_000, "1e+06", "1000000"),
        (1_234_567.25, "1.23456725e+06", "1234567.25"), (0.0001, "0.0001", "0.0001"),
        (0.00012345, "0.00012345", "0.00012345"), (0.00001, "1e-05", "0.00001"),
        (0.000001, "1e-06", "0.000001"), (9.5e-7, "9.5e-07", "9.5e-7"), (1e-10, "1e-10", "1e-10"),
        (1e20, "1e+20", "100000000000000000000"), (1e21, "1e+21", "1e+21"), (1.5e300, "1.5e+300", "1.5e+300"),
        (.leastNonzeroMagnitude, "5e-324", "5e-324"),
        (.greatestFiniteMagnitude, "1.7976931348623157e+308", "1.7976931348623157e+308"),
        (0.9594480597734394, "0.9594480597734394", "0.9594480597734394"),
        (0x1p53, "9.007199254740992e+15", "9007199254740992"),
        (123_456_789_012_345_680, "1.2345678901234568e+17", "123456789012345680"),
    ]

    @Test("doubles are spelled as strconv and encoding/json spell them", arguments: spellings)
    func spelling(_ value: Double, _ general: String, _ json: String) {
        #expect(Self.text(value, .shortestGeneral) == general)
        #expect(Self.text(value, .json) == json)
    }

    @Test("a spelling reads back as the same double, and is an integer's exactly where it says so")
    func readsBack() {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        var random = SeededGenerator(seed: seed)
        for round in 0..<3000 {
            let value =
                round % 3 == 0
                ? Double(bitPattern: random.next())
                : (Double(Int64.random(in: -1_000_000_000...1_000_000_000, using: &random))
                    / [1, 8, 1000, 1e9][round % 4])
            guard value.isFinite else { continue }
            for format in GoNumberFormat.allCases {
                let text = Self.text(value, format)
                #expect(Double(text) == value, "seed \(seed)")
                let isInteger = !text.contains { ".e".contains($0) }
                #expect(GoNumberText.isInteger(value, format) == isInteger, "\(text), seed \(seed)")
                let body = Array(text.utf8)
                let leaf = Leaf(offset: 0, length: Int32(body.count), kind: .number)
                #expect(
                    ChunkHeader.number(value, format) == Shape.number(leaf, in: body),
                    "\(text), seed \(seed)"
                )
            }
        }
    }

    @Test(
        "integers come back where their spelling is the usual one",
        arguments: [
            ("0", true), ("7", true), ("-1", true), ("9223372036854775807", true),
            ("-9223372036854775808", true),
            ("18446744073709551615", true), ("10000000000000000000", true), ("-0", false), ("01", false),
            ("18446744073709551616", false), ("-9223372036854775809", false), ("99999999999999999999", false),
            ("123456789012345678901", false), ("", false), ("-", false), ("1.0", false), ("1e3", false),
            ("+1", false),
            ("true", false),
        ]
    )
    func integers(_ text: String, _ isCanonical: Bool) {
        let bytes = Array(text.utf8)
        let parsed = bytes.withUnsafeBufferPointer { DecimalText.parse($0, 0, $0.count) }
        #expect((parsed != nil) == isCanonical)
        guard let parsed else { return }
        var again: [UInt8] = []
        if parsed.isAboveSigned {
            DecimalText.append(UInt64(bitPattern: parsed.bits), to: &again)
        } else {
            DecimalText.append(parsed.bits, to: &again)
        }
        #expect(again == bytes)
    }
}
