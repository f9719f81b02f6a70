/// The search among the names of series: what was typed, and what it finds.
struct SeriesSearch: Hashable, Sendable {
    /// More characters than that are not taken.
    static let charactersMax = 200

    private(set) var query = ""
    private(set) var names = SeriesNames()
    /// Whether the names were read.
    private(set) var isReady = false
    /// Places in `names.keys`.
    private(set) var matches: [Int] = []
    var position = ListPosition()

    /// What was found, in order.
    func key(_ match: Int) -> SeriesKey? {
        matches.indices.contains(match) ? names.keys[matches[match]] : nil
    }

    /// The chosen series.
    var chosen: SeriesKey? { key(position.chosen) }

    /// Adds a character.
    mutating func type(_ scalar: Unicode.Scalar) {
        guard query.unicodeScalars.count < SeriesSearch.charactersMax else { return }
        query.unicodeScalars.append(scalar)
        search()
    }

    /// Takes the last character away.
    mutating func erase() {
        guard !query.isEmpty else { return }
        query.unicodeScalars.removeLast()
        search()
    }

    /// Takes all characters away.
    mutating func eraseAll() {
        query = ""
        search()
    }

    /// Searches among other names; what was chosen stays chosen where it is still found.
    mutating func take(_ new: SeriesNames) {
        guard !isReady || new.keys != names.keys else { return }
        let before = chosen
        names = new
        isReady = true
        matches = names.matches(query)
        let line = before.flatMap { key in matches.firstIndex { names.keys[$0] == key } }
        position.choose(line ?? position.chosen, count: matches.count, rows: 1)
    }

    private mutating func search() {
        matches = names.matches(query)
        position = ListPosition()
    }
}
