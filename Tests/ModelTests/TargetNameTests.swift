import Model
import Testing

@Suite("Names of targets")
struct TargetNameTests {
    @Test("a name has 1 to 128 bytes, without = and control characters")
    func rule() {
        for name in [
            "a", "api-1", "Zürich 3", String(repeating: "x", count: 128), String(repeating: "é", count: 64),
            "*.\\",
        ] {
            #expect(TargetName.isValid(name), "\(name)")
        }
        for name in [
            "", "a=b", "a\nb", "a\u{0}", "a\u{85}", String(repeating: "x", count: 129),
            String(repeating: "é", count: 65),
        ] {
            #expect(!TargetName.isValid(name), "\(name)")
        }
    }
}
