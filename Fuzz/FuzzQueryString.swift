// Any bytes as the address of a request to the page: a refusal or a question within the limits, never a trap.
// With: Sources/Dashboard/QueryString.swift
// With: Sources/Dashboard/RequestGuard.swift
// With: Sources/Dashboard/StepChoice.swift
// With: Sources/Dashboard/DashboardConfiguration.swift
// Longest: 512
import Model

private let guardian = RequestGuard(port: 9121, hostNames: ["recorder.example"], token: nil)
private let known: Set<String> = [
    "target", "since", "until", "since2", "until2", "series", "points", "least",
]

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzQueryString(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    let head = RequestHead(method: "GET", target: text, headers: [("Host", "localhost:9121")])
    if let admitted = try? guardian.admit(head) { ask(admitted.query) }
    ask(text)
    return 0
}

private func ask(_ text: String) {
    guard let query = try? QueryString(text, allowed: known) else { return }
    let points = (try? query.count("points", default: 600, limit: DashboardLimits.pointsMax)) ?? 1
    let least = (try? query.count("least", default: 1, limit: Int(DurationText.millisecondsMax))) ?? 1
    precondition((1...DashboardLimits.pointsMax).contains(points), "as many points as there may be")
    _ = try? query.all("series", limit: DashboardLimits.seriesMax)
    for (since, until) in [("since", "until"), ("since2", "until2")] {
        guard let range = try? query.range(since, until), let first = range.since, let last = range.until
        else {
            continue
        }
        precondition(
            first < last && Timestamp.accepted.contains(first.milliseconds),
            "a range of the calendar"
        )
        let grid = StepChoice.grid(for: range, points: points, least: Int64(least))
        let length = last.milliseconds - first.milliseconds
        precondition(length / grid.step < Int64(max(2, points)), "no more steps than points")
    }
}
