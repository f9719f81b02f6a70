import Model

/// Numbers and times as the view writes them.
enum LiveText {
    /// Where there is nothing to say.
    static let nothing = "–"

    /// A number in its unit, or the sign for none.
    static func number(_ value: Double?, _ unit: Unit?, perSecond: Bool = false) -> String {
        value.map { HumanText.quantity($0, unit: unit, perSecond: perSecond) } ?? nothing
    }

    /// An exact number in its unit, or the sign for none.
    static func number(_ value: Number?, _ unit: Unit?) -> String {
        guard let value else { return nothing }
        return value.exactInteger.map { HumanText.quantity($0, unit: unit) } ?? number(value.double, unit)
    }

    /// How long ago something was, in the largest whole unit: `3s`, `12m`, `5h`.
    static func age(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return nothing }
        let unit: Int64 =
            switch milliseconds {
            case ..<60_000: 1000
            case ..<3_600_000: 60_000
            case ..<86_400_000: 3_600_000
            default: 86_400_000
            }
        // `DurationText` takes the largest unit without a rest: 24 whole hours would be a day.
        return DurationText.format(milliseconds: milliseconds / unit * unit)
    }

    /// A moment to the second, as in a log: `2026-01-02 03:04:05Z`.
    static func time(_ time: Timestamp) -> String {
        let text = time.description
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + "Z"
    }
}
