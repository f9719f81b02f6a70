/// House rules of the tests themselves.
enum TestRules {
    /// A limit below this many seconds can be missed by a machine that is busy with something else.
    private static let secondsMin = 60
    /// A suite's limit is over all of it.
    private static let suiteMinutesMin = 10

    /// Nothing sleeps but `Waiting`, and no limit is shorter than a busy machine may take.
    ///
    /// A line that is about time itself says so: `// clock: why`.
    static func waits(_ file: SourceFile) -> [Violation] {
        guard file.name != "Waiting.swift" else { return [] }
        return file.text.code.enumerated().compactMap { index, line in
            guard let found = impatience(line), !file.text.comments[index].contains("// clock: ") else {
                return nil
            }
            return Violation(path: file.path, line: index + 1, message: "\(found); see Waiting")
        }
    }

    private static func impatience(_ line: String) -> String? {
        let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
        if words.contains(where: { ["sleep", "usleep", "nanosleep"].contains($0) }) { return "sleeps" }
        for mark in ["within: .", "ContinuousClock.now + ."] {
            guard let limit = line.firstRange(of: mark).map({ line[$0.upperBound...] }) else { continue }
            if limit.hasPrefix("milliseconds(") { return "waits for less than a minute" }
            if limit.hasPrefix("seconds("), let seconds = number(limit), seconds < secondsMin {
                return "waits for less than a minute"
            }
        }
        if let limit = line.firstRange(of: "timeLimit(.").map({ line[$0.upperBound...] }),
            let minutes = number(limit), minutes < suiteMinutesMin
        {
            return "gives a suite less than \(suiteMinutesMin) minutes"
        }
        return nil
    }

    /// The first argument of a call where it is a number.
    private static func number(_ call: Substring) -> Int? {
        call.firstIndex(of: "(").flatMap { Int(call[call.index(after: $0)...].prefix(while: \.isNumber)) }
    }
}
