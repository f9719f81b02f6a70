import Model
import Testing

@Suite struct DurationTextTests {
    @Test(
        "durations are read exactly",
        arguments: [
            ("0s", 0), ("1ms", 1), ("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("6h", 21_600_000),
            ("7d", 604_800_000), ("1.5s", 1500), ("0.001s", 1), ("1.25h", 4_500_000), ("0.50d", 43_200_000),
            ("1h30m", 5_400_000), ("1d12h", 129_600_000), ("1m30s500ms", 90_500), ("2w", 1_209_600_000),
            ("1w1d", 691_200_000), ("1h0.5m", 3_630_000),
        ] as [(String, Int64)]
    )
    func reads(text: String, milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
    }

    @Test(
        "what is no duration is refused",
        arguments: [
            "", "s", "5", "5 s", "-5s", "+5s", "1.s", ".5s", "1..5s", "5sec", "0.5ms", "1.0001s", "１s",
            "99999999999999999999d", "9223372036854775807ms", "9223372036854775808ms", "36600.5d", "1e3s",
            "1_000s", "1h30", "30m1h", "1h1h", "1h 30m", "1h-30m", "36600d1ms", "ms", "1hm", "1H", "1.5.5s",
            "h1",
        ]
    )
    func refuses(text: String) {
        #expect(DurationText.milliseconds(text) == nil)
    }

    @Test("the longest duration is a hundred years, and may be had in nanoseconds") func longest() {
        #expect(DurationText.milliseconds("36600d") == DurationText.millisecondsMax)
        #expect(DurationText.milliseconds("36600.01d") == nil)
        #expect(!DurationText.millisecondsMax.multipliedReportingOverflow(by: 2_000_000).overflow)
    }

    @Test("what is written is read back") func roundTrip() {
        for milliseconds: Int64 in [0, 1, 999, 1000, 1001, 60_000, 90_000, 3_600_000, 86_400_000, 90_000_000]
        {
            let text = DurationText.format(milliseconds: milliseconds)
            #expect(DurationText.milliseconds(text) == milliseconds, "\(text)")
        }
        #expect(DurationText.format(milliseconds: 90_000) == "90s")
        #expect(DurationText.format(milliseconds: 3_600_000) == "1h")
    }
}

@Suite struct SizeTextTests {
    @Test(
        "sizes are read exactly",
        arguments: [
            ("0", 0), ("512", 512), ("512B", 512), ("1KiB", 1024), ("1.25KiB", 1280), ("1KB", 1000),
            ("1kB", 1000),
            ("16MiB", 16 << 20), ("1GiB", 1 << 30), ("2GB", 2_000_000_000), ("1TiB", 1 << 40),
        ] as [(String, Int64)]
    )
    func reads(text: String, bytes: Int64) {
        #expect(SizeText.bytes(text) == bytes)
    }

    @Test(
        "what is no size is refused",
        arguments: [
            "", "KiB", "1 KiB", "-1", "1K", "1.5", "0.1B", "99999999999GiB", "8193TiB", "9007199254740993",
            "9223372036854775807",
        ]
    )
    func refuses(text: String) {
        #expect(SizeText.bytes(text) == nil)
    }

    @Test("sizes are written for people, and exactly") func writes() {
        #expect(SizeText.format(bytes: 512) == "512 B")
        #expect(SizeText.format(bytes: 1_572_864) == "1.5 MiB")
        #expect(SizeText.format(bytes: .min) == "-8388608.0 TiB")
        #expect(SizeText.exact(bytes: 1 << 30) == "1GiB")
        #expect(SizeText.exact(bytes: 1025) == "1025")
        #expect(SizeText.exact(bytes: 0) == "0")
    }
}

@Suite struct TimestampTextTests {
    @Test(
        "times are read to the millisecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01", 0), ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
            ("2026-01-02T03:04:05.6789Z", 1_767_323_045_678),
            ("2026-01-02t04:34:05+01:30", 1_767_323_045_000),
            ("2026-01-01T23:04:05.5-04:00", 1_767_323_045_500), ("2000-02-29", 951_782_400_000),
            ("1969-12-31T23:59:59.999Z", -1), ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ] as [(String, Int64)]
    )
    func reads(text: String, milliseconds: Int64) {
        #expect(TimestampText.parse(text)?.milliseconds == milliseconds)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "2026", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-1-2",
            "2026-01-02T03:04Z", "2026-01-02T03:04:05", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z",
            "2026-01-02T03:04:61Z",
            "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05Z ",
            "+2026-01-02", "2026-01-02T03:04:05+24:00",
        ]
    )
    func refuses(text: String) {
        #expect(TimestampText.parse(text) == nil)
    }

    @Test("every day of 0001 to 9999 is read as it was written") func roundTrip() {
        // Every 13th day, each at another time of the day; 13 meets every weekday, month and leap year.
        var milliseconds: Int64 = -62_135_596_800_000
        while milliseconds < 253_402_300_800_000 {
            let text = TimestampText.format(Timestamp(milliseconds: milliseconds))
            guard TimestampText.parse(text)?.milliseconds == milliseconds else {
                Issue.record("\(milliseconds) became \(text)")
                return
            }
            milliseconds += 13 * 86_400_000 + 12_345_678
        }
    }

    @Test("days follow one another through 800 years") func calendar() {
        var last = CivilDate(year: 1599, month: 12, day: 31)
        for days in -135_140..<(-135_140 + 800 * 366) as Range<Int64> {
            let date = CivilDate(daysSince1970: days)
            #expect(date.daysSince1970 == days)
            let isNext =
                date.day == last.day + 1 && date.month == last.month
                || date.day == 1
                    && (date.month == last.month + 1 || date.month == 1 && date.year == last.year + 1)
            guard isNext else {
                Issue.record("\(date) after \(last)")
                return
            }
            last = date
        }
    }

    @Test("no moment of Int64 traps") func extremes() {
        let moment = Timestamp(milliseconds: 1_767_323_045_678)
        #expect(TimestampText.formatSeconds(moment) == "2026-01-02T03:04:05Z")
        #expect(TimestampText.format(Timestamp(milliseconds: .max)) == "+292278994-08-17T07:12:55.807Z")
        #expect(TimestampText.format(Timestamp(milliseconds: .min)) == "-292275055-05-16T16:47:04.192Z")
    }
}
