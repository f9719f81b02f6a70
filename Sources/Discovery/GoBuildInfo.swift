#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a program tells of the Go that built it (Go's debug/buildinfo, cmd/link/internal/ld/data.go).
///
///     section .go.buildinfo, else the start of the first segment that is written to and not run:
///     0   "\xff Go buildinf:"
///     14  size of a pointer
///     15  flags: 1 big endian; 2 the texts follow in line
///     16  Go 1.13 to 1.17: pointer to the version's string header (pointer, length)
///     32  Go 1.18 and newer: the version, its length as a varint before it
///
/// Older ones say nothing but that they are Go's, by a note of their own: name "Go", type 4.
package struct GoBuildInfo: Hashable, Sendable {
    /// `go1.24.1`; nil where the program does not say.
    package var version: String?

    /// So much of a program is read, in bytes.
    package static let bytesMax = 1 << 20
    /// A longer version is none.
    private static let versionBytesMax = 128
    /// So much of a data segment is looked through where there are no sections.
    private static let searchedBytes = 64 << 10

    private static let magic = Array("\u{ff} Go buildinf:".unicodeScalars.map { UInt8($0.value) })
    private static let headBytes = 32
    /// What the linker aligns it to.
    private static let alignment = 16

    /// What the program at `path` says; nil where it is none of Go's, or may not be read.
    package static func read(_ path: String) -> GoBuildInfo? {
        guard let program = ELFFile(path, bytesMax: bytesMax) else { return nil }
        if let place = place(in: program) { return GoBuildInfo(version: version(program, at: place)) }
        return isOldGo(program) ? GoBuildInfo(version: nil) : nil
    }

    /// Where the magic stands in the file.
    private static func place(in program: ELFFile) -> UInt64? {
        if let section = program.section(named: ".go.buildinfo"),
            program.bytes(at: section.offset, count: magic.count) == magic
        {
            return section.offset
        }
        guard let data = program.segments.first(where: { $0.isLoaded && $0.isWritable && !$0.isExecutable })
        else {
            return nil
        }
        let count = Int(min(data.fileBytes, UInt64(searchedBytes)))
        guard let bytes = program.bytes(at: data.offset, count: count) else { return nil }
        for start in stride(from: 0, to: max(0, count - headBytes), by: alignment)
        where bytes[start...].starts(with: magic) {
            return data.offset &+ UInt64(start)
        }
        return nil
    }

    private static func version(_ program: ELFFile, at place: UInt64) -> String? {
        guard let head = program.bytes(at: place, count: headBytes) else { return nil }
        if head[15] & 2 != 0 {
            guard let bytes = program.bytes(at: place &+ UInt64(headBytes), upTo: versionBytesMax + 2) else {
                return nil
            }
            return inline(bytes)
        }
        let size = Int(head[14])
        guard size == 4 || size == 8 else { return nil }
        let isBig = head[15] & 1 != 0
        let header = ELFFile.number(head[16..<(16 + size)], isBigEndian: isBig)
        guard let at = program.offset(ofAddress: header), let words = program.bytes(at: at, count: 2 * size)
        else {
            return nil
        }
        let count = ELFFile.number(words[size...], isBigEndian: isBig)
        guard (1...UInt64(versionBytesMax)).contains(count),
            let text = program.offset(ofAddress: ELFFile.number(words[..<size], isBigEndian: isBig)),
            let bytes = program.bytes(at: text, count: Int(count))
        else { return nil }
        return shown(bytes)
    }

    /// A text behind its length, a varint of one or two bytes.
    private static func inline(_ bytes: [UInt8]) -> String? {
        var length = 0
        for (index, byte) in bytes.prefix(2).enumerated() {
            length |= Int(byte & 0x7f) << (7 * index)
            guard byte & 0x80 == 0 else { continue }
            let text = bytes[(index + 1)...].prefix(length)
            return length > 0 && text.count == length ? shown(Array(text)) : nil
        }
        return nil
    }

    /// The first word of `go1.24.1 X:boringcrypto`; a development version is told as it is.
    private static func shown(_ bytes: [UInt8]) -> String? {
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.hasPrefix("go") ? text.split(separator: " ").first.map(String.init) : text
    }

    private static func isOldGo(_ program: ELFFile) -> Bool {
        // Name and its size, the description's size, the type: in the byte order of the program.
        program.segments.filter(\.isNote).contains { note in
            guard let bytes = program.bytes(at: note.offset, count: 16) else { return false }
            let words = [0, 4, 8].map {
                ELFFile.number(bytes[$0..<($0 + 4)], isBigEndian: program.isBigEndian)
            }
            return words[0] == 4 && words[2] == 4 && bytes[12...].elementsEqual([0x47, 0x6f, 0, 0])
        }
    }
}
