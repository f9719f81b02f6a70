// Bounded throughout: numbers are read in fixed widths of two and four digits, and of a time in Int64's milliseconds the
// days are below 2⁴⁰.

/// Times as RFC 3339 writes them, in the proleptic Gregorian calendar.
package enum TimestampText {
    /// What a time must look like, for error messages.
    package static let rule = "a time is written as in 2026-01-02T03:04:05Z or 2026-01-02"

    /// The moment that `text` names; nil where it is no RFC 3339 date-time and no date (00:00 UTC) of 0000 to 9999.
    ///
    /// Digits finer than a millisecond are cut off. A leap second (`23:59:60`) is the second after it, as Unix time
    /// has it.
    package static func parse(_ text: String) -> Timestamp? {
        var reader = DigitReader(rest: Array(text.utf8)[...])
        guard let year = reader.number(digits: 4), reader.skip("-"),
            let month = reader.number(digits: 2), (1...12).contains(month), reader.skip("-"),
            let day = reader.number(digits: 2), (1...daysIn(month: month, year: year)).contains(day)
        else { return nil }
        let midnight = CivilDate(year: year, month: month, day: day).daysSince1970 * millisecondsPerDay
        if reader.rest.isEmpty { return Timestamp(accepting: midnight) }
        guard reader.skip("T") || reader.skip("t") || reader.skip(" "),
            let hour = reader.number(digits: 2), hour < 24, reader.skip(":"),
            let minute = reader.number(digits: 2), minute < 60, reader.skip(":"),
            let second = reader.number(digits: 2), second < 60 || (second == 60 && minute == 59),
            let millisecond = reader.fraction(),
            let offset = reader.offsetMinutes(), reader.rest.isEmpty
        else { return nil }
        let seconds = (hour * 60 + minute - offset) * 60 + second
        // An offset may lead out of the years that can be written.
        return Timestamp(accepting: midnight + seconds * 1000 + millisecond)
    }

    /// The moment in UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
    ///
    /// Years outside 0000 to 9999, which only a broken clock or a hand-made line can bring, get a sign and as many
    /// digits as they need (ISO 8601's expanded form).
    package static func format(_ time: Timestamp) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        write(time, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The moment in UTC down to the second: `2026-01-02T03:04:05Z`.
    package static func formatSeconds(_ time: Timestamp) -> String {
        format(time).prefix { $0 != "." } + "Z"
    }

    /// Appends what `format` returns.
    package static func write(_ time: Timestamp, to bytes: inout [UInt8]) {
        let (days, rest) = time.milliseconds.flooredDivision(by: millisecondsPerDay)
        let date = CivilDate(daysSince1970: days)
        if !(0...9999).contains(date.year) { bytes.append(UInt8(ascii: date.year < 0 ? "-" : "+")) }
        put(date.year.magnitude, width: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        put(UInt64(date.month), width: 2, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        put(UInt64(date.day), width: 2, to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        put(UInt64(rest / 3_600_000), width: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        put(UInt64(rest / 60_000 % 60), width: 2, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        put(UInt64(rest / 1000 % 60), width: 2, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        put(UInt64(rest % 1000), width: 3, to: &bytes)
        bytes.append(UInt8(ascii: "Z"))
    }

    private static let millisecondsPerDay: Int64 = 86_400_000

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func put(_ value: UInt64, width: Int, to bytes: inout [UInt8]) {
        var power: UInt64 = 1
        for _ in 1..<width { power *= 10 }
        while value / power >= 10 { power *= 10 }
        while power > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / power % 10))
            power /= 10
        }
    }
}

/// A day of the proleptic Gregorian calendar; there is a year 0.
package struct CivilDate: Hashable, Sendable {
    /// The year; 0 is 1 BC.
    package var year: Int64
    /// The month, 1 to 12.
    package var month: Int64
    /// The day of the month, from 1.
    package var day: Int64

    /// That day; not checked.
    package init(year: Int64, month: Int64, day: Int64) {
        self.year = year
        self.month = month
        self.day = day
    }

    // Both ways count in eras of 400 years = 146,097 days, from March to February, so that the leap day comes
    // last; 719,468 days lie between 0000-03-01 and 1970-01-01. Day d of such a year lies in month (5d + 2) / 153.

    /// The day that many days after 1970-01-01.
    package init(daysSince1970 days: Int64) {
        let (era, dayOfEra) = (days + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01, negative before; for years that a Timestamp can reach.
    package var daysSince1970: Int64 {
        let yearFromMarch = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = yearFromMarch.flooredDivision(by: 400)
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = 365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    /// Quotient and rest with `0 <= rest < divisor`, also for negative numbers.
    fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }
}

/// Takes numbers of fixed width from the front of a text.
private struct DigitReader {
    var rest: ArraySlice<UInt8>

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func number(digits: Int) -> Int64? {
        guard rest.count >= digits else { return nil }
        var value: Int64 = 0
        for byte in rest.prefix(digits) {
            guard let digit = Self.digit(byte) else { return nil }
            value = value * 10 + digit
        }
        rest = rest.dropFirst(digits)
        return value
    }

    /// The milliseconds of `.678…`; 0 where there is no point, nil where no digit follows it.
    mutating func fraction() -> Int64? {
        guard skip(".") else { return 0 }
        var milliseconds: Int64 = 0
        var worth: Int64 = 100
        var count = 0
        while let byte = rest.first, let digit = Self.digit(byte) {
            milliseconds += digit * worth
            worth /= 10
            count += 1
            rest.removeFirst()
        }
        return count > 0 ? milliseconds : nil
    }

    /// The minutes of `Z`, `+01:30`, `-08:00`.
    mutating func offsetMinutes() -> Int64? {
        if skip("Z") || skip("z") { return 0 }
        let isNegative = rest.first == UInt8(ascii: "-")
        guard skip("+") || skip("-"), let hours = number(digits: 2), hours < 24, skip(":"),
            let minutes = number(digits: 2), minutes < 60
        else { return nil }
        return (hours * 60 + minutes) * (isNegative ? -1 : 1)
    }

    private static func digit(_ byte: UInt8) -> Int64? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int64(byte - UInt8(ascii: "0")) : nil
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds, as answers print times.
    package var description: String { TimestampText.format(self) }
}
