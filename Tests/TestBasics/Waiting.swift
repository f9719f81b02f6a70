/// Waiting for what a test asserts, however long a busy machine takes over it.
///
/// A wait ends when what it waits for is so; its limit only ends a test that would hang. So no test's outcome is decided
/// by how fast the machine is, and no other file of Tests sleeps.
package enum Waiting {
    /// What no machine takes for anything that a test waits for: it stands for "never".
    package static let limit = Duration.seconds(300)

    /// Asks every few milliseconds until `isSo` answers true; false where it did not within the limit.
    package static func until(
        within limit: Duration = limit,
        _ isSo: () async throws -> Bool
    ) async rethrows -> Bool {
        let deadline = ContinuousClock.now + limit
        while true {
            if try await isSo() { return true }
            guard ContinuousClock.now < deadline else { return false }
            await pause(milliseconds: 5)
        }
    }

    /// Lets time pass, where time itself is what a test is about: a real commit's length, a moment to kill at.
    package static func pause(milliseconds: Int) async {
        // A task that is cancelled has no time to pass.
        try? await Task.sleep(for: .milliseconds(milliseconds))
    }
}
