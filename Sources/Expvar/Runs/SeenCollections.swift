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
    /// Where each of these collections is, as long as there are several processes: of one it is plain to see.
    private var places: [Collection: Int] = [:]
    private var isListed = false

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
        note(memory.newest, find(memory.newest))
    }

    private mutating func note(_ newest: [Collection], _ known: Int?) {
        guard let last = newest.last else { return }
        let place: Int
        if let known {
            place = known
            order.use(place)
            // The newer of the two shows more.
            guard last.n > (processes[place].last?.n ?? 0) else { return }
            unlist(place)
            processes[place] = newest
        } else {
            place = order.add()
            if place == processes.count { processes.append(newest) } else { processes[place] = newest }
            if order.count == 2, !isListed {
                isListed = true
                for known in processes.indices where known != place { list(known) }
            }
        }
        list(place)
        while order.count > Self.processesMax, let oldest = order.oldest {
            unlist(oldest)
            processes[oldest] = []
            order.remove(oldest)
        }
    }

    private mutating func list(_ place: Int) {
        guard isListed else { return }
        for collection in processes[place] { places[collection] = place }
    }

    private mutating func unlist(_ place: Int) {
        guard isListed else { return }
        for collection in processes[place] where places[collection] == place { places[collection] = nil }
    }

    /// The process that showed one of these collections, which ascend.
    private func find(_ newest: [Collection]) -> Int? {
        if isListed { return newest.last { places[$0] != nil }.flatMap { places[$0] } }
        return order.newest.flatMap { place in
            newest.contains { processes[place].contains($0) } ? place : nil
        }
    }

    /// The process that showed a collection of the state's ring, and the newest such collection.
    private func find(_ state: ProcessState) -> (place: Int, n: UInt64)? {
        guard isListed else {
            return order.newest.flatMap { place in
                processes[place].last { state.collection($0.n) == $0 }.map { (place, $0.n) }
            }
        }
        return state.firstCollection { collection in places[collection].map { ($0, collection.n) } }
    }
}
