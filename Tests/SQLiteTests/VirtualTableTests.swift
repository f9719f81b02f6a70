import Testing

@testable import SQLite

/// Numbers from 0 up, with their squares: a table that says what it was asked.
final class NumbersTable: VirtualTable {
    let name = "numbers"
    let primaryKey = ["n"]
    let columns = [
        VirtualTableColumn("n", "INTEGER"), VirtualTableColumn("name", "TEXT"),
        VirtualTableColumn("square", "INTEGER", isHidden: true),
    ]
    let count: Int64
    /// What was asked of the cursors, and how many rows and hidden values they gave.
    var filters: [[VirtualTableArgument]] = []
    var rows = 0
    var squares = 0
    var isBroken = false
    /// How many cursors are open.
    var open = 0

    init(count: Int64) { self.count = count }

    func plan(for question: VirtualTableQuestion) -> VirtualTablePlan {
        var plan = VirtualTablePlan(
            used: [],
            exact: [],
            isOrdered: question.order == [0],
            rows: 100,
            cost: 100
        )
        for (index, constraint) in question.constraints.enumerated() where constraint.column == 0 {
            plan.used.append(index)
            plan.cost /= 10
        }
        return plan
    }

    func makeCursor() -> any VirtualTableCursor { Cursor(self) }

    struct Broken: Error, Equatable {}

    final class Cursor: VirtualTableCursor {
        private let table: NumbersTable
        private var n: Int64 = 0
        private var arguments: [VirtualTableArgument] = []

        init(_ table: NumbersTable) {
            self.table = table
            table.open += 1
        }

        deinit { table.open -= 1 }

        func filter(_ arguments: [VirtualTableArgument], scan _: Int) throws {
            table.filters.append(arguments)
            self.arguments = arguments
            n = -1
            try next()
        }

        var isAtEnd: Bool { n >= table.count }

        func next() throws {
            repeat { n += 1 } while n < table.count && !arguments.allSatisfy(holds)
            table.rows += 1
            if table.isBroken && n == 3 { throw Broken() }
        }

        private func holds(_ argument: VirtualTableArgument) -> Bool {
            switch (argument.operation, argument.values.first) {
            case (.equal, _), (.oneOf, _): argument.values.contains(.integer(n))
            case (.less, .integer(let value)?): n < value
            case (.lessOrEqual, .integer(let value)?): n <= value
            case (.greater, .integer(let value)?): n > value
            case (.greaterOrEqual, .integer(let value)?): n >= value
            default: true
            }
        }

        func put(column: Int, into result: SQLResult) {
            switch column {
            case 0: result.integer(n)
            case 1: result.text("number \(n)")
            default:
                table.squares += 1
                result.integer(n * n)
            }
        }
    }
}

@Suite("Virtual tables")
struct VirtualTableTests {
    let table = NumbersTable(count: 10)

    private func connection(milliseconds: Int64 = 10_000) throws -> VirtualTableConnection {
        try VirtualTableConnection(
            tables: [table],
            functions: [
                SQLFunction("twice", argumentCount: 1) { arguments, result in
                    guard case .integer(let value) = arguments[0] else { throw NumbersTable.Broken() }
                    result.integer(value * 2)
                }
            ],
            aggregates: [PercentileAggregate.self],
            milliseconds: milliseconds
        )
    }

    private func rows(_ sql: String, milliseconds: Int64 = 10_000) throws -> [[SQLValue]] {
        let connection = try connection(milliseconds: milliseconds)
        let statement = try connection.prepare(sql)
        var rows: [[SQLValue]] = []
        while try statement.step() { rows.append(statement.columns.indices.map { statement.value($0) }) }
        return rows
    }

    private func integers(_ sql: String) throws -> [Int64] {
        try rows(sql).compactMap { if case .integer(let value) = $0[0] { value } else { nil } }
    }

    /// What a statement that fails is told.
    private func refusal(_ sql: String) -> String {
        do {
            _ = try rows(sql)
            return "allowed"
        } catch {
            return "\(error)"
        }
    }

