import Model
import Testing

@Suite("Base64")
struct Base64Tests {
    @Test("base64 is read back exactly, and only in the one spelling")
    func base64() {
        for count in 0..<20 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 251) }
            #expect(Base64.bytes(of: Array(Base64.text(of: bytes, alphabet: .standard).utf8)) == bytes)
        }
        let examples = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "foobar": "Zm9vYmFy",
        ]
        for (text, encoded) in examples {
            #expect(Base64.text(of: Array(text.utf8), alphabet: .standard) == encoded)
        }
        #expect(
            Base64.text(of: Array("any carnal pleas".utf8), alphabet: .standard) == "YW55IGNhcm5hbCBwbGVhcw=="
        )
        #expect(Base64.text(of: [0xFB, 0xFF], alphabet: .urlSafe) == "-_8")
        for text in ["A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "A A=", "AA==AA==", "-_8=", "===="] {
            #expect(Base64.bytes(of: Array(text.utf8)) == nil, "\(text)")
        }
    }
}
