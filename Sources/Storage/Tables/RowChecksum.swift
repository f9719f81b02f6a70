import Compression

/// The checksum of a row: CRC-32 over its table's name and its columns in a form of their own.
///
/// SQLite's pages carry none, and a flipped bit must never become an answer. The form of a column: one byte for its
/// type (0 NULL, 1 integer, 2 text, 3 bytes); an integer follows as 8 bytes, the lowest first; text and bytes follow
/// as their length (8 bytes) and themselves.
struct RowChecksum {
    /// One column.
    enum Column {
        case integer(Int64?)
        case text(String?)
        case bytes([UInt8])
    }

    private var form: [UInt8] = []

    /// The checksum of a row of that table, columns in the order of the schema.
    static func of(_ table: String, _ columns: Column...) -> Int64 {
        var checksum = RowChecksum(table: table)
        for column in columns { checksum.add(column) }
        return checksum.value
    }

    init(table: String) {
        form.reserveCapacity(192)
        form.append(contentsOf: table.utf8)
    }

    mutating func add(_ column: Column) {
        switch column {
        case .integer(let value): add(value)
        case .text(let value): add(value)
        case .bytes(let value): value.withUnsafeBytes { add($0) }
        }
    }

    mutating func add(_ value: Int64?) {
        guard let value else {
            form.append(0)
            return
        }
        form.append(1)
        withUnsafeBytes(of: value.littleEndian) { form.append(contentsOf: $0) }
    }

    mutating func add(_ value: String?) {
        guard var value else {
            form.append(0)
            return
        }
        form.append(2)
        value.withUTF8 { utf8 in
            withUnsafeBytes(of: Int64(utf8.count).littleEndian) { form.append(contentsOf: $0) }
            form.append(contentsOf: utf8)
        }
    }

    mutating func add(_ value: UnsafeRawBufferPointer) {
        form.append(3)
        withUnsafeBytes(of: Int64(value.count).littleEndian) { form.append(contentsOf: $0) }
        form.append(contentsOf: value)
    }

    /// The CRC-32 of what was added, never negative.
    var value: Int64 { Int64(CRC32.checksum(form)) }
}
