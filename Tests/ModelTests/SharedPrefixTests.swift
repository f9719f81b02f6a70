import Model
import Testing

@Suite("Shared prefixes")
struct SharedPrefixTests {
    @Test("a difference is found at every place of every length")
    func everyPlace() {
        for count in 0...80 {
            let bytes = (0..<UInt8(count + 1)).map { $0 }
            for place in 0...count {
                var other = bytes
                other[place] ^= 0x80
                // The byte after the last that counts differs too, and does not count.
                let found = SharedPrefix.count(bytes, other, max: count)
                #expect(found == min(place, count))
            }
        }
    }
}
