import TestBasics
import TestSupport
import Testing

@testable import Discovery

/// A program's file by hand: a head, segments, and what they hold.
private struct HandmadeProgram {
    var is64 = true
    var isBigEndian = false
    /// The data segment's bytes; it lies at `dataOffset` and is loaded at `dataAddress`.
    var data: [UInt8] = []
    var note: [UInt8] = []

    static let dataOffset = 0x200
    static let dataAddress: UInt64 = 0x41_0000
    static let magic: [UInt8] = [0xff] + Array(" Go buildinf:".utf8)

    func number(_ value: UInt64, _ count: Int) -> [UInt8] {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        return isBigEndian ? bytes.reversed() : bytes
    }

    private func segment(
        _ type: UInt64,
        _ flags: UInt64,
        at offset: Int,
        _ address: UInt64,
        _ count: Int
    ) -> [UInt8] {
        is64
            ? number(type, 4) + number(flags, 4) + number(UInt64(offset), 8) + number(address, 8)
                + number(address, 8) + number(UInt64(count), 8) + number(UInt64(count), 8) + number(16, 8)
            : number(type, 4) + number(UInt64(offset), 4) + number(address, 4) + number(address, 4)
                + number(UInt64(count), 4) + number(UInt64(count), 4) + number(flags, 4) + number(16, 4)
    }

    var bytes: [UInt8] {
        let ident: [UInt8] =
            [0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isBigEndian ? 2 : 1, 1] + [UInt8](repeating: 0, count: 9)
        let headBytes = is64 ? 64 : 52
        let word = is64 ? 8 : 4
        var head = ident + number(2, 2) + number(62, 2) + number(1, 4)
        head += number(0, word) + number(UInt64(headBytes), word) + number(0, word) + number(0, 4)
        head += number(UInt64(headBytes), 2) + number(is64 ? 56 : 32, 2) + number(2, 2)
        head += number(is64 ? 64 : 40, 2) + number(0, 2) + number(0, 2)
        head += segment(1, 6, at: Self.dataOffset, Self.dataAddress, data.count)
        head += segment(4, 4, at: Self.dataOffset + data.count, 0, note.count)
        head += [UInt8](repeating: 0, count: Self.dataOffset - head.count)
        return head + data + note
    }
}

@Suite("What a program says of the Go that built it")
struct GoBuildInfoTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ bytes: [UInt8]) throws -> GoBuildInfo? {
        GoBuildInfo.read(try directory.write(bytes, to: "program"))
    }

    private static func inline(_ version: String, padding: Int = 0) -> [UInt8] {
        var bytes = [UInt8](repeating: 7, count: padding) + HandmadeProgram.magic + [8, 2]
        bytes += [UInt8](repeating: 0, count: 16) + [UInt8(version.utf8.count)] + Array(version.utf8)
        return bytes + [UInt8](repeating: 0, count: 64)
    }

    @Test("real programs: of Go by their version, and others by nothing")
    func real() async throws {
        let go = try #require(GoBuildInfo.read(try await Programs.demoService()))
        #expect(go.version?.hasPrefix("go1.") == true, "\(go)")
        #expect(GoBuildInfo.read(Expvault.binary) == nil)
        #expect(GoBuildInfo.read("/bin/sh") == nil)
        #expect(GoBuildInfo.read(directory.path) == nil)
        #expect(GoBuildInfo.read(directory.file("nothing")) == nil)
        #expect(try read(Array("#!/bin/sh\n".utf8)) == nil)
    }

    @Test("in line, by pointers of either size and order, or by the note alone")
    func forms() throws {
        var program = HandmadeProgram(data: Self.inline("go1.24.1 X:boringcrypto"))
        #expect(try read(program.bytes) == GoBuildInfo(version: "go1.24.1"))
        program.data = Self.inline("devel go1.99-0a1b2c Mon", padding: 4096)
        #expect(try read(program.bytes) == GoBuildInfo(version: "devel go1.99-0a1b2c Mon"))
        for (is64, isBigEndian) in [(true, false), (true, true), (false, false), (false, true)] {
            var old = HandmadeProgram(is64: is64, isBigEndian: isBigEndian)
            let size = is64 ? 8 : 4
            old.data = HandmadeProgram.magic + [UInt8(size), isBigEndian ? 1 : 0]
            old.data += old.number(HandmadeProgram.dataAddress + 64, size)
            old.data += [UInt8](repeating: 0, count: 64 - old.data.count)
            old.data += old.number(HandmadeProgram.dataAddress + 96, size) + old.number(8, size)
            old.data += [UInt8](repeating: 0, count: 96 - old.data.count) + Array("go1.17.3".utf8)
            #expect(try read(old.bytes) == GoBuildInfo(version: "go1.17.3"), "\(is64) \(isBigEndian)")
            var older = HandmadeProgram(is64: is64, isBigEndian: isBigEndian, data: [0])
            older.note =
                older.number(4, 4) + older.number(3, 4) + older.number(4, 4) + Array("Go\0\0".utf8) + [
                    1, 2, 3, 0,
                ]
            #expect(try read(older.bytes) == GoBuildInfo(version: nil), "\(is64) \(isBigEndian)")
        }
    }

    @Test("cut anywhere, or with any byte another, it is read or not, and never more than its limit of it")
    func hostile() throws {
        let bytes = HandmadeProgram(data: Self.inline("go1.24.1"), note: [1, 2, 3]).bytes
        for end in stride(from: 0, to: bytes.count, by: 3) { _ = try read(Array(bytes[..<end])) }
        for offset in 0..<bytes.count {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var changed = bytes
                changed[offset] = value
                _ = try read(changed)
            }
        }
        var greedy = HandmadeProgram(data: Self.inline("go1.24.1"))
        greedy.data += [UInt8](repeating: 0, count: GoBuildInfo.bytesMax)
        #expect(try read(greedy.bytes) == GoBuildInfo(version: "go1.24.1"))
    }
}
