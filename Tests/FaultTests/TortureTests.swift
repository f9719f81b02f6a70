import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// `scripts/torture` with counts that are quick; the script is run by hand, or by `make test-all`, for longer.
///
/// Each prints its seed when something does not hold; EXPVAULT_SEED repeats it. One after the other: they measure
/// time, and each has the machine's disk to itself.
@Suite(.serialized, .enabled(if: Torture.canRun, "needs python3 and a C compiler"))
struct TortureTests {
    @Test("no acknowledged scrape is lost by kill -9, and a restart needs no hand and less than two seconds")
    func kill() async throws { try await Torture.run("kill", quick: 12, slow: 1000) }

    @Test("no acknowledged scrape is lost by power loss; without fsync the same loop does lose")
    func powerLoss() async throws { try await Torture.run("powerloss", quick: 12, slow: 1000) }

    @Test("power loss at any step of what an export writes loses no document and repeats none")
    func exporting() async throws { try await Torture.run("export", quick: 8, slow: 1000) }

    @Test(
        "whoever exports a recording, with whatever ledger, each document is there once, or counted as twice"
    )
    func once() async throws { try await Torture.run("once", quick: 3, slow: 100) }

    @Test(
        "death at any step of creating, recording, importing, sealing, pruning, migrating and putting aside leaves all of a scrape or nothing"
    )
    func steps() async throws {
        try await Torture.run("steps", quick: 1, slow: 1, further: ["--stride", Torture.isSlow ? "1" : "67"])
    }

    @Test(
        "a disk that fails or is full for a while costs nothing that was acknowledged, and all else is counted"
    )
    func errors() async throws { try await Torture.run("errors", quick: 6, slow: 300) }

    @Test(
        "recording goes on within an interval after a full disk has room again",
        .enabled(if: geteuid() == 0, "mounting a small file system needs root")
    )
    func fullDisk() async throws { try await Torture.run("fulldisk", quick: 1, slow: 20) }

    @Test("told to stop at any moment it stores what was scraped, and leaves with 0 within five seconds")
    func termination() async throws { try await Torture.run("sigterm", quick: 5, slow: 300) }

    @Test("a wall clock that is set by days is recorded as a step, and moves neither order nor schedule")
    func clock() async throws { try await Torture.run("clock", quick: 1, slow: 30) }

    @Test("after standing still there is no burst, and the gap is counted")
    func standstill() async throws { try await Torture.run("stop", quick: 1, slow: 10) }

    @Test(
        "a capture that is killed, loses power, finds no room or is told to end is there whole or not at all"
    )
    func capture() async throws { try await Torture.run("capture", quick: 5, slow: 500) }

    @Test(
        "files that are removed, moved, replaced or linked while they are recorded: nothing acknowledged is nowhere"
    )
    func touched() async throws { try await Torture.run("touch", quick: 9, slow: 500) }

    @Test(
        "copies of one moment or another, and files that lost something, are refused or told of, never believed"
    )
    func copies() async throws { try await Torture.run("copies", quick: 3, slow: 200) }

    @Test(
        "a limit of size holds at each look, also on a full disk; without one `compact` is the way out",
        .enabled(if: geteuid() == 0, "mounting a small file system needs root")
    )
    func size() async throws { try await Torture.run("size", quick: 1, slow: 10) }

    @Test("twenty readers, two live views and one that never ends, hold up neither the writer nor each other")
    func readers() async throws { try await Torture.run("readers", quick: 3, slow: 600) }
}

/// Runs `scripts/torture`.
enum Torture {
    /// Whether slow tests are wanted.
    static let isSlow = getenv("EXPVAULT_SLOW_TESTS") != nil

    /// Whether what it needs is there.
    static let canRun = hasProgram("python3") && ["cc", "gcc", "clang"].contains(where: hasProgram)

    private static func hasProgram(_ name: String) -> Bool {
        guard let path = getenv("PATH") else { return false }
        return String(cString: path).split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }

    /// Fails the test where something does not hold; cancels it where it cannot be run here, with the reason.
    static func run(_ name: String, quick: Int, slow: Int, further: [String] = []) async throws {
        var arguments = [name, "--count", "\(isSlow ? slow : quick)", "--binary", Expvault.binary] + further
        if let seed = getenv("EXPVAULT_SEED") { arguments += ["--seed", String(cString: seed)] }
        let outcome = try await ChildProcess.run(
            Repository.root + "/scripts/torture",
            arguments,
            within: isSlow ? .seconds(7200) : .seconds(1200)
        )
        if outcome.status == 77 { try Test.cancel("\(outcome.text)") }
        #expect(outcome.status == 0, "\(outcome.text)\(outcome.error)")
    }
}
