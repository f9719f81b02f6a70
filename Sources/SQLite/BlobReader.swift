import CSQLite

/// Reads parts of the blobs of one column, so that of a large one only the pages are read that hold them.
///
/// For a reader within its transaction: an open blob is a statement at work. See https://sqlite.org/c3ref/blob_open.html.
package final class BlobReader {
    private let connection: Connection
    private let table: String
    private let column: String
    private var handle: OpaquePointer?
    private var row: Int64?

    /// A reader of that column of a table with integer row ids.
    package init(_ connection: Connection, table: String, column: String) {
        self.connection = connection
        self.table = table
        self.column = column
    }

    deinit { sqlite3_blob_close(handle) }

    /// How many bytes the blob of a row has; nil where there is no such row, or its value is no blob.
    package func size(of row: Int64) throws(SQLiteError) -> Int? {
        guard try open(row) else { return nil }
        return Int(sqlite3_blob_bytes(handle))
    }

    /// Bytes of the blob of a row.
    ///
    /// - Throws: also where the range lies outside the blob.
    package func bytes(of row: Int64, in range: Range<Int>) throws(SQLiteError) -> [UInt8] {
        guard try open(row), range.upperBound <= Int(sqlite3_blob_bytes(handle)) else {
            throw SQLiteError(code: SQLITE_CORRUPT, message: "a blob of \(table) is shorter than it was")
        }
        var code = SQLITE_OK
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            guard let base = buffer.baseAddress, !range.isEmpty else { return }
            // Both fit: a blob is below 2³¹ bytes.
            code = sqlite3_blob_read(handle, base, Int32(range.count), Int32(range.lowerBound))
            count = code == SQLITE_OK ? range.count : 0
        }
        guard code == SQLITE_OK else {
            let error = SQLiteError(database: connection.handle, code: code)
            close()
            throw error
        }
        return bytes
    }

    /// Stands on that row; false where it cannot.
    private func open(_ row: Int64) throws(SQLiteError) -> Bool {
        if self.row == row, handle != nil { return true }
        self.row = nil
        // Moving on is cheaper than opening, which compiles a statement; after a failure the handle is of no use.
        var code =
            handle == nil
            ? sqlite3_blob_open(connection.handle, "main", table, column, row, 0, &handle)
            : sqlite3_blob_reopen(handle, row)
        if code != SQLITE_OK {
            close()
            if code & 0xff == SQLITE_ABORT {
                code = sqlite3_blob_open(connection.handle, "main", table, column, row, 0, &handle)
            }
        }
        guard code == SQLITE_OK else {
            let error = SQLiteError(database: connection.handle, code: code)
            close()
            // "no such rowid", or a value of another type.
            if error.code & 0xff == SQLITE_ERROR { return false }
            throw error
        }
        self.row = row
        return true
    }

    /// Lets go of the blob, which holds a transaction open.
    package func close() {
        sqlite3_blob_close(handle)
        handle = nil
        row = nil
    }
}
