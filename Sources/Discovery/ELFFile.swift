#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A program's file, as far as one has to read it to find a section (elf(5)).
///
/// What it says of itself is checked against what is there: a program is anybody's bytes.
final class ELFFile {
    /// A part of the file that is loaded, or a note.
    struct Segment {
        var type: UInt64
        var flags: UInt64
        var offset: UInt64
        var address: UInt64
        var fileBytes: UInt64

        var isLoaded: Bool { type == 1 }
        var isNote: Bool { type == 4 }
        var isExecutable: Bool { flags & 1 != 0 }
        var isWritable: Bool { flags & 2 != 0 }
    }

    /// A named part of the file.
    struct Section {
        var nameOffset: UInt64
        var offset: UInt64
        var bytes: UInt64
    }

    /// More entries of a table are not looked at.
    private static let entriesMax: UInt64 = 512
    /// Longer names of sections are not looked at, all together.
    private static let namesBytesMax: UInt64 = 64 << 10

    let isBigEndian: Bool
    private(set) var segments: [Segment] = []
    private let is64: Bool
    private let descriptor: Int32
    /// How many more bytes may be read.
    private var budget: Int
    private var sections: [Section] = []
    private var names: [UInt8] = []

    /// The file at `path`; nil where it is no program, or may not be read.
    init?(_ path: String, bytesMax: Int) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        budget = bytesMax
        var head = [UInt8](repeating: 0, count: 64)
        let count = descriptor >= 0 ? pread(descriptor, &head, head.count, 0) : -1
        is64 = head[4] == 2
        isBigEndian = head[5] == 2
        guard count >= 52, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]), head[4] == 1 || head[4] == 2 else {
            return nil
        }
        budget -= head.count
        readSegments(head)
        readSections(head)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private func readSegments(_ head: [UInt8]) {
        let table = is64 ? word(head, 0x20, 8) : word(head, 0x1c, 4)
        let size = word(head, is64 ? 0x36 : 0x2a, 2)
        let count = min(word(head, is64 ? 0x38 : 0x2c, 2), ELFFile.entriesMax)
        guard size >= (is64 ? 56 : 32), let bytes = bytes(at: table, count: Int(size * count)) else { return }
        segments = (0..<Int(count)).map { index in
            let entry = Array(bytes[(index * Int(size))...].prefix(Int(size)))
            return is64
                ? Segment(
                    type: word(entry, 0, 4),
                    flags: word(entry, 4, 4),
                    offset: word(entry, 8, 8),
                    address: word(entry, 16, 8),
                    fileBytes: word(entry, 32, 8)
                )
                : Segment(
                    type: word(entry, 0, 4),
                    flags: word(entry, 24, 4),
                    offset: word(entry, 4, 4),
                    address: word(entry, 8, 4),
                    fileBytes: word(entry, 16, 4)
                )
        }
    }

    private func readSections(_ head: [UInt8]) {
        let table = is64 ? word(head, 0x28, 8) : word(head, 0x20, 4)
        let size = word(head, is64 ? 0x3a : 0x2e, 2)
        let count = min(word(head, is64 ? 0x3c : 0x30, 2), ELFFile.entriesMax)
        let namesIndex = Int(word(head, is64 ? 0x3e : 0x32, 2))
        guard table > 0, size >= (is64 ? 64 : 40), let bytes = bytes(at: table, count: Int(size * count))
        else {
            return
        }
        sections = (0..<Int(count)).map { index in
            let entry = Array(bytes[(index * Int(size))...].prefix(Int(size)))
            return Section(
                nameOffset: word(entry, 0, 4),
                offset: is64 ? word(entry, 24, 8) : word(entry, 16, 4),
                bytes: is64 ? word(entry, 32, 8) : word(entry, 20, 4)
            )
        }
        guard sections.indices.contains(namesIndex) else { return }
        let list = sections[namesIndex]
        names = self.bytes(at: list.offset, count: Int(min(list.bytes, ELFFile.namesBytesMax))) ?? []
    }

    /// The section of that name.
    func section(named name: String) -> Section? {
        sections.first { section in
            guard section.nameOffset < UInt64(names.count) else { return false }
            return names[Int(section.nameOffset)...].prefix { $0 != 0 }.elementsEqual(name.utf8)
        }
    }

    /// Where in the file stands what is loaded at that address.
    func offset(ofAddress address: UInt64) -> UInt64? {
        for segment in segments where segment.isLoaded && address >= segment.address {
            let distance = address - segment.address
            if distance < segment.fileBytes { return segment.offset &+ distance }
        }
        return nil
    }

    /// That many bytes; nil where there are fewer, or no more may be read.
    func bytes(at offset: UInt64, count: Int) -> [UInt8]? {
        guard let found = bytes(at: offset, upTo: count), found.count == count else { return nil }
        return found
    }

    /// Up to so many bytes; nil where no more may be read.
    func bytes(at offset: UInt64, upTo count: Int) -> [UInt8]? {
        guard count >= 0, count <= budget, offset < UInt64(Int64.max) else { return nil }
        budget -= count
        var buffer = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &buffer, count, off_t(offset))
        return got < 0 ? nil : Array(buffer.prefix(got))
    }

    private func word(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        guard offset + count <= bytes.count else { return 0 }
        return ELFFile.number(bytes[offset..<(offset + count)], isBigEndian: isBigEndian)
    }

    /// The number that up to eight bytes are.
    static func number(_ bytes: some BidirectionalCollection<UInt8>, isBigEndian: Bool) -> UInt64 {
        isBigEndian
            ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
