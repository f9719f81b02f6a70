import HTTPClient

/// Runs `body`, and cancels it when the clock reaches `deadline`.
///
/// - Throws: `DeadlineExceeded`, `CancellationError` where the task was cancelled, or what `body` throws.
func withDeadline<Value: Sendable>(
    _ deadline: Int64,
    clock: HostClock,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await clock.sleep(deadline)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else { throw DeadlineExceeded() }
        return value
    }
}
