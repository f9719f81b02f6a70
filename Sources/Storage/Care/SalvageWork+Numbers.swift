import SQLite

/// Going over a table whose pages cannot all be read.
extension SalvageWork {
    /// The numbers that the rows of a table have, and whether none was hidden by damage.
    ///
    /// Damage stops whoever goes over a table, so it is gone over from both ends, and what lies between is halved until
    /// nothing is left of it that can be read.
    mutating func numbers(of table: String, _ column: String) -> (found: [Int64], isWhole: Bool) {
        var found: Set<Int64> = []
        var isWhole = true
        var gaps = [(low: Int64.min, high: Int64.max)]
        var looks = 0
        while let gap = gaps.popLast(), looks < Salvage.looksMax {
            looks += 1
            // Told once; the same damage is met again and again.
            let isTold = !isWhole
            let up = walk(table, column, gap, ascending: true, isTold: isTold)
            found.formUnion(up.found)
            guard !up.isWhole else { continue }
            isWhole = false
            let down = walk(
                table,
                column,
                (up.found.last ?? gap.low, gap.high),
                ascending: false,
                isTold: true
            )
            found.formUnion(down.found)
            guard !down.isWhole else { continue }
            let (low, high) = (up.found.last ?? gap.low, down.found.last ?? gap.high)
            let middle = low / 2 + high / 2 + (low % 2 + high % 2) / 2
            guard middle > low, middle < high else { continue }
            gaps.append((middle - 1, high))
            gaps.append((low, middle))
        }
        return (found.sorted(), isWhole)
    }

    /// The numbers between two others, in that order, up to the end or to damage.
    private mutating func walk(
        _ table: String,
        _ column: String,
        _ gap: (low: Int64, high: Int64),
        ascending: Bool,
        isTold: Bool
    ) -> (found: [Int64], isWhole: Bool) {
        var found: [Int64] = []
        do {
            let statement = try store.connection.ownStatement(
                """
                SELECT \(column) FROM \(table) WHERE \(column) > ?1 AND \(column) < ?2 \
                ORDER BY \(column) \(ascending ? "ASC" : "DESC")
                """
            )
            try statement.bind(1, gap.low).bind(2, gap.high)
            while try statement.step() { found.append(statement.integer(0)) }
            return (found, true)
        } catch {
            if !isTold {
                note("the table \(table) cannot be read from end to end: \(SalvageWork.words(error))")
            }
            return (found, false)
        }
    }

    static func words(_ error: any Error) -> String {
        switch error {
        case StorageError.damaged(_, let detail): detail
        case let error as SQLiteError: error.message
        default: "\(error)"
        }
    }
}
