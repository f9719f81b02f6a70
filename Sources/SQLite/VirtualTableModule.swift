import CSQLite

/// What SQLite is given for a virtual table: C functions, and this object behind them.
///
/// SQLite keeps the object until the connection is closed; each cursor is kept until SQLite closes it.
final class VirtualTableModule {
    let table: any VirtualTable
    /// Outlives the module, since SQLite lets go of the module when the connection is closed.
    private unowned let connection: VirtualTableConnection
    private let functions: UnsafeMutablePointer<sqlite3_module>
    /// The plans that were handed out; `idxNum` is an index in it, since SQLite carries along but a number.
    private var plans: [Plan] = []

    private struct Plan: Hashable {
        var arguments: [Argument]
        var isOrdered: Bool
        var scan: Int

        struct Argument: Hashable {
            var column: Int
            var operation: VirtualTableOperation
        }
    }

    /// A cursor as SQLite holds it.
    private final class OpenCursor {
        let module: VirtualTableModule
        let cursor: any VirtualTableCursor

        init(_ module: VirtualTableModule) {
            self.module = module
            cursor = module.table.makeCursor()
        }
    }

    init(_ table: any VirtualTable, connection: VirtualTableConnection) {
        self.table = table
        self.connection = connection
        functions = .allocate(capacity: 1)
        functions.initialize(to: VirtualTableModule.functions)
    }

    deinit { functions.deallocate() }

    /// Makes the table known; on failure too, the object is let go by SQLite.
    func register(on database: OpaquePointer) throws(SQLiteError) {
        let owner = Unmanaged.passRetained(self).toOpaque()
        let code = sqlite3_create_module_v2(database, table.name, functions, owner) { owner in
            owner.map { Unmanaged<VirtualTableModule>.fromOpaque($0).release() }
        }
        guard code == SQLITE_OK else { throw SQLiteError(database: database, code: code) }
    }

    /// What the columns look like to SQLite.
    ///
    /// See: https://sqlite.org/vtab.html, "WITHOUT ROWID Virtual Tables" and "Hidden columns".
    private var declaration: String {
        let columns = table.columns.map { "\"\($0.name)\" \($0.type)\($0.isHidden ? " HIDDEN" : "")" }
        let key = table.primaryKey.map { "\"\($0)\"" }.joined(separator: ", ")
        return "CREATE TABLE x(\(columns.joined(separator: ", ")), PRIMARY KEY (\(key))) WITHOUT ROWID"
    }

    // MARK: What SQLite calls

    /// Without xCreate, the table is there by its name and needs no statement that makes it.
    private static var functions: sqlite3_module {
        var functions = sqlite3_module()
        functions.iVersion = 1
        functions.xConnect = { database, owner, _, _, table, _ in
            guard let database, let owner, let table else { return SQLITE_MISUSE }
            let module = Unmanaged<VirtualTableModule>.fromOpaque(owner).takeUnretainedValue()
            let code = sqlite3_declare_vtab(database, module.declaration)
            guard code == SQLITE_OK else { return code }
            guard let made = VirtualTableModule.allocate(expvault_sqlite3_vtab.self) else {
                return SQLITE_NOMEM
            }
            made.pointee.owner = owner
            table.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
            return SQLITE_OK
        }
        functions.xDisconnect = { table in
            // SQLite frees the message of a table in use, and takes the last one along here.
            sqlite3_free(table?.pointee.zErrMsg)
            sqlite3_free(table)
            return SQLITE_OK
        }
        functions.xBestIndex = { table, info in
            guard let table, let info else { return SQLITE_MISUSE }
            return VirtualTableModule.guarding(table) { module in try module.choose(info) }
        }
        functions.xOpen = { table, cursor in
            guard let table, let cursor, let module = VirtualTableModule.module(of: table) else {
                return SQLITE_MISUSE
            }
            guard let made = VirtualTableModule.allocate(expvault_sqlite3_vtab_cursor.self) else {
                return SQLITE_NOMEM
            }
            made.pointee.owner = Unmanaged.passRetained(OpenCursor(module)).toOpaque()
            cursor.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
            return SQLITE_OK
        }
        functions.xClose = { cursor in
            if let cursor, let owner = VirtualTableModule.owner(of: cursor) {
                Unmanaged<OpenCursor>.fromOpaque(owner).release()
            }
            sqlite3_free(cursor)
            return SQLITE_OK
        }
        functions.xFilter = { cursor, number, _, count, values in
            guard let cursor, let open = VirtualTableModule.open(cursor), let table = cursor.pointee.pVtab
            else {
                return SQLITE_MISUSE
            }
            return VirtualTableModule.guarding(table) { module in
                let (arguments, scan) = module.arguments(number, count, values)
                try open.cursor.filter(arguments, scan: scan)
            }
        }
        functions.xNext = { cursor in
            guard let cursor, let open = VirtualTableModule.open(cursor), let table = cursor.pointee.pVtab
            else {
                return SQLITE_MISUSE
            }
            do {
                try open.cursor.next()
                return SQLITE_OK
            } catch {
                return open.module.note(error, on: table)
            }
        }
        functions.xEof = { cursor in
            guard let cursor, let open = VirtualTableModule.open(cursor) else { return 1 }
            return open.cursor.isAtEnd ? 1 : 0
        }
        functions.xColumn = { cursor, context, column in
            guard let cursor, let open = VirtualTableModule.open(cursor), let table = cursor.pointee.pVtab
            else {
                return SQLITE_MISUSE
            }
            do {
                try open.cursor.put(column: Int(column), into: SQLResult(context: context))
                return SQLITE_OK
            } catch {
                return open.module.note(error, on: table)
            }
        }
        return functions
    }

