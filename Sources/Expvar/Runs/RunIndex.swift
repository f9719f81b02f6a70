import Model

/// The runs that are remembered, found by their newest collection, and in the order in which they were seen last.
///
/// With hundreds of processes behind one URL each scrape asks which of them answered: that is one look into a table for
/// each collection that the process added since it was last met, not a look at each run.
struct RunIndex: Sendable {
    private var order = RecencyOrder()
    /// By place in `order`; what was removed stays until its place is given away again.
    private var runs: [(id: RunID, memory: RunMemory)] = []
    private var places: [RunID: Int] = [:]
    /// The places of the runs whose newest collection that is: nearly always one.
    private var byCollection: [Collection: [Int]] = [:]
    /// Whether that is kept: once there were several runs.
    private var isListed = false

    var count: Int { order.count }

    /// The run that was seen last.
    var latest: (id: RunID, memory: RunMemory)? { order.newest.map { runs[$0] } }

    /// What is remembered of a run; nil where it is not, or no longer.
    func memory(of run: RunID) -> RunMemory? { places[run].map { runs[$0].memory } }

    /// All of them, the one that was seen last comes last.
    var all: [(id: RunID, memory: RunMemory)] {
        var all: [(id: RunID, memory: RunMemory)] = []
        var place = order.newest
        while let here = place {
            all.append(runs[here])
            place = order.before(here)
        }
        return all.reversed()
    }

    /// The first run that is as wanted, the one that was seen last first; `isDone` ends the search.
    func newest(
        where isWanted: (RunMemory) -> Bool,
        until isDone: (RunMemory) -> Bool = { _ in false }
    ) -> RunID? {
        var place = order.newest
        while let here = place, !isDone(runs[here].memory) {
            if isWanted(runs[here].memory) { return runs[here].id }
            place = order.before(here)
        }
        return nil
    }

    /// The run as wanted whose newest collection the scrape's ring holds; of several the one that was seen last.
    func newest(sharing state: ProcessState, where isWanted: (RunMemory) -> Bool) -> RunID? {
        state.firstCollection { collection in
            guard let places = byCollection[collection] else { return nil }
            // A place that was used later comes later.
            return places.last { isWanted(runs[$0].memory) }.map { runs[$0].id }
        }
    }

    /// Remembers a run as the one that was seen last.
    mutating func note(_ run: RunID, _ memory: RunMemory) {
        let place: Int
        if let known = places[run] {
            place = known
            unlist(place)
            runs[place].memory = memory
            order.use(place)
        } else {
            place = order.add()
            if place == runs.count { runs.append((run, memory)) } else { runs[place] = (run, memory) }
            places[run] = place
            if order.count == 2, !isListed {
                isListed = true
                for known in runs.indices where known != place { list(known) }
            }
        }
        list(place)
    }

    /// Forgets the runs that were not seen for longest, while more than `max` are there or the oldest is too old.
    mutating func forget(beyond max: Int, or isTooOld: (RunMemory) -> Bool) {
        // The run that was seen last stays: the next scrape is compared with it.
        while let oldest = order.oldest, order.count > 1, order.count > max || isTooOld(runs[oldest].memory) {
            unlist(oldest)
            places[runs[oldest].id] = nil
            runs[oldest].memory.newest = []
            runs[oldest].memory.commandLine = nil
            order.remove(oldest)
        }
    }

    private mutating func list(_ place: Int) {
        guard isListed, let newest = runs[place].memory.newest.last else { return }
        byCollection[newest, default: []].append(place)
    }

    private mutating func unlist(_ place: Int) {
        guard isListed, let newest = runs[place].memory.newest.last else { return }
        byCollection[newest]?.removeAll { $0 == place }
        if byCollection[newest]?.isEmpty == true { byCollection[newest] = nil }
    }
}
