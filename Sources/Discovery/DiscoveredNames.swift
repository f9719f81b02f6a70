import Model

/// Which name a program that was found goes by.
///
/// Its own; `program:port` for a second one. What is recorded already keeps the name that it is recorded by, also where a
/// process comes back with another port. Pure: the same findings in the same order give the same names.
package struct DiscoveredNames: Hashable, Sendable {
    /// A target: its name, and where it is.
    package struct Target: Hashable, Sendable {
        package var name: String
        package var url: String

        /// That target.
        package init(name: String, url: String) {
            self.name = name
            self.url = url
        }
    }

    /// A target that is new, or has another URL now.
    package struct Added: Hashable, Sendable {
        package var target: Target
        /// What was found there.
        package var finding: Finding
    }

    /// What one look changed.
    package struct Change: Hashable, Sendable {
        package var added: [Added] = []
        /// How many were left out, since there are `targetsMax`.
        package var leftOutCount = 0
    }

    /// So many targets are added by themselves at most.
    package static let targetsMax = 100

    private struct Entry: Hashable, Sendable {
        var target: Target
        var program: String
        var place: String
    }

    /// Targets that were named by hand.
    package var named: [Target]
    /// What the database has, with the newest URL of each.
    private let recorded: [Target]
    private var entries: [Entry] = []

    /// Nothing found yet, beside targets that are named by hand, and those that the database has.
    package init(named: [Target], recorded: [Target]) {
        self.named = named
        self.recorded = recorded
    }

    /// The targets that were found so far, in the order in which they were, but for those that are named by hand now.
    package var targets: [Target] {
        let (names, places) = (Set(named.map(\.name)), Set(named.map { DiscoveredNames.place(of: $0.url) }))
        return entries.filter { !names.contains($0.target.name) && !places.contains($0.place) }.map(\.target)
    }

    /// Takes what a look found.
    package mutating func take(_ findings: [Finding]) -> Change {
        var change = Change()
        let places = Set(findings.map { DiscoveredNames.place(of: $0.url) })
        let namedPlaces = Set(named.map { DiscoveredNames.place(of: $0.url) })
        for finding in findings where finding.servesVars {
            let place = DiscoveredNames.place(of: finding.url)
            if namedPlaces.contains(place) || entries.contains(where: { $0.place == place }) { continue }
            if let index = entries.firstIndex(where: {
                $0.program == finding.program && !places.contains($0.place)
            }) {
                entries[index].place = place
                entries[index].target.url = finding.url
                change.added.append(Added(target: entries[index].target, finding: finding))
                continue
            }
            guard entries.count < DiscoveredNames.targetsMax else {
                change.leftOutCount += 1
                continue
            }
            let target = Target(name: name(for: finding, at: place, places), url: finding.url)
            entries.append(Entry(target: target, program: finding.program, place: place))
            change.added.append(Added(target: target, finding: finding))
        }
        return change
    }

    private func name(for finding: Finding, at place: String, _ places: Set<String>) -> String {
        let taken = Set(named.map(\.name) + entries.map(\.target.name))
        if let known = recorded.first(where: {
            DiscoveredNames.place(of: $0.url) == place && !taken.contains($0.name)
        }) {
            return known.name
        }
        // A name of the database's is free where what it was given to is not there now, and was on this host.
        func isFree(_ name: String) -> Bool {
            guard !taken.contains(name) else { return false }
            guard let known = recorded.first(where: { $0.name == name }) else { return true }
            let knownPlace = DiscoveredNames.place(of: known.url)
            return DiscoveredNames.isLocal(knownPlace) && !places.contains(knownPlace)
        }
        let program = DiscoveredNames.valid(finding.program)
        let second = DiscoveredNames.valid("\(finding.program):\(finding.door)")
        var name = isFree(program) ? program : second
        var number = 2
        while !isFree(name) {
            name = "\(second.utf8.count < TargetName.bytesMax - 8 ? second : "program")-\(number)"
            number += 1
        }
        return name
    }

    /// The name with what names may not hold replaced, and cut.
    private static func valid(_ text: String) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isOdd = scalar == "=" || scalar.properties.generalCategory == .control
            let next = isOdd ? "_" : String(scalar)
            guard name.utf8.count + next.utf8.count <= TargetName.bytesMax else { break }
            name += next
        }
        return name.isEmpty ? "program" : name
    }

    // MARK: Places

    private static let loopback = "http://loopback"

    /// A URL in the one spelling by which places are compared: `localhost`, `127.0.0.1` and `[::1]` are the same.
    package static func place(of url: String) -> String {
        let endpoint = Origin(url: url).endpoint ?? url
        for host in ["localhost", "127.0.0.1", "[::1]"] where endpoint.hasPrefix("http://\(host)") {
            let rest = endpoint.dropFirst("http://\(host)".count)
            if rest.first == ":" || rest.first == "/" || rest.isEmpty { return loopback + rest }
        }
        return endpoint
    }

    private static func isLocal(_ place: String) -> Bool {
        place.hasPrefix(loopback) || place.hasPrefix("unix:")
    }
}
