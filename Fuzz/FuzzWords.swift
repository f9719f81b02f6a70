// Words of the command line: globs, times, durations, sizes, percentiles. Never a trap, nothing beyond its limit; what is
// printed reads back as itself.
// With: Sources/Query/Select/SeriesSelector.swift
// With: Sources/Query/Pauses/DecimalPercentile.swift
// With: Sources/Query/QueryError.swift
// With: Sources/Query/QueryEngine.swift Sources/Query/QueryWindow.swift
// Longest: 512
import Model

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWords(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let halves = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let text = String(decoding: halves[0], as: UTF8.self)
    let name = halves.count > 1 ? String(decoding: halves[1], as: UTF8.self) : text
    let selector = SeriesSelector(text)
    let isMatch = selector.matches(name)
    precondition(SeriesSelector("*").matches(name), "a star is every name")
    if !text.utf8.contains(UInt8(ascii: "*")) {
        precondition(isMatch == (text.utf8.elementsEqual(name.utf8)), "without a star it is a name")
    }
    if let time = TimestampText.parse(text) {
        precondition(TimestampText.parse(time.description) == time, "a time reads back")
    }
    let now = Timestamp(milliseconds: 1_767_323_045_000)
    if let time = TimeText.parse(text, now: now) {
        precondition(Timestamp.accepted.contains(time.milliseconds), "a time of the calendar")
        ask(from: time, to: now)
        ask(from: now, to: time)
    }
    if let percentile = try? DecimalPercentile(text) {
        for count in [1, 256, Int.max] { precondition((1...count).contains(percentile.rank(of: count))) }
    }
    if let duration = DurationText.milliseconds(text) {
        precondition((0...DurationText.millisecondsMax).contains(duration), "within its limit")
        precondition(DurationText.milliseconds(DurationText.format(milliseconds: duration)) == duration)
    }
    if let size = SizeText.bytes(text) {
        precondition((0...SizeText.bytesMax).contains(size), "within its limit")
        precondition(SizeText.bytes(SizeText.exact(bytes: size)) == size)
    }
    _ = EscapedText.escape(text, charactersMax: 20)
    return 0
}

/// A question over that range, in the finest steps and in the coarsest.
private func ask(from since: Timestamp, to until: Timestamp) {
    for step in [1, DurationText.millisecondsMax, .max] {
        let window = try? QueryWindow(
            TimeRange(since: since, until: until),
            ends: (since, until),
            extent: (Timestamp.accepted.lowerBound, Timestamp.accepted.upperBound),
            grid: StepGrid(stepMilliseconds: step)
        )
        guard let steps = window?.steps else { continue }
        precondition(steps.count <= Int(StepGrid.countMax), "no more steps than there may be")
        for time in [since.milliseconds, until.milliseconds, .min, .max] { _ = steps.index(of: time) }
        if steps.count > 0 {
            precondition(steps.index(of: since.milliseconds) == 0, "the first holds the beginning")
        }
    }
}
