import Model
import SQLite

extension ClockStep {
    /// The steps of a target, ascending by the position after them.
    static func all(of target: TargetID, on store: some RowSource) throws -> [ClockStep] {
        let statement = try store.connection.statement(
            """
            SELECT id, before_epoch, before_t, after_epoch, after_t, milliseconds, checksum FROM clock_steps \
            WHERE target = ?1 ORDER BY after_epoch, after_t
            """
        )
        try statement.bind(1, target.value)
        defer { statement.reset() }
        var steps: [ClockStep] = []
        while try statement.step() {
            let step = ClockStep(
                before: ScrapePosition(
                    epoch: statement.integer(1),
                    time: Timestamp(milliseconds: statement.integer(2))
                ),
                after: ScrapePosition(
                    epoch: statement.integer(3),
                    time: Timestamp(milliseconds: statement.integer(4))
                ),
                milliseconds: statement.integer(5)
            )
            guard step.checksum(id: statement.integer(0), target: target) == statement.integer(6) else {
                throw store.damaged("clock step \(statement.integer(0)) contradicts its checksum")
            }
            steps.append(step)
        }
        return steps
    }

    private func checksum(id: Int64, target: TargetID) -> Int64 {
        RowChecksum.of(
            "clock_steps",
            .integer(id),
            .integer(target.value),
            .integer(before.epoch),
            .integer(before.time.milliseconds),
            .integer(after.epoch),
            .integer(after.time.milliseconds),
            .integer(milliseconds)
        )
    }

    /// Stores a new step.
    func store(target: TargetID, on connection: Connection) throws {
        let id = try RowNumber.next(of: "clock_steps", on: connection)
        try connection.statement(
            """
            INSERT INTO clock_steps(id, target, before_epoch, before_t, after_epoch, after_t, milliseconds, checksum) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """
        )
        .bind(1, id).bind(2, target.value).bind(3, before.epoch).bind(4, before.time.milliseconds)
        .bind(5, after.epoch).bind(6, after.time.milliseconds).bind(7, milliseconds)
        .bind(8, checksum(id: id, target: target))
        .run()
    }
}
