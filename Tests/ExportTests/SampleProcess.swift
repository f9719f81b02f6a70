/// A Go process as far as its collections go: what `/debug/vars` would serve.
struct SampleProcess {
    var arguments = ["x"]
    /// Its collections so far: pause, and end in Unix nanoseconds.
    var collections: [(pause: UInt64, end: UInt64)] = []

    /// A process that has run collections with those pauses; number n ended at second n.
    init(pauses: [UInt64] = []) {
        for pause in pauses { collect(pause: pause, end: UInt64(collections.count + 1) * 1_000_000_000) }
    }

    mutating func collect(pause: UInt64, end: UInt64) {
        collections.append((pause, end))
    }

    /// The body.
    var body: String {
        var pauses = [UInt64](repeating: 0, count: 256)
        var ends = pauses
        for (index, collection) in collections.enumerated() {
            pauses[index % 256] = collection.pause
            ends[index % 256] = collection.end
        }
        let list = { (ring: [UInt64]) in ring.map(String.init).joined(separator: ",") }
        return """
            {
            "cmdline": [\(arguments.map { "\"\($0)\"" }.joined(separator: ","))],
            "memstats": {"PauseTotalNs":\(collections.reduce(0) { $0 + $1.pause }),"PauseNs":[\(list(pauses))],\
            "PauseEnd":[\(list(ends))],"NumGC":\(collections.count)}
            }

            """
    }
}
