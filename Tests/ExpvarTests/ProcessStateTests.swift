import Expvar
import Testing

@Suite("What a scrape says of its process")
struct ProcessStateTests {
    private func state(_ body: String) throws -> ProcessState {
        let bytes = Array(body.utf8)
        let document = try scanned(bytes)
        return ProcessState(shape: try Shape(skeleton: document.skeleton), document: document, body: bytes)
    }

    @Test("a real-like body shows everything", arguments: [0, 1, 256, 257, 1000])
    func everything(collections: Int) throws {
        var process = SampleProcess()
        process.collect(collections)
        #expect(try state(process.body) == process.state)
    }

    @Test("the end of the first collection is there while the ring holds it")
    func firstCollection() {
        var process = SampleProcess()
        #expect(process.state.firstCollectionEndNanoseconds == nil)
        process.collect(256, from: 1_700_000_000_000_000_077)
        #expect(process.state.firstCollectionEndNanoseconds == 1_700_000_000_000_000_077)
        process.collect(1)
        #expect(process.state.firstCollectionEndNanoseconds == nil)
    }

    @Test("an end that is no Unix time, or a ring of another length, tells of no beginning")
    func noBeginning() {
        var process = SampleProcess()
        process.collect(3, from: 978_307_199_999_000_000)
        #expect(process.state.firstCollectionEndNanoseconds == nil)
        process = SampleProcess()
        process.collect(3)
        var state = process.state
        #expect(state.firstCollectionEndNanoseconds != nil)
        state.endRing?.removeLast()
        #expect(state.firstCollectionEndNanoseconds == nil)
        state.endRing = Array(repeating: 1_700_000_000_000_000_000, count: 512)
        #expect(state.firstCollectionEndNanoseconds == nil)
    }

    @Test("arguments are decoded")
    func arguments() throws {
        #expect(
            try state("{\"cmdline\":[\"a\\u0062\",\"\\\"q\\\"\",\"\"]}").commandLine == ["ab", "\"q\"", ""]
        )
        #expect(try state("{\"cmdline\":[]}").commandLine == [])
        #expect(try state("{\"cmdline\":\"x\"}").commandLine == nil)
        #expect(try state("{}").commandLine == nil)
    }

    @Test(
        "a ring is exactly 256 unsigned integers, else none",
        arguments: [
            (Array(repeating: "7", count: 256), true), (Array(repeating: "7", count: 255), false),
            (Array(repeating: "7", count: 257), false), ([], false),
            (Array(repeating: "7", count: 255) + ["-1"], false),
            (Array(repeating: "7", count: 255) + ["7.0"], false),
            (Array(repeating: "7", count: 255) + ["\"7\""], false),
            (Array(repeating: "7", count: 255) + ["[]"], false),
            (Array(repeating: "18446744073709551615", count: 256), true),
            (Array(repeating: "7", count: 255) + ["18446744073709551616"], false),
        ]
    )
    func rings(slots: [String], isRing: Bool) throws {
        let state = try state("{\"memstats\":{\"PauseNs\":[\(slots.joined(separator: ","))],\"NumGC\":1}}")
        #expect((state.pauseRing != nil) == isRing)
        if isRing { #expect(state.pauseRing == slots.compactMap { UInt64($0) }) }
        #expect(state.endRing == nil && state.collectionCount == 1)
    }

    @Test(
        "a counter that is no unsigned integer is not there",
        arguments: ["-1", "1.0", "1e3", "\"1\"", "null", "18446744073709551616", "[1]"]
    )
    func oddCounters(value: String) throws {
        let state = try state("{\"memstats\":{\"NumGC\":\(value),\"Frees\":18446744073709551615}}")
        #expect(state.collectionCount == nil && state.frees == .max && state.hasMemStats)
    }

    @Test(
        "memstats that is null or absent leaves every field of it out",
        arguments: ["{\"memstats\":null}", "{}", "{\n\"memstats\": NaN\n}"]
    )
    func noMemStats(body: String) throws {
        #expect(try state(body) == ProcessState())
    }
}
