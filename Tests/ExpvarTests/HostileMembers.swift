import Expvar

/// What must hold for any bytes as two bodies, of which one is tidied to the shape of the other.
///
/// The tests and the fuzz target FuzzMembers ask the same.
enum HostileMembers {
    /// Stands between the two bodies; no UTF-8 has it.
    static let separator: UInt8 = 0xff

    /// Takes the bytes as two bodies with `separator` between them.
    ///
    /// Whether the second was tidied is returned, for tests that must not test nothing.
    @discardableResult
    static func tidy(_ input: [UInt8]) -> Bool {
        let bodies = input.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
            .map(Array.init)
        guard bodies.count == 2 else { return false }
        return tidy(bodies[1], to: bodies[0])
    }

    /// Tidies a body to the shape of another; says whether it could be.
    static func tidy(_ body: [UInt8], to other: [UInt8]) -> Bool {
        var (first, served, tidy) = (ScannedDocument(), ScannedDocument(), ScannedDocument())
        guard (try? first.scan(other)) != nil, (try? served.scan(body)) != nil,
            let order = MemberOrder(skeleton: first.skeleton),
            let tidied = order.tidied(served, body), (try? tidy.scan(tidied.body)) != nil,
            tidy.skeleton == first.skeleton
        else { return false }
        precondition(tidied.order.count == order.sizes.reduce(0, +), "each member has a place")
        precondition(tidied.body.count == body.count, "nothing is lost, nothing is added")
        let back = order.served(tidied.body, tidy, order: tidied.order)
        precondition(back == body, "a body comes back as it was served")
        return true
    }
}
