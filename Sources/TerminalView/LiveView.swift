package import Model
import Query

/// The view that `expvault top` shows: what is on it, what a key does, what it needs to know.
///
/// A pure machine: keys, readings and the time go in, pictures and requests come out. Its shell owns the terminal, the
/// clock and the database.
package struct LiveView: Sendable {
    /// What the shell has to do after a key.
    package enum Effect: Hashable, Sendable {
        /// Draw again, and nothing more.
        case draw
        /// Read at once: something else is to be seen.
        case read
        /// Draw everything, whatever the terminal shows.
        case redraw
        /// End.
        case quit
    }

    /// What fills the screen.
    enum Page: Hashable, Sendable {
        case targets
        case target(String)
        case search(of: String?)
        case series(SeriesKey)
        case help
    }

    /// The windows that `+` and `-` choose from, in milliseconds: a minute to a week.
    static let windows: [Int64] = [1, 5, 15, 60, 360, 1440, 10080].map { $0 * 60_000 }

    /// The database's path, for the title.
    let database: String
    /// How far back the view goes, in milliseconds.
    package private(set) var window: Int64
    private(set) var columns = 80
    private(set) var rows = 24
    /// What was opened from what; never empty.
    private(set) var pages: [Page] = [.targets]
    var list = TargetList()
    var search = SeriesSearch()
    /// How far a page without a list is scrolled.
    var scroll = ListPosition()
    private(set) var targets: [TargetReading] = []
    private(set) var series: [SeriesKey: SeriesReading] = [:]
    /// Why the last reading failed.
    private(set) var problem: String?
    /// Whether anything was read so far.
    private(set) var isReady = false

    /// A view of the database at `database` that goes back `window` milliseconds.
    package init(database: String, window: Int64) {
        self.database = database
        self.window = max(1, window)
    }

    /// What fills the screen now.
    var page: Page { pages[pages.count - 1] }

    /// The screen has another size.
    package mutating func resize(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    /// What has to be read for what is to be seen.
    package func request(now: Timestamp) -> LiveRequest {
        let subject: LiveRequest.Subject =
            switch pages.last(where: { $0 != .help }) ?? .targets {
            case .target(let name): .target(name)
            case .search(let target): .series(seenSeries, of: target)
            case .series(let key): .series([key], of: key.target)
            case .targets, .help: .targets(first: seenTargets(now).map(\.target.target))
            }
        return LiveRequest(subject: subject, now: now, window: window)
    }

    /// Takes what was read; an answer to a question that is no longer asked changes nothing wrongly.
    package mutating func take(_ reading: LiveReading) {
        problem = nil
        guard reading.request.window == window else { return }
        var reading = reading
        for index in reading.targets.indices { reading.targets[index].lookedAt = reading.request.now }
        switch reading.request.subject {
        case .targets:
            targets = reading.targets
            isReady = true
        case .target(let name):
            targets.removeAll { $0.target.target == name }
            targets += reading.targets
        case .series(_, let target):
            series = reading.series
            if let names = reading.names, case .search(target) = pages.last(where: Page.isSearch) {
                search.take(names)
            }
        }
    }

    /// A reading failed: `sentence` says why, and the shell will try again.
    package mutating func fail(_ sentence: String) { problem = sentence }

    /// Does what a key asks for.
    package mutating func press(_ key: Key, now: Timestamp) -> Effect {
        if key == .redraw { return .redraw }
        if case .search = page { return pressInSearch(key) }
        switch key {
        case .text("q"): return .quit
        case .escape, .backspace: return back()
        case .left where page != .targets: return back()
        case .text("?"): return page == .help ? back() : open(.help)
        case .text("/"): return openSearch()
        case .text("+"), .text("="): return widen(true)
        case .text("-"): return widen(false)
        default: break
        }
        let key = LiveView.letters[key] ?? key
        guard page == .targets else {
            _ = scroll.scroll(key, count: pageLines(now).count, rows: bodyRows)
            return .draw
        }
        return pressInList(key, now)
    }

    /// Letters that move, as in vi and less.
    private static let letters: [Key: Key] = [
        .text("j"): .down, .text("k"): .up, .text("G"): .end, .text(" "): .pageDown, .text("b"): .pageUp,
    ]

    private mutating func pressInList(_ key: Key, _ now: Timestamp) -> Effect {
        let sorted = list.sorted(targets, now: now)
        if list.position.move(key, count: sorted.count, rows: listRows) {
            list.chosen = sorted.isEmpty ? nil : sorted[list.position.chosen].target.target
            return .draw
        }
        switch key {
        case .enter:
            let chosen = list.chosen ?? sorted.first?.target.target
            return chosen.map { open(.target($0)) } ?? .draw
        case .left, .text("<"): list.sort(byNext: -1, of: TargetColumn.allCases)
        case .right, .text(">"), .tab: list.sort(byNext: 1, of: TargetColumn.allCases)
        case .text("r"): list.reverse()
        case .text(let letter):
            if let column = TargetColumn.allCases.first(where: { $0.letter == letter }) {
                list.sort(by: column)
            }
        default: break
        }
        follow(now)
        return .draw
    }

    private mutating func pressInSearch(_ key: Key) -> Effect {
        switch key {
        case .escape: return back()
        case .enter: return search.chosen.map { open(.series($0)) } ?? .draw
        case .text(let scalar): search.type(scalar)
        case .backspace: search.erase()
        case .erase: search.eraseAll()
        default:
            guard search.position.move(key, count: search.matches.count, rows: listRows) else { return .draw }
        }
        return .read
    }

    private mutating func open(_ page: Page) -> Effect {
        pages.append(page)
        scroll = ListPosition()
        return page == .help ? .draw : .read
    }

    private mutating func openSearch() -> Effect {
        // From one series the search goes on where it was left.
        if case .series = page, pages.contains(where: Page.isSearch) { return back() }
        let target: String? =
            switch page {
            case .target(let name): name
            case .series(let key): key.target
            default: nil
            }
        if page == .help { pages.removeLast() }
        search = SeriesSearch()
        return open(.search(of: target))
    }

    private mutating func back() -> Effect {
        guard pages.count > 1 else { return .draw }
        pages.removeLast()
        scroll = ListPosition()
        return .read
    }

    private mutating func widen(_ isWider: Bool) -> Effect {
        let next = isWider ? LiveView.windows.first { $0 > window } : LiveView.windows.last { $0 < window }
        guard let next else { return .draw }
        window = next
        series = [:]
        return .read
    }

    /// Lets the chosen line follow its target to where it is sorted now.
    mutating func follow(_ now: Timestamp) {
        let sorted = list.sorted(targets, now: now)
        let line = sorted.firstIndex { $0.target.target == list.chosen } ?? list.position.chosen
        list.position.choose(line, count: sorted.count, rows: listRows)
        list.chosen = sorted.isEmpty ? nil : sorted[list.position.chosen].target.target
    }
}

extension LiveView.Page {
    fileprivate static func isSearch(_ page: LiveView.Page) -> Bool {
        if case .search = page { true } else { false }
    }
}
