import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What a salvage reads from: the damaged database itself, or a mended copy where SQLite could not open it, or would leave out
/// most of it.
///
/// Mended is what does not depend on what was recorded: the header, the tables' definitions, the WAL's checksums. What
/// these cover is read afterwards like anything else, each row and chunk by its own checksum.
struct SalvageSource {
    /// The file to read.
    let file: VaultFile
    /// What had to be mended.
    private(set) var findings: [Finding] = []
    /// Whether it is a copy that was mended.
    let isCopy: Bool

    /// Looks at `source`, and copies it beside `destination` where it must be mended.
    init(source: VaultFile, destination: String) throws {
        let content = try source.inspect()
        var wal = try WALScan(path: source.realPath + "-wal")
        var words: [String] = []
        var notes: [String] = []
        if case .ours = content {
            do throws(StorageError) {
                if try WALTie.isWithoutWAL(source, wal) { notes.append(StorageError.withoutWAL) }
            } catch {
                guard case .foreignWAL = error else { throw error }
                words.append("its WAL belongs to another state of it, or to another file, and is left out")
                wal = WALScan()
            }
        }
        words += try Self.damageOfFile(source, content, wal)
        if let finding = wal.finding { words.append(finding) }
        if words.isEmpty, let detail = try Self.damageOfSchema(source, role: source.readerRole()) {
            words.append(detail)
        }
        findings = (notes + words).map { Finding(description: $0) }
        isCopy = !words.isEmpty
        guard isCopy else {
            file = source
            return
        }
        file = try VaultFile(path: destination + "-source")
        remove()
        do {
            if try !Self.hasPages(source, content) {
                // All of ours begin alike: what the WAL has is put into one that holds nothing.
                try file.create()
            } else {
                try Self.copy(source.realPath, to: file.realPath)
                try Self.mendHeader(of: file)
                try Self.mendLength(of: file)
            }
            if wal.frameCount > 0 {
                try Self.copy(source.realPath + "-wal", to: file.realPath + "-wal")
                if wal.finding != nil { try Self.mendWAL(of: file, wal) }
            }
            if try Self.damageOfSchema(file, role: .reader) != nil { try Self.mendSchema(of: file) }
        } catch {
            remove()
            throw error
        }
    }

    /// What is wrong with the file itself, as far as its first bytes and its length tell.
    private static func damageOfFile(
        _ source: VaultFile,
        _ content: VaultFile.Content,
        _ wal: WALScan
    ) throws(StorageError) -> [String] {
        switch content {
        case .missing: return ["the file itself is not there: only what its WAL has can be read"]
        case .empty: return ["the file itself is empty: only what its WAL has can be read"]
        case .damaged(let detail): return [detail]
        case .ours, .foreign: break
        }
        let (told, there) = try pageCounts(of: source)
        // With a WAL the file may be shorter than it says: the WAL has the rest.
        guard told > there, wal.frameCount == 0 else { return [] }
        return ["it is cut off: \(there) of its \(told) pages are there"]
    }

