import Model

/// A Go process as its /debug/vars shows it, for histories that a test makes up.
struct SampleProcess {
    var arguments = ["/bin/sample"]
    var collections: UInt64 = 0
    var totalAlloc: UInt64 = 1000
    var pauseTotal: UInt64 = 0
    var pauses = [UInt64](repeating: 0, count: 256)
    var ends = [UInt64](repeating: 0, count: 256)
    /// Custom variables, in order.
    var variables: [(name: String, text: String)] = [("requests", "0")]
    var hasMemStats = true

    /// Runs for a while: collections of random length, one each millisecond up to `nanoseconds`.
    mutating func run<G: RandomNumberGenerator>(
        collections count: Int,
        until nanoseconds: UInt64,
        using generator: inout G
    ) {
        for index in 0..<count {
            collections += 1
            let pause = UInt64.random(in: 1000...5_000_000, using: &generator)
            let slot = Int((collections + 255) % 256)
            pauses[slot] = pause
            ends[slot] = nanoseconds - UInt64(count - 1 - index) * 1_000_000
            pauseTotal += pause
        }
        totalAlloc += UInt64.random(in: 1...1_000_000, using: &generator)
    }

    /// The body that it serves.
    var body: [UInt8] {
        var lines = ["\"cmdline\": [" + arguments.map { "\"\($0)\"" }.joined(separator: ",") + "]"]
        if hasMemStats {
            let fields = [
                "\"Alloc\":\(totalAlloc / 2)", "\"TotalAlloc\":\(totalAlloc)",
                "\"Mallocs\":\(totalAlloc / 10)",
                "\"Frees\":\(totalAlloc / 20)", "\"PauseTotalNs\":\(pauseTotal)",
                "\"PauseNs\":[\(pauses.map(String.init).joined(separator: ","))]",
                "\"PauseEnd\":[\(ends.map(String.init).joined(separator: ","))]", "\"NumGC\":\(collections)",
                "\"GCCPUFraction\":0.0012345",
            ]
            lines.append("\"memstats\": {\(fields.joined(separator: ","))}")
        }
        lines += variables.map { "\"\($0.name)\": \($0.text)" }
        return Array("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8)
    }
}

/// A scrape that got that body, at that many milliseconds.
func scrape(_ time: Int64, _ body: [UInt8], boot: String? = nil, bootMilliseconds: Int64? = nil) -> Scrape {
    Scrape(
        time: Timestamp(milliseconds: time),
        durationNanoseconds: 1_234_567,
        status: 200,
        bootID: boot,
        bootNanoseconds: bootMilliseconds.map { $0 * 1_000_000 },
        outcome: .document(body)
    )
}

/// The body of a document with one number.
func body(_ number: Int) -> [UInt8] { Array("{\n\"number\": \(number)\n}\n".utf8) }
