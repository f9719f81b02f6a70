#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Tells a WAL that a crash cut short from one that was damaged.
///
/// SQLite reads a WAL up to the first frame that does not check, and takes what follows for the rest of a transaction
/// that a crash cut off (https://sqlite.org/fileformat.html#walformat). That is right for the last transaction: each is
/// synced before the next begins, so no more than one can be torn. A bit that flips further to the front silently
/// takes all that was committed after it. So, before a WAL is recovered, we look beyond the first bad frame:
///
///     a frame is of the present generation   where one of its salts is the header's
///     a frame follows the one before it      where its checksum continues the one stored there
///
/// Two commits in frames of the present generation that follow each other, at or after the bad frame, are more than one
/// transaction: damage. So is a header that does not check, since it is synced before any frame is written.
struct WALScan {
    private static let headerSize = 32
    private static let frameHeaderSize = 24

    /// What is wrong, in words; nil where nothing is.
    private(set) var finding: String?
    /// How many frames are there for a reader once the damage is mended: all up to the last one that belongs to the present
    /// generation.
    private(set) var frameCount = 0
    /// What the header says, or would say: the salts, and the size of a page.
    private(set) var salts: (UInt32, UInt32) = (0, 0)
    private(set) var pageSize = 4096
    /// How many transactions are whole.
    private(set) var commitCount = 0
    /// What they say of the state of the database, in order; see `WALTie`.
    private(set) var ties: [WALTie] = []
    /// Whether checksums are over big-endian words.
    private(set) var isBigEndian = false

    /// What the WAL beside the file holds; costs some 5 ms for 8 MiB.
    ///
    /// - Throws: `StorageError.damaged` where it is damaged.
    static func require(_ file: VaultFile) throws(StorageError) -> WALScan {
        let scan = try WALScan(path: file.realPath + "-wal")
        guard let finding = scan.finding else { return scan }
        throw .damaged(path: file.path, detail: finding)
    }

    /// One that holds nothing.
    init() {}

    /// Reads the WAL at `path`, which may be missing.
    ///
    /// Where somebody writes it meanwhile, a generation may end while we look: then what was found counts only if the
    /// header is still the same afterwards.
    init(path: String) throws(StorageError) {
        for _ in 0..<3 {
            let descriptor = SystemCall.retrying { open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
            guard descriptor >= 0 else {
                if errno == ENOENT { return }
                throw SystemCall.error(errno, path: path)
            }
            // SQLite takes no locks on this file, which our closing it could drop.
            defer { close(descriptor) }
            let before = try Self.read(descriptor, Self.headerSize, at: 0, path)
            self = try WALScan(descriptor: descriptor, header: before, path: path)
            if finding == nil { return }
            if try Self.read(descriptor, Self.headerSize, at: 0, path) == before { return }
        }
    }

    private init(descriptor: Int32, header: [UInt8], path: String) throws(StorageError) {
        guard header.count == Self.headerSize, header.contains(where: { $0 != 0 }) else { return }
        var checksum = readHeader(header)
        if checksum == nil {
            // Without its header the first frame tells the generation.
            let first = try Self.read(descriptor, Self.frameHeaderSize, at: Self.headerSize, path)
            guard first.count == Self.frameHeaderSize else { return }
            finding = "the header of its WAL contradicts its checksum"
            salts = (Self.word(first, 8), Self.word(first, 12))
        }
        try readFrames(descriptor, &checksum, path)
    }

    /// The checksum of the header; nil where it is damaged.
    private mutating func readHeader(_ header: [UInt8]) -> Checksum? {
        let magic = Self.word(header, 0)
        let size = Int(Self.word(header, 8))
        isBigEndian = magic & 1 == 1
        var checksum = Checksum()
        checksum.add(header[..<24], isBigEndian: isBigEndian)
        guard magic & ~1 == 0x377f_0682, Self.word(header, 4) == 3_007_000, size >= 512, size <= 65_536,
            size & (size - 1) == 0, checksum.isStored(header, at: 24)
        else {
            isBigEndian = false
            return nil
        }
        pageSize = size
        salts = (Self.word(header, 16), Self.word(header, 20))
        return checksum
    }

    /// Goes over all frames; `checksum` is that of what lies before them, nil where it is not known.
    private mutating func readFrames(
        _ descriptor: Int32,
        _ checksum: inout Checksum?,
        _ path: String
    ) throws(StorageError) {
        let frameSize = Self.frameHeaderSize + pageSize
        // Commits that follow each other without a break, at or after the first bad frame.
        var commits = 0
        var tie: WALTie?
        var firstBad: Int?
        var number = 0
        while true {
            let frame = try Self.read(descriptor, frameSize, at: Self.headerSize + number * frameSize, path)
            guard frame.count == frameSize else { break }
            let saltsMatching =
                (Self.word(frame, 8) == salts.0 ? 1 : 0) + (Self.word(frame, 12) == salts.1 ? 1 : 0)
            var continued = checksum
            continued?.add(frame[..<8], isBigEndian: isBigEndian)
            continued?.add(frame[Self.frameHeaderSize...], isBigEndian: isBigEndian)
            let follows = saltsMatching == 2 && continued?.isStored(frame, at: 16) == true
            let isCommit = Self.word(frame, 4) != 0
            if firstBad == nil, !follows { firstBad = number }
            if firstBad == nil {
                if Self.word(frame, 0) == UInt32(WALTie.page) {
                    tie = WALTie.of(frame[Self.frameHeaderSize...]) ?? tie
                }
                if isCommit {
                    commitCount += 1
                    if let tie { ties.append(tie) }
                    tie = nil
                }
            }
            if let firstBad {
                // The frame after the bad one cannot follow it where it is the stored checksum that is bad.
                let mayFollow = follows || number <= firstBad + 1
                if saltsMatching == 0 || !mayFollow { commits = 0 }
                if saltsMatching > 0, isCommit { commits += 1 }
                if commits > 1, finding == nil {
                    finding =
                        "frame \(firstBad + 1) of its WAL contradicts its checksum, and there are commits after it"
                }
            }
            if saltsMatching > 0 { frameCount = number + 1 }
            checksum = Checksum(stored: frame, at: 16)
            number += 1
        }
    }

    // MARK: Bytes

    /// The running checksum of SQLite's WAL: two sums over 32-bit words.
    struct Checksum: Equatable {
        var first: UInt32 = 0
        var second: UInt32 = 0

        init() {}

        init(stored bytes: [UInt8], at offset: Int) {
            first = WALScan.word(bytes, offset)
            second = WALScan.word(bytes, offset + 4)
        }

        /// Goes on over bytes whose number is a multiple of eight.
        mutating func add(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool) {
            bytes.withUnsafeBytes { buffer in
                var offset = 0
                while offset + 8 <= buffer.count {
                    var a = buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    var b = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    (a, b) =
                        isBigEndian
                        ? (UInt32(bigEndian: a), UInt32(bigEndian: b))
                        : (UInt32(littleEndian: a), UInt32(littleEndian: b))
                    first = first &+ a &+ second
                    second = second &+ b &+ first
                    offset += 8
                }
            }
        }

        func isStored(_ bytes: [UInt8], at offset: Int) -> Bool {
            self == Checksum(stored: bytes, at: offset)
        }
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func read(
        _ descriptor: Int32,
        _ size: Int,
        at offset: Int,
        _ path: String
    ) throws(StorageError) -> [UInt8] {
        try SystemCall.read(descriptor, size, at: offset, path: path)
    }
}