    /// All slots that are found in the pages of the file and its WAL, the newest of each number; whatever leads there.
    func looseSlots() throws -> [Int64: [UInt8]] {
        var slots: [Int64: [UInt8]] = [:]
        func take(_ page: [UInt8]) {
            // A page that is no slot is passed over: that is the search.
            guard let (slot, bytes) = TailSlot.ofPage(page), let content = try? TailSlot.decode(bytes) else {
                return  // a page of something else, or damaged: others may still be read
            }
            // A page that was given back may still show what its slot held before.
            if let known = slots[slot].flatMap({ try? TailSlot.decode($0) }),
                known.highestSeq > content.highestSeq
            {
                return
            }
            slots[slot] = bytes
        }
        let wal = try WALScan(path: file.realPath + "-wal")
        for (suffix, first, stride, offset) in [
            ("", 0, Self.pageSize, 0), ("-wal", 32, 24 + wal.pageSize, 24),
        ] {
            let path = file.realPath + suffix
            let descriptor = SystemCall.retrying { open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
            guard descriptor >= 0 else { continue }
            defer { OpenFiles.release(descriptor) }
            var place = first + offset
            while true {
                let page = try SystemCall.read(descriptor, Self.pageSize, at: place, path: path)
                guard page.count == Self.pageSize else { break }
                take(page)
                place += stride
            }
        }
        return slots
    }

    /// Removes the copy, if there is one.
    func remove() {
        guard isCopy else { return }
        for suffix in ["", "-wal", "-shm"] { unlink(file.realPath + suffix) }
    }

    /// What is wrong with the tables' definitions; nil where nothing is.
    private static func damageOfSchema(_ file: VaultFile, role: Connection.Role) throws -> String? {
        do {
            try StorageError.wrapping(file.path) {
                let connection = try Connection(path: file.realPath, role: role, busyMilliseconds: 5000)
                defer { connection.close() }
                let version = try connection.integer("PRAGMA user_version") ?? 0
                guard (Migrations.oldestVersion...Migrations.currentVersion).contains(version) else {
                    throw StorageError.damaged(
                        path: file.path,
                        detail: "it says that it has format \(version)"
                    )
                }
                try Schema.verify(on: connection, version: version, path: file.path)
            }
            return nil
        } catch {
            guard case .damaged(_, let detail) = error else { throw error }
            return detail
        }
    }

    // MARK: Files

    private static let pieceSize = 1 << 20

    private static func copy(_ source: String, to destination: String) throws(StorageError) {
        let input = SystemCall.retrying { open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard input >= 0 else { throw SystemCall.error(errno, path: source) }
        defer { OpenFiles.release(input) }
        let output = SystemCall.retrying {
            open(destination, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard output >= 0 else { throw SystemCall.error(errno, path: destination) }
        defer { close(output) }
        var offset = 0
        while true {
            let piece = try SystemCall.read(input, pieceSize, at: offset, path: source)
            if piece.isEmpty { return }
            try SystemCall.write(output, piece, at: offset, path: destination)
            offset += piece.count
        }
    }

    private static func change(
        _ path: String,
        _ body: (Int32) throws(StorageError) -> Void
    ) throws(StorageError) {
        let descriptor = SystemCall.retrying { open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else { throw SystemCall.error(errno, path: path) }
        defer { close(descriptor) }
        try body(descriptor)
    }

    // MARK: Mending

    private static let pageSize = 4096

    /// Writes what every file of ours has in its first 100 bytes; https://sqlite.org/fileformat.html#the_database_header.
    private static func mendHeader(of file: VaultFile) throws(StorageError) {
        try change(file.realPath) { descriptor throws(StorageError) in
            var header = try SystemCall.read(descriptor, 100, at: 0, path: file.path)
            guard header.count == 100 else { throw .notOurs(path: file.path) }
            func put(_ value: UInt32, at offset: Int) {
                for index in 0..<4 {
                    header[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
                }
            }
            let word = { (offset: Int) in
                header[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            }
            header.replaceSubrange(0..<16, with: VaultFile.magic)
            // Pages of 4096 bytes, WAL to write and to read, nothing reserved, the fixed fractions of SQLite.
            header.replaceSubrange(16..<24, with: [0x10, 0, 2, 2, 0, 64, 32, 32])
            put(4, at: 44)
            put(1, at: 56)
            put(1, at: 64)
            put(UInt32(VaultFile.applicationID), at: 68)
            if !(Migrations.oldestVersion...Migrations.currentVersion).contains(Int64(word(60))) {
                put(UInt32(Migrations.currentVersion), at: 60)
            }
            try SystemCall.write(descriptor, header, at: 0, path: file.path)
        }
    }

    /// Whether a file has its first page at least.
    private static func hasPages(
        _ file: VaultFile,
        _ content: VaultFile.Content
    ) throws(StorageError) -> Bool {
        guard content != .missing, content != .empty else { return false }
        return try pageCounts(of: file).there > 0
    }

    /// How many pages the header of a file tells of, and how many whole ones it has.
    private static func pageCounts(of file: VaultFile) throws(StorageError) -> (told: Int, there: Int) {
        let descriptor = SystemCall.retrying { open(file.realPath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else { throw SystemCall.error(errno, path: file.path) }
        // A plain close would drop the locks of a writer or reader in this process.
        defer { OpenFiles.release(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCall.error(errno, path: file.path) }
        let word = try SystemCall.read(descriptor, 4, at: 28, path: file.path)
        return (word.reduce(0) { $0 << 8 | Int($1) }, Int(status.st_size) / pageSize)
    }

    /// A file that lost pages at its end gets as many zeros, so that SQLite reads what is there; one that tells of more
    /// than it can have lost is told what it has.
    private static func mendLength(of file: VaultFile) throws(StorageError) {
        let (told, there) = try pageCounts(of: file)
        let pages = told >= there && told <= lostPagesMax + there ? told : there
        try change(file.realPath) { descriptor throws(StorageError) in
            let word = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: pages >> $0) }
            try SystemCall.write(descriptor, word, at: 28, path: file.path)
            guard ftruncate(descriptor, off_t(pages * pageSize)) == 0 else {
                throw SystemCall.error(errno, path: file.path)
            }
        }
    }

    /// No file that is mended is taken to have lost more pages than this: 64 GiB, of which no byte is written.
    private static let lostPagesMax = 1 << 24

    /// Makes the checksums of a WAL agree with its frames, from its header to the last frame of its generation.
    private static func mendWAL(of file: VaultFile, _ wal: WALScan) throws(StorageError) {
        let path = file.realPath + "-wal"
        try change(path) { descriptor throws(StorageError) in
            var header: [UInt8] = []
            func add(_ words: UInt32...) {
                for word in words {
                    for shift in [24, 16, 8, 0] as [UInt32] {
                        header.append(UInt8(truncatingIfNeeded: word >> shift))
                    }
                }
            }
            add(0x377f_0682, 3_007_000, UInt32(wal.pageSize), 0, wal.salts.0, wal.salts.1)
            var checksum = WALScan.Checksum()
            checksum.add(header[...], isBigEndian: false)
            add(checksum.first, checksum.second)
            try SystemCall.write(descriptor, header, at: 0, path: path)
            let frameSize = 24 + wal.pageSize
            for number in 0..<wal.frameCount {
                let offset = 32 + number * frameSize
                let frame = try SystemCall.read(descriptor, frameSize, at: offset, path: path)
                guard frame.count == frameSize else { return }
                header = Array(frame[..<8])
                checksum.add(header[...], isBigEndian: false)
                checksum.add(frame[24...], isBigEndian: false)
                add(wal.salts.0, wal.salts.1, checksum.first, checksum.second)
                try SystemCall.write(descriptor, header, at: offset, path: path)
            }
        }
    }

    /// Puts the tables' definitions of a new database in the place of those that cannot be read: all of ours are made
    /// in the same order, so each table begins at the same page.
    ///
    /// The WAL's pages win over them, where it has any.
    private static func mendSchema(of file: VaultFile) throws(StorageError) {
        let fresh = try VaultFile(path: file.path + "-fresh")
        defer { for suffix in ["", "-wal", "-shm"] { unlink(fresh.realPath + suffix) } }
        unlink(fresh.realPath)
        try fresh.create()
        try change(fresh.realPath) { source throws(StorageError) in
            let root = try SystemCall.read(source, pageSize, at: 0, path: fresh.path)
            guard root.count == pageSize else { return }
            try change(file.realPath) { descriptor throws(StorageError) in
                // All but the header, which says how large the file is, and what was changed last.
                try SystemCall.write(descriptor, Array(root[100...]), at: 100, path: file.path)
                for page in children(ofRoot: root) {
                    let bytes = try SystemCall.read(
                        source,
                        pageSize,
                        at: (page - 1) * pageSize,
                        path: fresh.path
                    )
                    try SystemCall.write(descriptor, bytes, at: (page - 1) * pageSize, path: file.path)
                }
            }
        }
    }

    /// The pages that the root of the tables' definitions points to; none where it is a leaf.
    private static func children(ofRoot page: [UInt8]) -> [Int] {
        let half = { (offset: Int) in Int(page[offset]) << 8 | Int(page[offset + 1]) }
        let word = { (offset: Int) in half(offset) << 16 | half(offset + 2) }
        guard page[100] == 5 else { return [] }
        let cells = (0..<half(103)).map { half(112 + 2 * $0) }.filter { $0 + 4 <= page.count }
        return cells.map(word) + [word(108)]
    }
}
