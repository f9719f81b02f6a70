import TestBasics
import TestSupport
import Testing

@testable import Export

/// What the fuzz targets FuzzBulkAnswer and FuzzRawLine check, with what is kept in Fuzz/Corpus and its like with a byte
/// changed or cut off; a broken claim ends the test process.
@Suite struct HostileInputTests {
    private static let corpus = Repository.root + "/Fuzz/Corpus/"

    private static func kept(_ name: String) throws -> [UInt8] {
        try #require(TemporaryDirectory.contents(of: corpus + name), "Fuzz/Corpus/\(name)")
    }

    /// The input cut after each byte, and with each byte changed.
    private static func likes(_ input: [UInt8]) -> [[UInt8]] {
        input.indices.flatMap { place in
            var changed = input
            changed[place] ^= 1 << UInt8(place % 8)
            return [Array(input[..<place]), changed]
        }
    }

    @Test("an answer to a bulk request that was cut anywhere is none; with a byte changed it is one or none")
    func answers() throws {
        for name in ["FuzzBulkAnswer/begin-mixed", "FuzzBulkAnswer/begin-plain"] {
            let input = try Self.kept(name)
            #expect(HostileAnswer.read(input), "\(name) is an answer to all three documents")
            for count in input.indices { #expect(!HostileAnswer.read(Array(input[..<count]))) }
            for like in Self.likes(input) { HostileAnswer.read(like) }
        }
    }

    @Test("lines that were cut anywhere or have a byte changed are lines or errors, however they come in")
    func lines() throws {
        for like in Self.likes(try Self.kept("FuzzRawLine/begin-lines")) { HostileLines.read(like) }
    }
}
