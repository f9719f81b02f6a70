import Expvar
import Model
import TestBasics
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Bodies that real programs served, and odd ones made by hand; `Tests/Fixtures/bodies/README.md` says what is what.
private enum Fixtures {
    private static let directory = Repository.root + "/Tests/Fixtures/bodies/"

    /// Whether the checkout has them at all.
    static let exist = access(directory, R_OK) == 0

    static func names(in subdirectory: String) throws -> [String] {
        let stream = try #require(opendir(directory + subdirectory))
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".json") { names.append(subdirectory + name) }
        }
        return names.sorted()
    }

    static func body(_ name: String) throws -> [UInt8] {
        let file = try #require(fopen(directory + name, "rb"))
        defer { fclose(file) }
        var body: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 * 1024)
        while case let count = fread(&block, 1, block.count, file), count > 0 { body += block[..<count] }
        return body
    }

    static func state(_ name: String) throws -> ProcessState {
        let body = try body(name + ".json")
        let document = try scanned(body)
        return ProcessState(shape: try Shape(skeleton: document.skeleton), document: document, body: body)
    }
}

@Suite("Recorded bodies", .enabled(if: Fixtures.exist))
struct FixtureTests {
    @Test("what real programs serve is a document that comes back byte for byte, with memstats in its place")
    func real() throws {
        let names = try Fixtures.names(in: "")
        #expect(names.count > 10)
        for name in names {
            let body = try Fixtures.body(name)
            let document = try scanned(body)
            let shape = try Shape(skeleton: document.skeleton)
            #expect(shape.body(leaves: document.leaves.map { $0.spelling(in: body) }) == body, "\(name)")
            let state = ProcessState(shape: shape, document: document, body: body)
            #expect(state.collectionCount != nil && state.pauseRing != nil && state.endRing != nil, "\(name)")
            #expect(state.commandLine?.isEmpty == false, "\(name)")
            let sizes = shape.series.filter { MemStats.meaning(ofSeries: $0.name)?.kind == .label }
            #expect(sizes.count == 61, "\(name)")
            #expect(!(try DocumentTree.variables(of: body)).isEmpty, "\(name)")
            #expect((document.leaves.contains { $0.kind == .broken }) == name.contains("chaos"), "\(name)")
        }
    }

    @Test(
        "odd values of Go cost themselves, and no other variable",
        arguments: ["go1.19-chaos", "go1.27-chaos"]
    )
    func chaos(name: String) throws {
        let body = try Fixtures.body(name + ".json")
        #expect(try scanned(body).leaves.count { $0.kind == .broken } == 9)
        let kept = Set(try DocumentTree.variables(of: body).map(\.key))
        for lost in [
            "chaos_nan", "chaos_stringer_lines", "chaos_failing",
        ] {
            #expect(!kept.contains(lost))
        }
        // Of the map only the number that is none is lost, and bytes that are no UTF-8 cost nothing.
        #expect(kept.isSuperset(of: ["cmdline", "chaos_map_with_nan", "chaos_raw_bytes"]))
    }

    @Test(
        "a restart is seen, also where the new process has counted past the old one",
        arguments: ["go1.19", "go1.27"]
    )
    func restarts(version: String) throws {
        var tracker = RunTracker()
        let place = ScrapePosition(epoch: 0, time: Timestamp(milliseconds: 0))
        for name in ["fresh", "later", "latest"] {
            let state = try Fixtures.state("\(version)-\(name)")
            #expect(
                tracker.judge(state, at: place).decision == (name == "fresh" ? .begins : .continues(RunID(1)))
            )
            tracker.note(state, in: RunID(1), at: place)
        }
        let restarted = try Fixtures.state("\(version)-restarted")
        #expect(tracker.judge(restarted, at: place).decision == .begins)
        let fresh = RunMemory(try Fixtures.state("\(version)-fresh"), at: place)
        #expect(RunTracker(runs: [(RunID(1), fresh)]).judge(restarted, at: place).decision == .begins)
        tracker.note(restarted, in: RunID(2), at: place)
        #expect(
            tracker.judge(try Fixtures.state("\(version)-latest"), at: place).decision == .continues(RunID(1))
        )
    }

    @Test(
        "a storm of collections misses some, and the pauses of all add up",
        arguments: ["go1.19", "go1.27"]
    )
    func storm(version: String) throws {
        let before = try Fixtures.state("\(version)-storm-before")
        let after = try Fixtures.state("\(version)-storm-after")
        let new = PauseRing.newCollections(in: after, after: .scrape(before))
        let missed = try #require(new.missed)
        let counted = try #require(after.collectionCount) - #require(before.collectionCount)
        #expect(new.seen.count == 256 && missed.count + 256 == counted)
        let seen = new.seen.reduce(0) { $0 + $1.pauseNanoseconds }
        let total = try #require(after.pauseTotalNanoseconds) - #require(before.pauseTotalNanoseconds)
        #expect(seen + missed.pauseNanoseconds == total)
    }

    /// Those that are documents, by how many broken variables; every other odd body is none, or may be either.
    private static let documents: [String: Int] = [
        "deep-64": 0, "no-newline-at-end": 0, "empty-object": 0, "one-line": 0, "pretty-printed": 0,
        "memstats-null": 0,
        "memstats-absent": 0, "memstats-broken": 1, "memstats-small": 0, "memstats-wrong-types": 0,
        "memstats-short-rings": 0, "memstats-long-rings": 0, "memstats-huge-numgc": 0, "integers": 0,
        "doubles": 0,
        "numbers-not-json": 13, "broken-first-and-last": 2, "broken-empty": 3, "broken-look-alikes": 5,
        "broken-bytes": 2,
        "go-escapes-in-keys": 0, "duplicate-keys": 0, "duplicate-by-escape": 0, "surrogates": 0,
        "dotted-keys": 0,
        "scalars": 0,
    ]

    private static let refused: Set<String> = [
        "empty", "white-space", "cut-in-array", "cut-after-key", "cut-in-string", "cut-before-end", "array",
        "number",
        "text-after", "two-documents", "deep-65", "html-200",
    ]

    @Test("odd bodies are documents or none, as they should be")
    func odd() throws {
        var met = 0
        for file in try Fixtures.names(in: "odd/") + ["odd/html-200.html"] {
            let body = try Fixtures.body(file)
            let name = String(file.dropFirst(4).prefix { $0 != "." })
            if let broken = Self.documents[name] {
                #expect(try scanned(body).leaves.count { $0.kind == .broken } == broken, "\(name)")
                _ = PauseRing.newCollections(in: try Fixtures.state("odd/" + name), after: .runBegin)
                met += 1
            } else if Self.refused.contains(name) {
                #expect(throws: DocumentError.self, "\(name)") { try scanned(body) }
                met += 1
            } else {
                _ = try? scanned(body)  // either is right, a trap is not
            }
        }
        #expect(met == Self.documents.count + Self.refused.count)
    }
}
