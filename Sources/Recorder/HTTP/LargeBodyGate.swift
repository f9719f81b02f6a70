/// Lets one large body at a time into memory.
///
/// Bodies of `/debug/vars` have some kilobytes. A body that grows beyond `freeBytes` waits here until no
/// other large one is being read or stored; meanwhile TCP holds its server back. So ten hostile targets take
/// as much memory as one.
actor LargeBodyGate {
    /// Up to this size, in bytes, a body asks nobody.
    static let freeBytes = 256 * 1024

    private var owner: String?
    private var waiting: [(id: UInt64, name: String, continuation: CheckedContinuation<Void, any Error>)] = []
    private var nextID: UInt64 = 0

    /// Returns when `name` may read on; it then owns the gate until it calls `release`.
    func enter(_ name: String) async throws {
        if owner == nil || owner == name {
            owner = name
            return
        }
        let id = nextID
        nextID += 1
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    waiting.append((id, name, continuation))
                }
            }
        } onCancel: {
            Task { await self.cancel(id) }
        }
    }

    /// Lets go of the gate; nothing where `name` does not own it.
    func release(_ name: String) {
        guard owner == name else { return }
        owner = nil
        guard !waiting.isEmpty else { return }
        let next = waiting.removeFirst()
        owner = next.name
        next.continuation.resume()
    }

    /// Whether `name` owns the gate.
    func isOwned(by name: String) -> Bool {
        owner == name
    }

    /// How many wait to be let in.
    var waitingCount: Int { waiting.count }

    private func cancel(_ id: UInt64) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(throwing: CancellationError())
    }
}
