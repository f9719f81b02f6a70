import HostFiles
import TestBasics
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite struct DraftFileTests {
    private func put(_ text: String, into draft: DraftFile) {
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { write(draft.descriptor, $0.baseAddress, $0.count) } == bytes.count)
    }

    @Test("two that write to one place never meet: the first is there whole, and the second is refused")
    func twoDrafts() throws {
        let directory = try TemporaryDirectory()
        let place = try OutputPlace(directory.file("out"))
        let (first, second) = (try DraftFile(for: place), try DraftFile(for: place))
        put("second, half", into: second)
        put("first", into: first)
        #expect(try first.publish() == 5)
        put(" and whole", into: second)
        #expect(throws: OutputError.self) { try second.publish() }
        #expect(directory.read("out") == Array("first".utf8))
        #expect(directory.names == ["out"])
    }

    @Test("a draft that is to replace what is there replaces it, and only once it is whole")
    func replacing() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("old".utf8, to: "out")
        let draft = try DraftFile(for: OutputPlace(path, replaces: true))
        put("new", into: draft)
        #expect(directory.read("out") == Array("old".utf8))
        try draft.publish()
        #expect(directory.read("out") == Array("new".utf8))
        #expect(directory.names == ["out"])
    }

    @Test("what a killed process left is removed by the next, and what one at work has is not")
    func leftovers() throws {
        let directory = try TemporaryDirectory()
        try directory.write("".utf8, to: "out.partial-0123abcd")
        try directory.write("".utf8, to: "out.partial-0123abcd.db-wal")
        // Of this one the draft itself went first, as after a power loss.
        try directory.write("".utf8, to: "out.partial-ffffffff.db")
        // These only look like it.
        let others = ["out.partial", "out.partial-new", "out.partial-0123ABCD", "other.partial-0123abcd"]
        for name in others { try directory.write("".utf8, to: name) }
        let place = try OutputPlace(directory.file("out"))
        let first = try DraftFile(for: place, further: [".db"])
        let second = try DraftFile(for: place)
        let own = [first.path, second.path].map { String($0.dropFirst(directory.path.utf8.count + 1)) }
        #expect(directory.names == (others + own).sorted())
        try directory.write("".utf8, to: own[0] + ".db")
        first.abandon()
        second.abandon()
        #expect(directory.names == others.sorted())
    }

    @Test("all paths are told before the first of them is there")
    func begins() throws {
        let directory = try TemporaryDirectory()
        var told: [String] = []
        let draft = try DraftFile(for: OutputPlace(directory.file("out")), further: [".db", ".db-wal"]) {
            told = $0
            #expect(directory.names.isEmpty)
        }
        #expect(told == [draft.path + ".db", draft.path + ".db-wal", draft.path])
    }

    @Test("an output is its maker's alone, whatever the umask")
    func mode() throws {
        let directory = try TemporaryDirectory()
        let descriptor = try FileAccess.ownerOnly.makeFile(directory.file("out"))
        defer { close(descriptor) }
        fchmod(descriptor, 0)
        FileAccess.ownerOnly.apply(to: descriptor)
        #expect(FileAccess.of(path: directory.file("out"))?.mode == 0o600)
    }
}
