import CSQLite

/// A function of one row: the same arguments give the same result.
///
/// What it throws ends the statement, with the error's description as the message.
package struct SQLFunction {
    /// Its name in SQL.
    package var name: String
    /// How many arguments it takes.
    package var argumentCount: Int
    /// What it does.
    package var body: ([SQLValue], SQLResult) throws -> Void

    /// A function.
    package init(
        _ name: String,
        argumentCount: Int,
        _ body: @escaping ([SQLValue], SQLResult) throws -> Void
    ) {
        self.name = name
        self.argumentCount = argumentCount
        self.body = body
    }
}

/// A function over the rows of a group, or of a window; one value of the type for each.
package protocol SQLAggregate {
    /// Its name in SQL.
    static var name: String { get }
    /// How many arguments it takes.
    static var argumentCount: Int { get }

    /// Over no rows.
    init()
    /// Takes in a row.
    mutating func add(_ arguments: [SQLValue]) throws
    /// Lets go of the row taken in first; as a window moves on.
    mutating func removeFirst(_ arguments: [SQLValue]) throws
    /// Puts the value over the rows that are in.
    mutating func put(into result: SQLResult) throws
}

/// A `SQLFunction` as SQLite keeps it.
final class RegisteredFunction {
    private let function: SQLFunction

    init(_ function: SQLFunction) { self.function = function }

    private static let flags =
        SQLITE_UTF8 | Int32(bitPattern: UInt32(SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS))

    /// Makes the function known; on failure too, the object is let go by SQLite.
    func register(on database: OpaquePointer) throws(SQLiteError) {
        let code = sqlite3_create_function_v2(
            database,
            function.name,
            Int32(function.argumentCount),
            RegisteredFunction.flags,
            Unmanaged.passRetained(self).toOpaque(),
            { context, count, values in
                guard let owner = sqlite3_user_data(context) else { return }
                let this = Unmanaged<RegisteredFunction>.fromOpaque(owner).takeUnretainedValue()
                let result = SQLResult(context: context)
                do {
                    try this.function.body((0..<Int(count)).map { SQLValue(values?[$0]) }, result)
                } catch {
                    result.failure("\(error)")
                }
            },
            nil,
            nil,
            { owner in owner.map { Unmanaged<RegisteredFunction>.fromOpaque($0).release() } }
        )
        guard code == SQLITE_OK else { throw SQLiteError(database: database, code: code) }
    }
}

/// A `SQLAggregate` as SQLite keeps it.
final class RegisteredAggregate {
    private let make: () -> any SQLAggregate
    private let name: String
    private let argumentCount: Int

    init<Aggregate: SQLAggregate>(_: Aggregate.Type) {
        make = { Aggregate() }
        name = Aggregate.name
        argumentCount = Aggregate.argumentCount
    }

    /// The rows of one group.
    private final class Group {
        var aggregate: any SQLAggregate

        init(_ aggregate: any SQLAggregate) { self.aggregate = aggregate }
    }

    private static let flags =
        SQLITE_UTF8 | Int32(bitPattern: UInt32(SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS))

    /// Makes the function known; on failure too, the object is let go by SQLite.
    func register(on database: OpaquePointer) throws(SQLiteError) {
        let code = sqlite3_create_window_function(
            database,
            name,
            Int32(argumentCount),
            RegisteredAggregate.flags,
            Unmanaged.passRetained(self).toOpaque(),
            { context, count, values in
                RegisteredAggregate.with(context) { group in
                    try group.aggregate.add((0..<Int(count)).map { SQLValue(values?[$0]) })
                }
            },
            { context in
                // The last call for a group, also where the statement ends early.
                let place = RegisteredAggregate.place(context, isMaking: false)
                defer {
                    place?.pointee.map { Unmanaged<Group>.fromOpaque($0).release() }
                    place?.pointee = nil
                }
                RegisteredAggregate.putValue(context)
            },
            { context in RegisteredAggregate.putValue(context) },
            { context, count, values in
                RegisteredAggregate.with(context) { group in
                    try group.aggregate.removeFirst((0..<Int(count)).map { SQLValue(values?[$0]) })
                }
            },
            { owner in owner.map { Unmanaged<RegisteredAggregate>.fromOpaque($0).release() } }
        )
        guard code == SQLITE_OK else { throw SQLiteError(database: database, code: code) }
    }

    /// Where SQLite keeps a group's pointer: zero at first, nil where there was no row.
    private static func place(
        _ context: OpaquePointer?,
        isMaking: Bool
    ) -> UnsafeMutablePointer<UnsafeMutableRawPointer?>? {
        let size = isMaking ? Int32(MemoryLayout<UnsafeMutableRawPointer?>.size) : 0
        return sqlite3_aggregate_context(context, size)?
            .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    }

    private static func with(_ context: OpaquePointer?, _ body: (Group) throws -> Void) {
        guard let place = place(context, isMaking: true) else { return sqlite3_result_error_nomem(context) }
        do {
            guard let group = group(at: place, context) else { return }
            try body(group)
        } catch {
            SQLResult(context: context).failure("\(error)")
        }
    }

    private static func group(
        at place: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
        _ context: OpaquePointer?
    ) -> Group? {
        if let owner = place.pointee { return Unmanaged<Group>.fromOpaque(owner).takeUnretainedValue() }
        guard let data = sqlite3_user_data(context) else { return nil }
        let function = Unmanaged<RegisteredAggregate>.fromOpaque(data).takeUnretainedValue()
        let group = Group(function.make())
        place.pointee = Unmanaged.passRetained(group).toOpaque()
        return group
    }

    private static func putValue(_ context: OpaquePointer?) {
        let result = SQLResult(context: context)
        do {
            if let place = place(context, isMaking: false), let group = group(at: place, context) {
                try group.aggregate.put(into: result)
            } else if let data = sqlite3_user_data(context) {
                var empty = Unmanaged<RegisteredAggregate>.fromOpaque(data).takeUnretainedValue().make()
                try empty.put(into: result)
            }
        } catch {
            result.failure("\(error)")
        }
    }
}
