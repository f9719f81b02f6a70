import Export
import Model
import Storage
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Hundreds of histories of databases, their copies and captures, a server with every mood, exporters that are killed at any
/// step, ledgers that are lost or old, and a simulated clock.
///
/// `EXPVAULT_SEEDS` sets how many (100 000 for a release, in an optimized build); `EXPVAULT_SEED` runs one of them.
@Suite("What the replay machine guarantees")
struct ReplayMachineTests {
    private static func environment(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    @Test(
        "every document is in the cluster or in quarantine, once or counted as possibly twice, whoever exported it before"
    )
    func everyHistory() {
        let first = ReplayMachineTests.environment("EXPVAULT_SEED") ?? 1
        let isSingle = ReplayMachineTests.environment("EXPVAULT_SEED") != nil
        let count = isSingle ? 1 : ReplayMachineTests.environment("EXPVAULT_SEEDS") ?? 800
        var kills = 0
        var counted = 0
        var twice = 0
        for seed in first..<(first + count) {
            var run = SimulatedRun(seed: seed)
            let complaints = run.run()
            kills += run.kills
            counted += run.possiblyTwice
            twice += run.documentsTwice
            guard complaints.isEmpty else {
                Issue.record("seed \(seed): \(complaints.prefix(5).joined(separator: "; "))")
                return
            }
        }
        // A simulation without faults would prove nothing.
        if !isSingle, count >= 500 {
            #expect(kills > 100)
            #expect(counted > 0)
        }
        print("\(count) histories, \(kills) kills, \(twice) documents twice, \(counted) counted")
    }
}
