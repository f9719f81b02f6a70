import Expvar
import Model

/// A process of Go as memstats shows it: enough of one to restart, collect and take turns.
struct SampleProcess {
    var commandLine: [String]? = ["/srv/api", "-listen", ":80"]
    var pauses: [UInt64] = []
    var ends: [UInt64] = []
    var totalAlloc: UInt64 = 1000
    var mallocs: UInt64 = 10
    var frees: UInt64 = 5

    /// Runs that many collections, each with a pause and an end of its own.
    mutating func collect(_ count: Int, from end: UInt64 = 1_700_000_000_000_000_000) {
        for _ in 0..<count {
            let n = UInt64(pauses.count)
            pauses.append(100 + n)
            ends.append(end + n * 1_000_000)
        }
        totalAlloc += 4096
        mallocs += 16
        frees += 8
    }

    var pauseTotal: UInt64 { pauses.reduce(0, +) }

    func ring(_ values: [UInt64]) -> [UInt64] {
        var ring = [UInt64](repeating: 0, count: 256)
        for (index, value) in values.enumerated() {
            ring[(index + 1 + 255) % 256] = value
        }
        return ring
    }

    var state: ProcessState {
        ProcessState(
            collectionCount: UInt64(pauses.count),
            totalAllocatedBytes: totalAlloc,
            mallocs: mallocs,
            frees: frees,
            pauseTotalNanoseconds: pauseTotal,
            pauseRing: ring(pauses),
            endRing: ring(ends),
            commandLine: commandLine,
        )
    }

    /// A body as Go serves it.
    var body: String {
        let arguments = (commandLine ?? []).map { "\"\($0)\"" }.joined(separator: ",")
        let list = { (values: [UInt64]) in values.map(String.init).joined(separator: ",") }
        let sizes = [0, 8, 16, 24, 32, 48]
            .map { "{\"Size\":\($0),\"Mallocs\":\($0 * 3),\"Frees\":\($0 * 2)}" }.joined(separator: ",")
        return """
            {
            "cache": {"bytes":3216,"enabled":true,"hit_ratio":0.25,"policy":"lru"},
            "cmdline": [\(arguments)],
            "memstats": {"Alloc":518064,"TotalAlloc":\(totalAlloc),"Sys":8735760,"Lookups":0,"Mallocs":\(mallocs),\
            "Frees":\(frees),"HeapObjects":5,"NextGC":4194304,"LastGC":\(ends.last ?? 0),\
            "PauseTotalNs":\(pauseTotal),"PauseNs":[\(list(ring(pauses)))],"PauseEnd":[\(list(ring(ends)))],\
            "NumGC":\(pauses.count),"NumForcedGC":0,"GCCPUFraction":0.00010175966389925072,"EnableGC":true,\
            "DebugGC":false,"BySize":[\(sizes)]},
            "requests": {"/": {"count": 7, "seconds": 3.5852e-05}, "/api": {"count": 0, "seconds": 1e+06}},
            "version": "v1.14.2-7-g3fa9c1e"
            }

            """
    }
}

/// What the tests say most often.
func scanned(_ body: [UInt8]) throws -> ScannedDocument {
    var document = ScannedDocument()
    try document.scan(body)
    return document
}

func shape(_ body: String) throws -> Shape {
    try Shape(skeleton: try scanned(Array(body.utf8)).skeleton)
}

/// The series of a body, `name=value`.
func seriesText(_ body: String) throws -> [String] {
    let bytes = Array(body.utf8)
    let document = try scanned(bytes)
    let shape = try Shape(skeleton: document.skeleton)
    return shape.series.map { series in
        switch Shape.number(document.leaves[series.leaf], in: bytes) {
        case .integer(let value): "\(series.name)=\(value)"
        case .unsigned(let value): "\(series.name)=\(value)"
        case .real(let value): "\(series.name)=\(value)"
        case nil: "\(series.name)=nothing"
        }
    }
}

/// The broken variables of a body, in order.
func brokenTexts(_ body: [UInt8]) throws -> [[UInt8]] {
    try scanned(body).leaves.filter { $0.kind == .broken }.map { Array($0.spelling(in: body)) }
}
