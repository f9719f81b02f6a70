import Model
import TestBasics

/// Made-up histories with everything that makes counting hard.
enum GeneratedHistory {
    static let series = ["count", "huge", "real", "map.a", "map.b", "sparse", "falling"]

    /// Up to `count` scrapes of up to three processes that take turns, restart, vanish for a while and lose
    /// series, under a clock that steps.
    static func scrapes(_ count: Int, using generator: inout SeededGenerator) -> [NaiveScrape] {
        let epochsAllowed = generator.oneIn(3)
        let stepsAllowed = generator.oneIn(2)
        let isRestless = generator.oneIn(2)
        var processes = (1...Int.random(in: 1...3, using: &generator)).map { Process(run: Int64($0)) }
        var nextRun = Int64(processes.count) + 1
        var t = Int64.random(in: -50...50, using: &generator)
        var epoch: Int64 = 0
        var scrapes: [NaiveScrape] = []
        for _ in 0..<count {
            t +=
                generator.oneIn(12)
                ? .random(in: 20...120, using: &generator) : .random(in: 1...9, using: &generator)
            var isAfterStep = false
            if !scrapes.isEmpty, stepsAllowed, generator.oneIn(25) { isAfterStep = true }
            if !scrapes.isEmpty, epochsAllowed, generator.oneIn(30) {
                isAfterStep = true
                epoch += 1
                t -= Int64.random(in: 20...150, using: &generator)
            }
            let index = Int.random(in: 0..<processes.count, using: &generator)
            if generator.oneIn(isRestless ? 6 : 20) {
                processes[index] = Process(run: nextRun)
                nextRun += 1
            }
            processes[index].work(&generator)
            var scrape = NaiveScrape(
                t: t,
                epoch: epoch,
                run: processes[index].run,
                isAfterStep: isAfterStep
            )
            if !generator.oneIn(10) { scrape.maps = ["map"] }
            for name in series where name == "falling" || !generator.oneIn(name == "sparse" ? 2 : 15) {
                guard !name.hasPrefix("map.") || scrape.maps.contains("map") else { continue }
                scrape.values[name] = processes[index].values[name]
            }
            scrapes.append(scrape)
        }
        return scrapes
    }

    /// The counters of one process.
    private struct Process {
        var run: Int64
        var values: [String: Number] = [:]

        mutating func work(_ generator: inout SeededGenerator) {
            raise("count", by: .random(in: 0...100, using: &generator))
            raise("sparse", by: .random(in: 0...9, using: &generator))
            if let huge = values["huge"]?.exactInteger {
                let raised = huge + Int128(Int64.random(in: 0...1 << 40, using: &generator))
                values["huge"] = Number(UInt64(clamping: raised))
            } else if generator.oneIn(3) {
                values["huge"] = Number(UInt64.max - UInt64.random(in: 0...1 << 45, using: &generator))
            }
            values["real"] = .real(
                (values["real"]?.double ?? 0) + Double.random(in: 0...1, using: &generator)
            )
            for key in ["map.a", "map.b"] where values[key] != nil || generator.oneIn(8) {
                raise(key, by: .random(in: 0...5, using: &generator))
            }
            values["falling"] =
                generator.oneIn(9)
                ? .real(Double(Int.random(in: -400...400, using: &generator)) / 8)
                : .integer(.random(in: -20...40, using: &generator))
        }

        private mutating func raise(_ name: String, by amount: Int64) {
            guard case .integer(let value)? = values[name] ?? .integer(0) else { return }
            values[name] = .integer(value + amount)
        }
    }
}

extension NaiveScrape {
    /// Its values as the variables of a body, each number as `spelled` writes it.
    func variables(_ spelled: (Number) -> String) -> [String] {
        var variables: [String] = []
        for name in GeneratedHistory.series where !name.hasPrefix("map.") {
            if let value = values[name] { variables.append("\"\(name)\": \(spelled(value))") }
        }
        if maps.contains("map") {
            let keys = ["a", "b"].compactMap { key in
                values["map.\(key)"].map { "\"\(key)\": \(spelled($0))" }
            }
            variables.append("\"map\": {\(keys.joined(separator: ", "))}")
        }
        return variables
    }
}
