import Model
import SQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What ties a WAL to its database: a row of `meta` that both have, and that changes with each generation of the WAL.
///
/// SQLite plays back any WAL that stands beside a file, and none where it was left behind. So the writer names states:
///
///     base     what a checkpoint wrote back: the file as the next generation of the WAL begins on it
///     kept     the first commit of a generation, which names the base that it stands on
///     closed   everything is in the file
///
/// The value is the kind, a random token, and the token before it. The file alone tells by its own page what state it
/// is in; the WAL's frames of that page tell what it was begun on and what became of it. They belong together where the
/// file's token is among the WAL's, or is the one before the first of them: a checkpoint may have been cut off anywhere
/// between. A file of kind `base` speaks of a WAL with something in it; without one it was copied, or moved, alone.
///
/// The row always takes as many bytes, so that SQLite writes it over in place: a page that power loss tore has the old
/// row, the new one, or one that its checksum denies.
struct WALTie: Hashable {
    enum Kind: String {
        case base = "base"
        case kept = "kept"
        case closed = "done"
    }

    var kind: Kind
    var token: String
    var previous: String

    /// The key of the row.
    static let key = "wal"
    /// The first table's root, which is the only page of `meta`: page 2 is SQLite's map of pages.
    static let page = 3
    private static let none = "0000000000000000"
    private static let pageSize = 4096

    private init(kind: Kind, token: String, previous: String) {
        self.kind = kind
        self.token = token
        self.previous = previous
    }

    /// The next state after `other`, the first where nil.
    init(_ kind: Kind, after other: WALTie?) {
        var tie = WALTie(kind: kind, token: WALTie.newToken(), previous: other?.token ?? WALTie.none)
        // A checksum of 32 bits takes as many bytes as any other, and the row is always as long.
        while tie.checksum < 1 << 31 { tie.token = WALTie.newToken() }
        self = tie
    }

    private static func newToken() -> String {
        let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private init?(value: String) {
        let words = value.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, let kind = Kind(rawValue: String(words[0])), words[1].utf8.count == 16,
            words[2].utf8.count == 16
        else { return nil }
        self.init(kind: kind, token: String(words[1]), previous: String(words[2]))
    }

    private var value: String { "\(kind.rawValue) \(token) \(previous)" }
    private var checksum: Int64 { RowChecksum.of("meta", .text(WALTie.key), .text(value)) }

    // MARK: The row

    /// The state that the database is in as this connection sees it; nil where it tells of none.
    static func read(on connection: Connection) throws(SQLiteError) -> WALTie? {
        let statement = try connection.statement("SELECT value FROM meta WHERE key = ?1")
        try statement.bind(1, key)
        defer { statement.reset() }
        return try statement.step() ? WALTie(value: statement.text(0)) : nil
    }

    /// Whether the row stands where it is looked for.
    static func isFound(on connection: Connection) throws(SQLiteError) -> Bool {
        try connection.integer("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'") == Int64(page)
    }

    /// Writes the row, within the caller's transaction.
    func store(on connection: Connection) throws(SQLiteError) {
        try connection.statement(
            """
            INSERT INTO meta(key, value, checksum) VALUES (?1, ?2, ?3) \
            ON CONFLICT(key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum
            """
        )
        .bind(1, WALTie.key).bind(2, value).bind(3, checksum).run()
    }

    // MARK: From the outside

    /// Whether the file was left without the WAL that was in use.
    ///
    /// Nobody writes while we look, or we look again; `scan` is what the WAL holds.
    ///
    /// - Throws: `StorageError.foreignWAL` where there is one of another database, or of another state of this one.
    static func isWithoutWAL(_ file: VaultFile, _ scan: WALScan) throws(StorageError) -> Bool {
        var scan = scan
        for attempt in 0..<3 {
            let own = try ofFile(file)
            if attempt > 0 { scan = try WALScan(path: file.realPath + "-wal") }
            let isForeign = !belongs(scan.ties, to: own)
            // A reader makes an empty one where there is none.
            let isMissing = own?.kind == .base && !file.hasWAL
            guard isForeign || isMissing else { return false }
            // A writer that began or ended meanwhile changes the file's own page.
            guard try ofFile(file) == own else { continue }
            if isForeign { throw .foreignWAL(path: file.path) }
            return isMissing
        }
        return false
    }

    private static func belongs(_ ties: [WALTie], to own: WALTie?) -> Bool {
        // A WAL without the row is of a program that knows of none, or holds no commit.
        guard let first = ties.first else { return true }
        guard let own else { return first.previous == none }
        return own.token == first.previous || ties.contains { $0.token == own.token }
    }

    /// What the file itself says, whatever its WAL does; nil where it says nothing that can be believed.
    private static func ofFile(_ file: VaultFile) throws(StorageError) -> WALTie? {
        let descriptor =
            OpenFiles.waiting(for: file.realPath)
            ?? SystemCall.retrying { open(file.realPath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw SystemCall.error(errno, path: file.path)
        }
        defer { OpenFiles.release(descriptor) }
        return of(
            try SystemCall.read(descriptor, pageSize, at: (page - 1) * pageSize, path: file.path)[...]
        )
    }

    /// The row in a page of `meta`; nil where it is not there or contradicts its checksum.
    ///
    /// See https://sqlite.org/fileformat.html#b_tree_pages: a leaf, its cells, each a row of key, value, checksum.
    static func of(_ page: ArraySlice<UInt8>) -> WALTie? {
        let page = Array(page)
        guard page.count == pageSize, page[0] == 13 else { return nil }
        let half = { (offset: Int) in Int(page[offset]) << 8 | Int(page[offset + 1]) }
        // Two letters of the record's head say how long key and value are: texts of 3 and 38 bytes; then 6 of a number.
        let head: [UInt8] = [4, 13 + 2 * 3, 13 + 2 * 38, 5]
        let pattern = head + Array(key.utf8)
        for cell in 0..<min(half(3), 100) {
            let start = half(8 + 2 * cell)
            // The length of the record, one byte, and the row's number, one to nine, come first.
            for skipped in 2...10 {
                let at = start + skipped
                guard at + 4 + 3 + 38 + 6 <= page.count,
                    page[at..<(at + pattern.count)].elementsEqual(pattern)
                else { continue }
                let value = String(decoding: page[(at + 7)..<(at + 45)], as: UTF8.self)
                let checksum = page[(at + 45)..<(at + 51)].reduce(Int64(0)) { $0 << 8 | Int64($1) }
                if let tie = WALTie(value: value), tie.checksum == checksum { return tie }
            }
        }
        return nil
    }
}
