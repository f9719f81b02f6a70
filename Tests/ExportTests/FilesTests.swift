import TestBasics
import Testing

@testable import Export

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite("Files that are exported to and imported from")
struct FilesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func contents(_ path: String) throws -> [UInt8] {
        let file = try InputFile(path: path)
        var bytes: [UInt8] = []
        while try file.read({ bytes += $0 }) {}
        return bytes
    }

    private let text = Array((0..<20_000).map { "line \($0)\n" }.joined().utf8)

    @Test("what is written is read back, compressed as the ending says", arguments: ["a", "a.gz", "a.zst"])
    func roundTrip(name: String) throws {
        let output = try OutputFile.create(directory.file(name))
        for start in stride(from: 0, to: text.count, by: 1000) {
            try output.write(Array(text[start..<min(start + 1000, text.count)]))
        }
        #expect(directory.names.count == 1 && directory.names[0].hasPrefix(name + ".partial-"))
        try output.finish()
        #expect(directory.names == [name])
        #expect(try contents(directory.file(name)) == text)
        #expect((directory.read(name).count < text.count / 2) == (name != "a"))
        #expect(output.bytesIn == Int64(text.count))
    }

    @Test("what is given up leaves nothing, and what stood there before stays")
    func abandoned() throws {
        try directory.write([1], to: "a")
        do {
            let output = try OutputFile.create(directory.file("a"), replaces: true)
            try output.write(text)
        }
        #expect(directory.names == ["a"])
        #expect(directory.read("a") == [1])
    }

    @Test("a file is only its owner's, whatever the umask, and what a killed export left is removed")
    func mode() throws {
        try directory.write(text, to: "a.partial-0123abcd")
        let output = try OutputFile.create(directory.file("a"))
        try output.write([2])
        try output.finish()
        var status = stat()
        #expect(stat(directory.file("a"), &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(directory.read("a") == [2])
        #expect(directory.names == ["a"])
    }

    @Test("a place that cannot be written to is refused by name")
    func refused() throws {
        #expect(
            throws: ExportFileError.cannotCreate(
                path: "/nowhere/a",
                detail: "its directory is not there"
            )
        ) {
            try OutputFile.create("/nowhere/a")
        }
        #expect(throws: ExportFileError.notFound(path: "/nowhere/a")) { try InputFile(path: "/nowhere/a") }
        #expect(throws: ExportFileError.self) { try contents(directory.path) }
    }

    @Test("a full disk is an error of output, and a device is written directly")
    func full() throws {
        let output = try OutputFile.create("/dev/full")
        #expect(throws: ExportFileError.inputOutput(path: "/dev/full", detail: "No space left on device")) {
            try output.write(text)
            try output.finish()
        }
        let null = try OutputFile.create("/dev/null")
        try null.write(text)
        try null.finish()
    }

    @Test("a reader that has gone is told apart from an error")
    func readerGone() throws {
        signal(SIGPIPE, SIG_IGN)
        let path = directory.file("pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        let output = try OutputFile.create(path)
        close(reader)
        #expect(throws: ExportFileError.readerGone(path: path)) {
            try output.write(text)
            try output.finish()
        }
    }

    @Test(
        "compressed data that is cut or changed is damaged, after what was good",
        arguments: ["a.gz", "a.zst"]
    )
    func damaged(name: String) throws {
        let output = try OutputFile.create(directory.file(name))
        try output.write(text)
        try output.finish()
        let whole = directory.read(name)
        for bytes in [
            Array(whole.dropLast(3)),
            whole[..<(whole.count / 2)] + [0, 1, 2, 3] + whole[(whole.count / 2)...], [],
        ] {
            try directory.write(bytes, to: "cut." + name)
            #expect(throws: ExportFileError.self) { try contents(directory.file("cut." + name)) }
        }
    }
}
