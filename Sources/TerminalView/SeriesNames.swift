import Query

/// The names of all series of some targets, to be searched with every key.
package struct SeriesNames: Hashable, Sendable {
    /// More names than that are not searched; 20 targets of the 10 000 series that a target may have.
    package static let countMax = 200_000

    /// All names, ascending by series, then by target.
    package private(set) var keys: [SeriesKey] = []
    /// The same, in small ASCII letters.
    private var folded: [[UInt8]] = []
    /// Whether there are more.
    package private(set) var isCut = false

    /// No names.
    package init() {}

    /// These names.
    package init(_ keys: [SeriesKey]) {
        self.keys = keys.sorted {
            $0.series.utf8.elementsEqual($1.series.utf8)
                ? $0.target < $1.target : $0.series.utf8.lexicographicallyPrecedes($1.series.utf8)
        }
        isCut = keys.count > SeriesNames.countMax
        self.keys = Array(self.keys.prefix(SeriesNames.countMax))
        folded = self.keys.map { SeriesNames.folded($0.series) }
    }

    /// The places in `keys` of the names that hold `query`, whatever the case of ASCII letters; with a `*` in it, of
    /// those that it matches as a glob (cli.md).
    ///
    /// Some 10 ms for 10 000 names.
    package func matches(_ query: String) -> [Int] {
        guard !query.isEmpty else { return Array(keys.indices) }
        let selector = SeriesSelector(query)
        guard selector.isName else { return keys.indices.filter { selector.matches(keys[$0].series) } }
        let wanted = SeriesNames.folded(query)
        return folded.indices.filter { SeriesNames.contains(folded[$0], wanted) }
    }

    private static func folded(_ text: String) -> [UInt8] {
        text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }

    private static func contains(_ text: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard let first = wanted.first, wanted.count <= text.count else { return wanted.isEmpty }
        return text.withUnsafeBufferPointer { text in
            wanted.withUnsafeBufferPointer { wanted in
                for start in 0...(text.count - wanted.count) where text[start] == first {
                    var length = 1
                    while length < wanted.count, text[start + length] == wanted[length] { length += 1 }
                    if length == wanted.count { return true }
                }
                return false
            }
        }
    }
}