    @Test("rows come from the table, and * leaves hidden columns out")
    func rowsOfTable() throws {
        #expect(
            try rows("SELECT * FROM numbers LIMIT 2") == [
                [.integer(0), .text(Array("number 0".utf8))], [.integer(1), .text(Array("number 1".utf8))],
            ]
        )
        #expect(table.squares == 0)
        #expect(table.open == 0)
        #expect(try integers("SELECT square FROM numbers WHERE n > 7") == [64, 81])
        #expect(table.squares == 2)
    }

    @Test("a condition on a column reaches the table, and IN with all its values at once")
    func pushdown() throws {
        _ = try rows("SELECT * FROM numbers WHERE n >= 3 AND n < 5 AND name LIKE 'n%'")
        #expect(
            table.filters.last == [
                VirtualTableArgument(column: 0, operation: .greaterOrEqual, values: [.integer(3)]),
                VirtualTableArgument(column: 0, operation: .less, values: [.integer(5)]),
            ]
        )
        #expect(try integers("SELECT n FROM numbers WHERE n IN (7, 2, 4)").sorted() == [2, 4, 7])
        #expect(table.filters.last?.first?.operation == .oneOf)
        #expect(table.filters.count == 2)
    }

    @Test("an OR of conditions gives each row once")
    func alternatives() throws {
        #expect(
            try integers("SELECT n FROM numbers WHERE n < 4 OR n = 2 OR n > 8").sorted() == [0, 1, 2, 3, 9]
        )
        #expect(
            try integers("SELECT a.n FROM numbers a JOIN numbers b ON a.n = b.n * 2 ORDER BY a.n")
                == [0, 2, 4, 6, 8]
        )
    }

    @Test("an order that the table has is not made again")
    func order() throws {
        let plan = { (sql: String) in
            try self.rows("EXPLAIN QUERY PLAN " + sql).map { "\($0.compactMap(\.string))" }.joined()
        }
        #expect(try plan("SELECT n FROM numbers WHERE n > 2 ORDER BY n").contains("n> ordered"))
        #expect(try !plan("SELECT n FROM numbers ORDER BY n").contains("TEMP B-TREE"))
        #expect(try plan("SELECT n FROM numbers ORDER BY n DESC").contains("TEMP B-TREE"))
        #expect(try integers("SELECT n FROM numbers WHERE n > 7 ORDER BY n DESC") == [9, 8])
    }

    @Test("what a table or a function throws ends the statement, and the table's own error comes out")
    func errors() throws {
        table.isBroken = true
        #expect(throws: NumbersTable.Broken.self) { try rows("SELECT count(*) FROM numbers") }
        #expect(table.open == 0)
        #expect(refusal("SELECT twice('x')").contains("Broken"))
        #expect(try integers("SELECT twice(21)") == [42])
    }

    @Test(
        "nothing but SELECT is allowed",
        arguments: [
            "ATTACH DATABASE '/tmp/expvault-attached.db' AS x", "ATTACH ':memory:' AS x", "DETACH main",
            "PRAGMA query_only = OFF", "PRAGMA journal_mode", "PRAGMA writable_schema = ON",
            "CREATE TABLE t(x)", "CREATE TEMP TABLE t(x)", "CREATE VIRTUAL TABLE t USING numbers",
            "CREATE VIEW v AS SELECT 1", "INSERT INTO numbers(n) VALUES (1)", "UPDATE numbers SET n = 1",
            "DELETE FROM numbers", "DROP TABLE numbers", "SELECT load_extension('/tmp/x.so')", "VACUUM",
            "VACUUM INTO '/tmp/expvault-vacuumed.db'", "BEGIN", "SAVEPOINT s", "ANALYZE",
            "SELECT * FROM pragma_database_list", "SELECT * FROM dbstat", "SELECT fts3_tokenizer('simple')",
            "INSERT INTO sqlite_master VALUES (1,1,1,1,1)",
        ]
    )
    func isReadOnly(sql: String) {
        let words = refusal(sql)
        #expect(
            words.contains("not authorized") || words.contains("no such") || words.contains("not be modified")
                || words.contains("may not") || words == "the statement writes",
            "\(sql): \(words)"
        )
    }

    @Test("one statement, with blanks and comments around it, and no parameters")
    func oneStatement() throws {
        #expect(try integers(" /* a */ SELECT 1 ; -- b\n ; ") == [1])
        #expect(refusal("SELECT 1; SELECT 2") == "there is more than one statement")
        #expect(refusal("SELECT 1; nonsense") == "there is more than one statement")
        #expect(refusal("") == "there is no statement")
        #expect(refusal(" -- nothing") == "there is no statement")
        #expect(refusal("SELECT ?").contains("variable"))
        #expect(refusal("SELECT :a").contains("variable"))
        #expect(refusal("SELEKT 1").contains("syntax error"))
    }

    @Test("a statement without an end gives up at the deadline")
    func deadline() throws {
        let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        let start = ContinuousClock.now
        do {
            _ = try rows(endless, milliseconds: 50)
            Issue.record("it ended")
        } catch VirtualTableError.deadlinePassed {
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test("texts and patterns beyond the limits are refused")
    func limits() {
        #expect(refusal("SELECT zeroblob(100000000)").contains("too big"))
        #expect(refusal("SELECT 'x' LIKE printf('%.*c', 300, '%')").contains("pattern too complex"))
        #expect(refusal("SELECT 1" + String(repeating: "+1", count: 300)).contains("too large"))
        let statement = "SELECT '\(String(repeating: "x", count: 2 << 20))'"
        #expect(refusal(statement).contains("too long"))
    }

    @Test("JSON can be taken apart")
    func json() throws {
        #expect(try integers("SELECT value FROM json_each('[1, 2]')") == [1, 2])
    }

    // MARK: percentile

    private func percentile(_ values: String, _ p: String) throws -> SQLValue? {
        try rows("SELECT percentile(column1, \(p)) FROM (VALUES \(values))").first?[0]
    }

    @Test("a percentile is the value at rank ceil(p / 100 × k), exactly")
    func percentiles() throws {
        let thousand = (1...1000).shuffled().map { "(\($0))" }.joined(separator: ",")
        for (p, expected) in [
            ("0", 1), ("50", 500), ("99.9", 999), ("'99.9'", 999), ("99.91", 1000), ("100", 1000),
            ("0.1", 1), ("0.10001", 2), ("1e-1", 1),
        ] {
            #expect(try percentile(thousand, p) == .integer(Int64(expected)), "p = \(p)")
        }
        #expect(try percentile("(3), (NULL), (1.5), (2)", "50") == .integer(2))
        #expect(try percentile("(3), (1.5), (2)", "1") == .real(1.5))
        #expect(try percentile("(NULL)", "50") == .null)
        #expect(try rows("SELECT percentile(n, 50) FROM numbers WHERE n > 100") == [[.null]])
    }

    @Test("integers and doubles that a double cannot tell apart are ordered exactly")
    func exactOrder() throws {
        // 2⁵³ + 1 lies above the double 2⁵³, to which it would be rounded.
        #expect(
            try percentile("(9007199254740993), (9007199254740992.0), (9007199254740994)", "50")
                == .integer(9_007_199_254_740_993)
        )
        #expect(try percentile("(9223372036854775807), (9223372036854775808.0)", "50") == .integer(.max))
        #expect(try percentile("(-9e999), (9e999), (1)", "50") == .integer(1))
    }

    @Test("a percentile of a window forgets the rows that leave it")
    func window() throws {
        let sql = "SELECT percentile(n, 50) OVER (ORDER BY n ROWS 2 PRECEDING) FROM numbers"
        #expect(try integers(sql) == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
        let long = """
            WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000)
            SELECT percentile(x, 100) OVER (ORDER BY x ROWS 1 PRECEDING) FROM c
            """
        #expect(try integers(long) == (1...5000).map { Int64($0) })
    }

    @Test(
        "a percentile of what is no number, or at what is no percentage, is refused",
        arguments: [
            "percentile('x', 50)", "percentile(1, 101)", "percentile(1, -1)", "percentile(1, 'x')",
            "percentile(1, NULL)", "percentile(1, '5.')", "percentile(1, '')", "percentile(x'00', 50)",
            "percentile(n, n)", "percentile(1, '0.123456789012345678901')",
        ]
    )
    func badPercentiles(call: String) {
        #expect(refusal("SELECT \(call) FROM numbers").hasPrefix("percentile(x, p)"))
    }
}

extension SQLValue {
    /// The text, where it is one.
    var string: String? {
        if case .text(let text) = self { String(decoding: text, as: UTF8.self) } else { nil }
    }
}