    private static func allocate<Layout>(_: Layout.Type) -> UnsafeMutablePointer<Layout>? {
        let size = MemoryLayout<Layout>.size
        guard let bytes = sqlite3_malloc64(UInt64(size)) else { return nil }
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        return bytes.assumingMemoryBound(to: Layout.self)
    }

    private static func module(of table: UnsafeMutablePointer<sqlite3_vtab>) -> VirtualTableModule? {
        // What `xConnect` made is the larger structure, whose first member SQLite passes around.
        let whole = UnsafeMutableRawPointer(table).assumingMemoryBound(to: expvault_sqlite3_vtab.self)
        return whole.pointee.owner.map { Unmanaged.fromOpaque($0).takeUnretainedValue() }
    }

    private static func owner(
        of cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>
    ) -> UnsafeMutableRawPointer? {
        UnsafeMutableRawPointer(cursor).assumingMemoryBound(to: expvault_sqlite3_vtab_cursor.self).pointee
            .owner
    }

    private static func open(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>) -> OpenCursor? {
        owner(of: cursor).map { Unmanaged<OpenCursor>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func guarding(
        _ table: UnsafeMutablePointer<sqlite3_vtab>,
        _ body: (VirtualTableModule) throws -> Void
    ) -> Int32 {
        guard let module = module(of: table) else { return SQLITE_MISUSE }
        do {
            try body(module)
            return SQLITE_OK
        } catch {
            return module.note(error, on: table)
        }
    }

    /// Keeps the error for the caller of the statement, and tells SQLite that there was one.
    private func note(_ error: any Error, on table: UnsafeMutablePointer<sqlite3_vtab>) -> Int32 {
        connection.note(error)
        let message = "\(error)"
        sqlite3_free(table.pointee.zErrMsg)
        let copy = sqlite3_malloc64(UInt64(message.utf8.count) + 1)?.assumingMemoryBound(to: CChar.self)
        if let copy {
            for (index, byte) in message.utf8.enumerated() { copy[index] = CChar(bitPattern: byte) }
            copy[message.utf8.count] = 0
        }
        table.pointee.zErrMsg = copy
        return SQLITE_ERROR
    }

    // MARK: Plans

    /// Asks the table what it can take over, and tells SQLite; https://sqlite.org/vtab.html#xbestindex.
    private func choose(_ info: UnsafeMutablePointer<sqlite3_index_info>) throws {
        var question = VirtualTableQuestion(constraints: [], order: VirtualTableModule.order(info))
        var places: [Int32] = []
        for place in 0..<info.pointee.nConstraint {
            guard let constraint = VirtualTableModule.constraint(info, place) else { continue }
            question.constraints.append(constraint)
            places.append(place)
        }
        let plan = try table.plan(for: question)
        var stored = Plan(arguments: [], isOrdered: plan.isOrdered, scan: plan.scan)
        for (position, index) in plan.used.enumerated() {
            let constraint = question.constraints[index]
            let usage = info.pointee.aConstraintUsage + Int(places[index])
            usage.pointee.argvIndex = Int32(position + 1)
            usage.pointee.omit = plan.exact.contains(index) ? 1 : 0
            if constraint.operation == .oneOf { sqlite3_vtab_in(info, places[index], 1) }
            stored.arguments.append(
                Plan.Argument(column: constraint.column, operation: constraint.operation)
            )
        }
        info.pointee.estimatedCost = plan.cost
        info.pointee.estimatedRows = Int64(max(1, min(plan.rows, 1e15)))
        info.pointee.orderByConsumed = plan.isOrdered && info.pointee.nOrderBy > 0 ? 1 : 0
        if let known = plans.firstIndex(of: stored) {
            info.pointee.idxNum = Int32(known)
        } else {
            info.pointee.idxNum = Int32(plans.count)
            plans.append(stored)
        }
        describe(stored, to: info)
    }

    private static func constraint(
        _ info: UnsafeMutablePointer<sqlite3_index_info>,
        _ place: Int32
    ) -> VirtualTableConstraint? {
        let constraint = info.pointee.aConstraint[Int(place)]
        guard constraint.usable != 0, constraint.iColumn >= 0 else { return nil }
        var operation: VirtualTableOperation
        switch Int32(constraint.op) {
        case SQLITE_INDEX_CONSTRAINT_EQ: operation = .equal
        case SQLITE_INDEX_CONSTRAINT_LT: operation = .less
        case SQLITE_INDEX_CONSTRAINT_LE: operation = .lessOrEqual
        case SQLITE_INDEX_CONSTRAINT_GT: operation = .greater
        case SQLITE_INDEX_CONSTRAINT_GE: operation = .greaterOrEqual
        case SQLITE_INDEX_CONSTRAINT_LIKE: operation = .like
        case SQLITE_INDEX_CONSTRAINT_GLOB: operation = .glob
        default: return nil
        }
        if operation == .equal && sqlite3_vtab_in(info, place, -1) != 0 { operation = .oneOf }
        var literal: OpaquePointer?
        let hasLiteral = sqlite3_vtab_rhs_value(info, place, &literal) == SQLITE_OK
        let collation = sqlite3_vtab_collation(info, place).map { String(cString: $0) }
        return VirtualTableConstraint(
            column: Int(constraint.iColumn),
            operation: operation,
            isBinary: collation.map { $0.uppercased() == "BINARY" } ?? true,
            literal: hasLiteral && literal != nil ? SQLValue(literal) : nil
        )
    }

    private static func order(_ info: UnsafeMutablePointer<sqlite3_index_info>) -> [Int]? {
        var columns: [Int] = []
        for index in 0..<Int(info.pointee.nOrderBy) {
            let term = info.pointee.aOrderBy[index]
            guard term.desc == 0, term.iColumn >= 0 else { return nil }
            columns.append(Int(term.iColumn))
        }
        return columns
    }

    /// What EXPLAIN QUERY PLAN shows: the conditions that were taken over, and whether the order was.
    private func describe(_ plan: Plan, to info: UnsafeMutablePointer<sqlite3_index_info>) {
        var words = plan.arguments.map { table.columns[$0.column].name + $0.operation.rawValue }
        if plan.isOrdered && info.pointee.nOrderBy > 0 { words.append("ordered") }
        let text = words.joined(separator: " ")
        guard let copy = sqlite3_malloc64(UInt64(text.utf8.count) + 1) else { return }
        let characters = copy.assumingMemoryBound(to: CChar.self)
        for (index, byte) in text.utf8.enumerated() { characters[index] = CChar(bitPattern: byte) }
        characters[text.utf8.count] = 0
        info.pointee.idxStr = characters
        info.pointee.needToFreeIdxStr = 1
    }

    private func arguments(
        _ number: Int32,
        _ count: Int32,
        _ values: UnsafeMutablePointer<OpaquePointer?>?
    ) -> ([VirtualTableArgument], scan: Int) {
        precondition(plans.indices.contains(Int(number)), "BUG: SQLite runs a plan that was never made")
        let plan = plans[Int(number)]
        precondition(plan.arguments.count == Int(count), "BUG: a plan got other arguments than it asked for")
        let arguments = plan.arguments.enumerated().map { position, argument in
            let value = values?[position]
            let list = argument.operation == .oneOf ? VirtualTableModule.list(value) : [SQLValue(value)]
            return VirtualTableArgument(
                column: argument.column,
                operation: argument.operation,
                values: list
            )
        }
        return (arguments, plan.scan)
    }

    private static func list(_ value: OpaquePointer?) -> [SQLValue] {
        var values: [SQLValue] = []
        var element: OpaquePointer?
        var code = sqlite3_vtab_in_first(value, &element)
        while code == SQLITE_OK, let found = element {
            values.append(SQLValue(found))
            code = sqlite3_vtab_in_next(value, &element)
        }
        return values
    }
}
