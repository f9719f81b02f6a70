import Expvar
package import Model
import Storage

/// The live bytes of one of the allocator's size classes.
package struct SizeClassAnswer: Hashable, Sendable {
    /// The size of its objects in bytes, as memstats names it.
    package var size: Double
    /// By step: size × (mallocs − frees) of the last scrape in it; nil where there was none.
    package var liveBytes: [Double?]
}

extension QueryEngine {
    /// The live bytes of each size class of a target in the steps of `range`, ascending by size.
    ///
    /// Empty where the target has no `BySize`.
    ///
    /// - Returns: The beginnings of the steps, and the classes.
    /// - Throws: `QueryError.unknownTarget`, `.tooManySteps`.
    package func sizeClasses(
        target: String,
        range: TimeRange = .all,
        step: StepGrid
    ) throws -> (starts: [Timestamp], classes: [SizeClassAnswer]) {
        let prefix = "memstats.BySize."
        guard try names(target: target).contains(where: { $0.name.hasPrefix(prefix) }) else {
            return ([], [])
        }
        let answers = try values([prefix + "*"], targets: [target], range: range, step: step)
        var columns: [String: [String: [ValuesPoint]]] = [:]
        for answer in answers {
            let keys = SeriesNaming.keys(of: answer.series)
            guard keys.count == 4 else { continue }
            columns[keys[2], default: [:]][keys[3]] = answer.points ?? []
        }
        var classes: [SizeClassAnswer] = []
        for (key, fields) in columns {
            guard let mallocs = fields["Mallocs"], let frees = fields["Frees"] else { continue }
            // The key is the size; its own series says the same, where there is one.
            guard let size = fields["Size"]?.lazy.compactMap({ $0.last?.double }).first ?? Double(key) else {
                continue
            }
            let live = zip(mallocs, frees).map { mallocs, frees -> Double? in
                guard let made = mallocs.last?.exactInteger, let freed = frees.last?.exactInteger else {
                    return nil
                }
                return size * Double(made - freed)
            }
            classes.append(SizeClassAnswer(size: size, liveBytes: live))
        }
        return (answers.first?.points?.map(\.start) ?? [], classes.sorted { $0.size < $1.size })
    }
}
