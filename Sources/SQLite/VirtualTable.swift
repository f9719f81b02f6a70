/// A read-only table whose rows come from Swift; https://sqlite.org/vtab.html.
///
/// A statement uses it in two steps. While it is prepared, `plan` says which of its conditions the table takes over,
/// perhaps several times with other conditions, and SQLite takes the cheapest. When it runs, a cursor is made and
/// `filter` given the values of the conditions that were taken over.
///
/// Owned by one `VirtualTableConnection` and used on its thread. What the calls throw ends the statement.
package protocol VirtualTable: AnyObject {
    /// Its name in SQL.
    var name: String { get }
    /// Its columns, in order; a constraint names one by its index.
    var columns: [VirtualTableColumn] { get }
    /// The columns that tell any two rows apart.
    ///
    /// SQLite goes by them where it must know that it saw a row already (an OR of two conditions, say). Rows have no
    /// rowid: it would have to be the same in each scan.
    var primaryKey: [String] { get }

    /// What the table can take over of a question.
    func plan(for question: VirtualTableQuestion) throws -> VirtualTablePlan
    /// A cursor, before its first `filter`.
    func makeCursor() -> any VirtualTableCursor
}

/// A position in the rows of a virtual table.
package protocol VirtualTableCursor: AnyObject {
    /// Goes to the first row that fulfils `arguments`; may be called again with others.
    ///
    /// `scan` is that of the plan.
    func filter(_ arguments: [VirtualTableArgument], scan: Int) throws
    /// Whether there is no row at the position.
    var isAtEnd: Bool { get }
    /// Goes to the next row.
    func next() throws
    /// Puts the value of a column of the row at the position; called for the columns that a statement uses only.
    func put(column: Int, into result: SQLResult) throws
}

/// A column of a virtual table.
package struct VirtualTableColumn: Hashable, Sendable {
    /// Its name in SQL.
    package var name: String
    /// Its declared type, which decides how values are compared with it; "" for values as they are.
    package var type: String
    /// Whether `*` leaves it out.
    package var isHidden: Bool

    /// A column.
    package init(_ name: String, _ type: String, isHidden: Bool = false) {
        self.name = name
        self.type = type
        self.isHidden = isHidden
    }
}

/// How a condition compares a column with a value.
package enum VirtualTableOperation: String, Hashable, Sendable {
    /// The column is that value.
    case equal = "="
    /// The column is one of several values, given all at once.
    case oneOf = " in"
    /// The column is below the value.
    case less = "<"
    /// The column is the value or below.
    case lessOrEqual = "<="
    /// The column is above the value.
    case greater = ">"
    /// The column is the value or above.
    case greaterOrEqual = ">="
    /// The column matches the pattern of LIKE.
    case like = " like"
    /// The column matches the pattern of GLOB.
    case glob = " glob"
}

/// A condition of a statement that a table may take over.
package struct VirtualTableConstraint: Hashable, Sendable {
    /// The index of the column.
    package var column: Int
    /// The comparison.
    package var operation: VirtualTableOperation
    /// Whether texts are compared byte by byte.
    package var isBinary: Bool
    /// The value, where the statement spells it out; nil where it comes from elsewhere.
    package var literal: SQLValue?
}

/// What a statement asks of a table, as far as the table can help.
package struct VirtualTableQuestion: Hashable, Sendable {
    /// The conditions whose values are known when the table is scanned.
    package var constraints: [VirtualTableConstraint]
    /// The columns by which rows should come, ascending; nil where the order is one that no table here has.
    package var order: [Int]?
}

/// What a table takes over of a question.
package struct VirtualTablePlan: Hashable, Sendable {
    /// The conditions that are passed to `filter`, by their index in the question.
    package var used: [Int]
    /// Those of them that `filter` fulfils to the letter, so that SQLite need not look again.
    package var exact: Set<Int>
    /// Whether the rows come in the order of the question.
    package var isOrdered: Bool
    /// Which of the table's ways to scan was planned, where it has several; passed to `filter`.
    package var scan = 0
    /// About how many rows come.
    package var rows: Double
    /// What a scan costs, in about what reading a row from memory costs.
    package var cost: Double

    /// A plan.
    package init(used: [Int], exact: Set<Int>, isOrdered: Bool, rows: Double, cost: Double) {
        self.used = used
        self.exact = exact
        self.isOrdered = isOrdered
        self.rows = rows
        self.cost = cost
    }
}

/// A condition that a table took over, with its value.
package struct VirtualTableArgument: Hashable, Sendable {
    /// The index of the column.
    package var column: Int
    /// The comparison.
    package var operation: VirtualTableOperation
    /// The value; several where the operation is `oneOf`.
    package var values: [SQLValue]

    /// A condition with its value.
    package init(column: Int, operation: VirtualTableOperation, values: [SQLValue]) {
        self.column = column
        self.operation = operation
        self.values = values
    }
}
