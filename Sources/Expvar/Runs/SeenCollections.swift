import Model

/// The newest collections that the processes of a target showed, whatever runs their scrapes were given to.
///
/// Where processes take turns and cannot be told apart, runs mix them; but one collection is one, and is counted once.
/// See docs/semantics.md, "Garbage collections".
struct SeenCollections: Sendable {
    /// Of that many processes the newest collections are kept; one whose ring turned over between two scrapes counts again.
    static let processesMax = 1000

    private var order = RecencyOrder()
    /// By place in `order`: the newest collections of a process, ascending.
    private var processes: [[Collection]] = []
    private var places: [Collection: Int] = [:]

    /// The number of the newest collection in the state's ring that was shown before; nil where none was.
    func newest(in state: ProcessState) -> UInt64? {
        guard let (place, n) = find(state), let newest = state.collectionCount else { return nil }
        // A scrape may be answered with what was cached: then all of it was shown.
        return (processes[place].last?.n ?? n) > newest ? newest : n
    }

    /// Notes what a scrape with that state showed.
    mutating func note(_ state: ProcessState) {
        note(state.newestCollections(RunMemory.collectionsMax), find(state)?.place)
    }

    /// Notes what is remembered of a run.
    mutating func note(_ memory: RunMemory) {
        note(memory.newest, memory.newest.last { places[$0] != nil }.flatMap { places[$0] })
    }

    private mutating func note(_ newest: [Collection], _ known: Int?) {
        guard let last = newest.last else { return }
        let place: Int
        if let known {
            place = known
            order.use(place)
            // The newer of the two shows more.
            guard last.n > (processes[place].last?.n ?? 0) else { return }
            for collection in processes[place] where places[collection] == place { places[collection] = nil }
            processes[place] = newest
        } else {
            place = order.add()
            if place == processes.count { processes.append(newest) } else { processes[place] = newest }
        }
        for collection in newest { places[collection] = place }
        while order.count > Self.processesMax, let oldest = order.oldest {
            for collection in processes[oldest] where places[collection] == oldest {
                places[collection] = nil
            }
            processes[oldest] = []
            order.remove(oldest)
        }
    }

    /// The process that showed a collection of the state's ring, and the newest such collection.
    private func find(_ state: ProcessState) -> (place: Int, n: UInt64)? {
        guard !places.isEmpty else { return nil }
        return state.firstCollection { collection in places[collection].map { ($0, collection.n) } }
    }
}
