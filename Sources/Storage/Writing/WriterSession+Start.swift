import Model

extension WriterSession {
    /// Reads every row that recording goes by, but for what is in chunks: what is damaged among them is better known at the
    /// start than in the night.
    ///
    /// Some µs a row; a year of ten targets has some ten thousand. The newest scrapes were read by `init`, with their
    /// bodies; chunks are checked when they are read, by a question, a merge or `check`.
    func verifyReferences() throws(StorageError) {
        try StorageError.wrapping(file.path) {
            let meta = try MetaValues(connection: connection, path: file.path)
            let targets = try TargetRow.all(on: store)
            guard targets.count == meta.targetCount else { throw store.damaged("a target cannot be reached") }
            for target in targets {
                guard try loadHistory(of: target.id).failureCount == target.failureCount else {
                    throw store.damaged("target \(target.name) does not tell how many scrapes failed")
                }
                if let origin = try loadHistory(of: target.id).lastOrigin { _ = try store.origin(origin) }
                let counts = [
                    (try RunRow.all(of: target.id, on: store).count, target.runCount, "run"),
                    (
                        try SeriesNameRow.all(of: target.id, on: store).count, target.seriesCount,
                        "series"
                    ),
                    (try ClockStep.all(of: target.id, on: store).count, target.stepCount, "clock step"),
                ]
                for (found, told, what) in counts where Int64(found) != told {
                    throw store.damaged("a \(what) of target \(target.name) cannot be reached")
                }
            }
        }
    }
}
