import Model
import Testing

@Suite struct TimeTextTests {
    private static let now = Timestamp(milliseconds: 1_767_323_045_000)

    @Test(
        "a time is RFC 3339 or what people leave of it, Unix time, a day's name, or a duration back",
        arguments: [
            ("now", 1_767_323_045_000), ("90s", 1_767_322_955_000), ("0", 0), ("-1", -1000),
            ("-90s", 1_767_322_955_000),
            ("1h30m", 1_767_317_645_000), ("2w", 1_766_113_445_000), ("1767323045", 1_767_323_045_000),
            ("99999999999", 99_999_999_999_000), ("100000000000", 100_000_000_000),
            ("today", 1_767_312_000_000), ("yesterday", 1_767_225_600_000), ("02:30", 1_767_321_000_000),
            ("02:30:01.5", 1_767_321_001_500), ("2026-01-02 03:04", 1_767_323_040_000),
            ("2026-01-02T03:04", 1_767_323_040_000), ("2026-01-02 03:04:05", 1_767_323_045_000),
            ("2026-01-02 03:04+01:00", 1_767_319_440_000), ("2026-01-02T03:04Z", 1_767_323_040_000),
            ("2026-01-02T03:04:05Z", 1_767_323_045_000), ("1767323045000", 1_767_323_045_000),
            ("0000-01-01", -62_167_219_200_000), ("-62167219200000", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("253402300800000", 253_402_300_800_000),
        ] as [(String, Int64)]
    )
    func reads(text: String, milliseconds: Int64) {
        #expect(TimeText.parse(text, now: Self.now)?.milliseconds == milliseconds)
    }

    @Test(
        "what lies beyond the years that can be written is no time",
        arguments: [
            "-9223372036854775808", "9223372036854775807", "9223372036854775808", "-62167219200001",
            "253402300800001", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
            "9223372036854775807ms",
            "1e308", "nan", "--1h", "-now", "25:00", "3:04", "24:00", "2026-01-02 3:04", "2026-01-02T",
            "2026-01-02 ",
            "Yesterday", "12:60", "02:30Zulu", "1h30", "30m1h", "1h1h", "",
        ]
    )
    func refuses(text: String) {
        #expect(TimeText.parse(text, now: Self.now) == nil)
    }

    @Test("products for limits end at the greatest number")
    func saturated() {
        #expect(Int64(3).multipliedOrMax(by: 7) == 21)
        #expect(Int64.max.multipliedOrMax(by: 2) == .max)
        #expect(Int64.max.multipliedOrMax(by: 1) == .max)
    }

    @Test("the dates of a certificate are told by the day, also the furthest that there are")
    func certificateDates() {
        func complaint(_ notBefore: Int64, _ notAfter: Int64) -> String? {
            CertificateDates(notBefore: notBefore, notAfter: notAfter).complaint(now: Self.now)
        }
        #expect(complaint(0, 1_767_323_046) == nil)
        #expect(complaint(0, 1_767_312_000) == "has expired, on 2026-01-02")
        #expect(complaint(1_767_398_400, .max) == "is not valid before 2026-01-03")
        #expect(complaint(.min, .min) == "has expired")
        #expect(complaint(.max, .max) == "is not valid")
    }
}
