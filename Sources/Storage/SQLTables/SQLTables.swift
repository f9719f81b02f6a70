import Model
import SQLite

/// SQL over a snapshot: one read-only statement over `targets`, `runs`, `scrapes`, `samples` and `gc_pauses`.
///
/// The statement sees these tables alone, none of the file's own; see docs/sql.md. What it reads is of one moment, and
/// the snapshot is held as long as the statement is, which is `deadlineMilliseconds` at most.
package final class SQLTables {
    /// A statement may take that long (cli.md); so long is the snapshot held.
    package static let deadlineMilliseconds: Int64 = 30_000

    private let connection: VirtualTableConnection
    private let milliseconds: Int64

    /// The tables of that snapshot, for a statement that is done within that time from now.
    package init(
        _ snapshot: VaultSnapshot,
        milliseconds: Int64 = SQLTables.deadlineMilliseconds
    ) throws {
        let source = SQLTableSource(snapshot)
        let tables: [any VirtualTable] = [
            SQLListTable.targets(source), SQLListTable.runs(source), SQLScrapesTable(source),
            SQLSamplesTable(source), SQLListTable.pauses(source),
        ]
        do {
            connection = try VirtualTableConnection(
                tables: tables,
                functions: SQLTimeFunctions.all,
                aggregates: [PercentileAggregate.self],
                milliseconds: milliseconds
            )
        } catch {
            throw StorageError(error, path: snapshot.path)
        }
        self.milliseconds = milliseconds
        source.connection = connection
    }

    /// The rows of the one statement in `sql`.
    ///
    /// - Throws: `SQLStatementError`, `StorageError`.
    package func rows(_ sql: String) throws -> SQLRows {
        do {
            return SQLRows(try connection.prepare(sql), milliseconds: milliseconds)
        } catch {
            throw SQLStatementError.telling(error, milliseconds: milliseconds)
        }
    }

    /// How much of the statement's time is left; 0 once it has passed.
    package var millisecondsLeft: Int64 { connection.millisecondsLeft }

    /// That the time has passed, for those who wait with a row in hand.
    package var deadlinePassed: SQLStatementError { .deadlinePassed(milliseconds: milliseconds) }
}

/// The rows of a statement, one after the other, as they are found.
package final class SQLRows {
    private let statement: VirtualTableStatement
    private let milliseconds: Int64

    /// The names of the columns: an alias where there is one, else the expression's text.
    package let columns: [String]

    init(_ statement: VirtualTableStatement, milliseconds: Int64) {
        self.statement = statement
        self.milliseconds = milliseconds
        columns = statement.columns
    }

    /// The next row; nil at the end.
    ///
    /// - Throws: `SQLStatementError`, `StorageError`.
    package func next() throws -> [SQLCell]? {
        do {
            guard try statement.step() else { return nil }
        } catch {
            throw SQLStatementError.telling(error, milliseconds: milliseconds)
        }
        return columns.indices.map { column in
            switch statement.value(column) {
            case .null: .null
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            case .text(let value): .text(String(decoding: value, as: UTF8.self))
            case .blob(let value): .blob(value)
            }
        }
    }
}

/// A value of a row.
package enum SQLCell: Hashable, Sendable {
    /// NULL.
    case null
    /// A signed 64-bit integer.
    case integer(Int64)
    /// A double; infinite perhaps, never NaN.
    case real(Double)
    /// A text; what is no UTF-8 in it is U+FFFD.
    case text(String)
    /// Bytes.
    case blob([UInt8])
}

/// Why a statement gave no answer, or not all of it.
package enum SQLStatementError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The statement is wrong, or not allowed; SQLite's words.
    case refused(String)
    /// It took too long.
    case deadlinePassed(milliseconds: Int64)
    /// It needs too much memory.
    case outOfMemory(bytesMax: Int64)

    /// One sentence: what is wrong, what would mend it.
    package var description: String {
        switch self {
        case .refused(let message): "SQL: \(message)"
        case .deadlinePassed(let milliseconds):
            "the statement took longer than \(DurationText.format(milliseconds: milliseconds)); "
                + "narrow it by target, series and t"
        case .outOfMemory(let bytesMax):
            "the statement needs more than \(SizeText.format(bytes: bytesMax)) to sort and group; "
                + "narrow it by target, series and t"
        }
    }

    /// The error as a caller is told it.
    static func telling(_ error: any Error, milliseconds: Int64) -> any Error {
        guard let error = error as? VirtualTableError else { return error }
        return switch error {
        case .deadlinePassed: deadlinePassed(milliseconds: milliseconds)
        case .outOfMemory: outOfMemory(bytesMax: VirtualTableConnection.heapBytesMax)
        case .noStatement: refused("there is no statement; try SELECT * FROM targets")
        case .manyStatements: refused("one statement at a time")
        case .refused(let message):
            refused(
                message.hasPrefix("no such table")
                    ? message + " (there are targets, runs, scrapes, samples and gc_pauses)" : message
            )
        }
    }
}
