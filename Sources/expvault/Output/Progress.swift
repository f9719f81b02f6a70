import TerminalView

/// A line on a terminal that says how far a long piece of work has come; nothing anywhere else.
struct Progress {
    /// The shortest time between two drawings.
    private static let interval = Duration.milliseconds(100)

    private let isShown = Terminal.isError
    private var lastDrawn: ContinuousClock.Instant?

    /// Draws the line that `text` gives, unless one was drawn just now.
    mutating func update(_ text: () -> String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let lastDrawn, now - lastDrawn < Progress.interval { return }
        lastDrawn = now
        StandardStreams.error("\r\u{1B}[K" + Progress.clipped(text(), to: Terminal.columns(2) - 1))
    }

    /// Takes the line away.
    mutating func finish() {
        guard isShown, lastDrawn != nil else { return }
        StandardStreams.error("\r\u{1B}[K")
        lastDrawn = nil
    }

    /// A bar of `columns` characters for a share from 0 to 1.
    static func bar(_ share: Double, columns: Int = 24) -> String {
        let filled = max(0, min(columns, Int((share * Double(columns)).rounded())))
        return "[" + String(repeating: "█", count: filled) + String(repeating: "·", count: columns - filled)
            + "]"
    }

    private static func clipped(_ text: String, to columns: Int) -> String {
        var text = text
        while TextWidth.columns(of: text) > columns { text.removeLast() }
        return text
    }
}
