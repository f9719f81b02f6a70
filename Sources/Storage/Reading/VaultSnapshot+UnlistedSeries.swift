import Expvar
import Model

/// A name that was looked for in the stored bodies, since no list of series had it.
package struct UnlistedName: Hashable, Sendable {
    /// The target's name.
    package var target: String
    /// The series' name.
    package var name: String
    /// How many stored bodies have it.
    package var bodies: Int64
    /// How long looking for it took.
    package var elapsed: Duration
}

extension VaultSnapshot {
    /// The numbers that the snapshot gives series which no list has are below this.
    private static let unlistedBase: Int64 = -1

    /// The series of that name where stored bodies of the target have it although no list of series does: a target that
    /// makes up names gets only so many of them a day into the list.
    ///
    /// Names stand in the shapes of documents, so no body is taken apart to find it.
    package func unlistedSeries(named name: String, of target: TargetRecord) throws -> SeriesRecord? {
        let began = ContinuousClock.now
        let bytes = Array(name.utf8)
        let bodies: Int64 = try reading {
            let history = try history(of: target.id)
            var counts: [ShapeID: Int64] = [:]
            for row in history.tail { if let shape = row.shape { counts[shape, default: 0] += 1 } }
            for (id, count) in history.chunks.lazy.flatMap(\.shapes) {
                counts[id, default: 0] += Int64(count)
            }
            return try counts.reduce(0) { sum, entry in
                let isIn = try store.shape(entry.key).series.contains { $0.name.utf8.elementsEqual(bytes) }
                return isIn ? sum + entry.value : sum
            }
        }
        guard bodies > 0 else { return nil }
        let id = SeriesID(VaultSnapshot.unlistedBase - Int64(unlistedNames.count))
        unlistedNames.append(
            UnlistedName(
                target: target.name,
                name: name,
                bodies: bodies,
                elapsed: ContinuousClock.now - began
            )
        )
        return SeriesRecord(id: id, name: name)
    }

    /// The name to which it gave that number.
    func unlistedName(_ id: SeriesID) -> String? {
        let index = Int(clamping: VaultSnapshot.unlistedBase - id.value)
        return unlistedNames.indices.contains(index) ? unlistedNames[index].name : nil
    }
}
