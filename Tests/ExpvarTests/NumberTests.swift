import Expvar
import Model
import TestBasics
import Testing

@Suite("Values of numbers")
struct NumberTests {
    private func value(_ text: String) throws -> Number? {
        let body = Array("{\"a\":\(text)}".utf8)
        let leaves = try scanned(body).leaves
        return Shape.number(leaves[0], in: body)
    }

    @Test(
        "integers are exact over the whole range of int64 and uint64",
        arguments: [
            ("0", Number.integer(0)), ("-0", .integer(0)), ("7", .integer(7)), ("-1", .integer(-1)),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .unsigned(1 << 63)),
            ("18446744073709551615", .unsigned(.max)), ("-9223372036854775808", .integer(.min)),
            ("1767312000123456789", .integer(1_767_312_000_123_456_789)),
        ]
    )
    func integers(text: String, expected: Number) throws {
        #expect(try value(text) == expected)
    }

    @Test(
        "other numbers are the nearest double",
        arguments: [
            ("18446744073709551616", 0x1p64), ("-9223372036854775809", -0x1p63),
            ("100000000000000000000000000000000000000", 1e38), ("1.0", 1), ("1e0", 1), ("1E+2", 100),
            ("1e+06", 1e6),
            ("0.1", 0.1), ("-0.0", -0.0), ("3.5852e-05", 3.5852e-05),
            ("0.00010175966389925072", 0.00010175966389925072),
            ("123456789012345678e-3", 123456789012345.678), ("9007199254740993.0", 9007199254740992),
            ("9007199254740991e22", 9007199254740991e22), ("1e23", 1e23), ("8.5e22", 8.5e22),
            ("1e-22", 1e-22), ("1e-23", 1e-23),
            ("4.9e-324", Double.leastNonzeroMagnitude), ("1e-400", 0),
            ("2.2250738585072011e-308", Double(bitPattern: 0x000F_FFFF_FFFF_FFFF)),
            ("1.7976931348623157e308", .greatestFiniteMagnitude), ("0e999999999999999999999", 0),
            ("0.0e-9", 0),
            ("179769313486231580793728971405301e276", 1.7976931348623157e308),
        ]
    )
    func reals(text: String, expected: Double) throws {
        guard case .real(let real) = try value(text) else {
            Issue.record("\(text) is no real")
            return
        }
        #expect(real.bitPattern == expected.bitPattern)
    }

    @Test(
        "a number beyond the range of double is kept but has no value",
        arguments: ["1e400", "-1E400", "1.8e308", "1e99999999999999999999"]
    )
    func beyond(text: String) throws {
        #expect(try value(text) == nil)
        #expect(try seriesText("{\"a\":\(text)}") == ["a=nothing"])
    }

    @Test("booleans are 1 and 0, and nothing else has a value")
    func others() throws {
        #expect(try value("true") == .integer(1))
        #expect(try value("false") == .integer(0))
        for text in ["\"1\"", "null"] { #expect(try value(text) == nil) }
    }

    @Test("any double reads back from any spelling of it that is exact enough", arguments: [UInt64(7)])
    func property(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let exponent = UInt64.random(in: 0..<2047, using: &generator)
            let wide = Double(bitPattern: generator.next() >> 12 | exponent << 52)
            let short = Double(Int64.random(in: -1_000_000...1_000_000, using: &generator)) / 1000
            for real in [wide, -wide, short] {
                let text = "\(real)"
                guard case .real(let read)? = try value(text) else {
                    Issue.record("\(text) has no value (seed \(seed))")
                    continue
                }
                #expect(read.bitPattern == real.bitPattern, "\(text), seed \(seed)")
            }
        }
    }
}
