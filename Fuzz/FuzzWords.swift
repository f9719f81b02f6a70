// Words of the command line: globs, times, durations, sizes. Never a trap; what is printed reads back as itself.
// With: Sources/Query/SeriesSelector.swift
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
    if let duration = DurationText.milliseconds(text) {
        precondition(DurationText.milliseconds(DurationText.format(milliseconds: duration)) == duration)
    }
    if let size = SizeText.bytes(text) { precondition(SizeText.bytes(SizeText.exact(bytes: size)) == size) }
    _ = EscapedText.escape(text, charactersMax: 20)
    return 0
}
