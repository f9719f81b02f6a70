import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What the recorder tells of itself, in the form of a body of /debug/vars: the built-in target of `--self`.
///
/// Counters count from the start of the process, and its own scrapes are not among them. Stored like any scrape, so the
/// same questions and documents show it.
struct OwnDocument: Sendable {
    /// The target's name; no configured target may have it while the recorder records itself.
    static let targetName = "expvault"

    var summary = RecordingSummary()
    /// Scrapes with so many new collections that memstats' ring nearly overran, or did.
    var ringOverrunsNear: Int64 = 0
    /// Scrapes that wait to be stored.
    var waiting = 0
    var commits = CommitTimes()
    var room: RoomWatch.Reading?

    /// How long commits took, in nanoseconds.
    struct CommitTimes: Sendable {
        var count: Int64 = 0
        var failed: Int64 = 0
        var total: Int64 = 0
        var last: Int64 = 0
        /// The longest since the last document.
        var longest: Int64 = 0

        mutating func note(_ nanoseconds: Int64) {
            count += 1
            total &+= nanoseconds
            last = nanoseconds
            longest = max(longest, nanoseconds)
        }
    }

    /// The body: names and numbers only, nothing that would need an escape.
    func body() -> [UInt8] {
        var fields = [
            "\"cmdline\": [\"expvault\",\"record\"]",
            Self.object(
                "commit",
                [
                    ("count", "\(commits.count)"), ("failed", "\(commits.failed)"),
                    ("last_seconds", Self.seconds(commits.last)),
                    ("longest_seconds", Self.seconds(commits.longest)),
                    ("seconds", Self.seconds(commits.total)),
                ]
            ),
        ]
        if let room {
            fields.append(
                Self.object(
                    "database",
                    [
                        ("bytes", "\(room.databaseBytes)"), ("free_bytes", "\(room.freeBytes)"),
                        ("wal_bytes", "\(room.walBytes)"),
                    ]
                )
            )
        }
        var process = [("cpu_seconds", Self.seconds(Self.cpuNanoseconds())), ("pid", "\(getpid())")]
        if let bytes = Self.residentBytes() { process.append(("resident_bytes", "\(bytes)")) }
        fields.append(Self.object("process", process))
        fields.append(
            Self.object(
                "scrapes",
                [
                    ("done", "\(summary.scrapes)"), ("failed", "\(summary.failures)"),
                    ("late", "\(summary.late)"), ("not_stored", "\(summary.notStored)"),
                    ("ring_overruns_near", "\(ringOverrunsNear)"), ("waiting", "\(waiting)"),
                ]
            )
        )
        return Array("{\n\(fields.joined(separator: ",\n"))\n}\n".utf8)
    }

    private static func object(_ name: String, _ members: [(String, String)]) -> String {
        "\"\(name)\": {" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    /// Seconds with six places.
    private static func seconds(_ nanoseconds: Int64) -> String {
        let micros = max(0, nanoseconds) / 1000
        let digits = String(micros % 1_000_000)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - digits.utf8.count) + digits
    }

    /// User and system time of this process.
    static func cpuNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Resident memory of this process; nil where the system does not tell.
    static func residentBytes() -> Int64? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        // Pages in all, then resident ones; https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html.
        let words = bytes[..<max(0, count)].split(separator: 0x20)
        guard words.count > 1, let pages = Int64(String(decoding: words[1], as: UTF8.self)) else {
            return nil
        }
        return pages &* Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Hands in the recorder's own document at each interval, as long as the configuration wants it.
struct OwnLoop: Sendable {
    let committer: ScrapeCommitter
    let clock: HostClock
    /// While it is not wanted, a reload may change that; looked at so often, in nanoseconds.
    private static let idle: Int64 = 10_000_000_000

    init(committer: ScrapeCommitter, clock: HostClock) {
        self.committer = committer
        self.clock = clock
    }

    /// Runs until cancelled.
    func run() async {
        var interval: Int64?
        var schedule: ScrapeSchedule?
        do {
            while true {
                let now = clock.monotonicNanoseconds()
                let wanted = await committer.ownIntervalMilliseconds
                if wanted != interval {
                    interval = wanted
                    schedule = wanted.map {
                        ScrapeSchedule(name: OwnDocument.targetName, interval: $0 &* 1_000_000, start: now)
                    }
                }
                guard let tick = schedule?.next(now: now) else {
                    try await clock.sleep(now &+ Self.idle)
                    continue
                }
                try await clock.sleep(tick.at)
                await committer.submitOwn()
            }
        } catch {
            // Cancelled: the service ends.
            return
        }
    }
}
