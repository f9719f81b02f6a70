import TestBasics
import Testing

@testable import Codec

@Suite("A list of strings as bytes")
struct StringListTests {
    @Test("gives back what it was made of, and is nothing where it is cut")
    func roundTrip() {
        let lists = [[], [""], ["a", "", "ä"], [String(repeating: "x", count: 300), "b"]]
        for strings in lists {
            let bytes = StringList.encode(strings)
            #expect(StringList.decode(bytes) == strings)
        }
        // 300 is two bytes: the low seven bits first.
        let bytes = StringList.encode(lists[3])
        #expect(Array(bytes.prefix(2)) == [0xac, 0x02])
        #expect(StringList.decode(Array(bytes.dropLast())) == nil)
        #expect(StringList.decode([0x80]) == nil)
        #expect(StringList.decode([UInt8](repeating: 0xff, count: 12)) == nil)
    }

    @Test("labels go in by name, and an odd list holds none")
    func labels() {
        let labels = ["zone": "a", "env": "prod"]
        #expect(StringList.encode(labels: labels) == StringList.encode(["env", "prod", "zone", "a"]))
        #expect(StringList.decodeLabels(StringList.encode(labels: labels)) == labels)
        #expect(StringList.decodeLabels(StringList.encode(["env"])) == nil)
    }
}
