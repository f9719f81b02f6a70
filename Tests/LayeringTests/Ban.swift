/// A name that is used only in its home, and why.
struct Ban: Sendable {
    var name: String
    /// True where only a call counts: the name with `(` behind it, as a free function.
    var isCall = true
    /// In which modules it is banned.
    var modules: Set<String>
    var reason: String

    /// The identifier in the name: a line that lacks it need not be looked at.
    var word: Substring { name.last == "!" ? name.dropLast() : name[...] }

    /// Whether the line uses the name: not as a part of another, a member, or a declaration.
    func isBroken(by line: String) -> Bool {
        let bytes = Array(line.utf8)
        let name = Array(self.name.utf8)
        let isWordLast = name.last.map(Self.isWord) ?? false
        guard bytes.count >= name.count else { return false }
        for start in 0...(bytes.count - name.count)
        where bytes[start..<(start + name.count)].elementsEqual(name) {
            let before = String(decoding: bytes[..<start], as: UTF8.self)
            let after = bytes.dropFirst(start + name.count).first
            if let previous = before.utf8.last, Self.isWord(previous) { continue }
            if let after, Self.isWord(after), isWordLast { continue }
            if isCall, after != UInt8(ascii: "(") { continue }
            if before.hasSuffix("func ") { continue }
            if before.hasSuffix("."), !["Swift.", "Glibc.", "Musl."].contains(where: before.hasSuffix) {
                continue
            }
            return true
        }
        return false
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte >= 0x80
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension Ban {
    /// What is banned.
    static let all: [Ban] =
        calls(
            ["print", "debugPrint", "dump", "puts", "printf", "perror"],
            outside: front,
            "only expvault prints"
        )
        + calls(["exit", "_exit", "abort", "quick_exit"], outside: front, "only expvault exits")
        + calls(["getenv", "secure_getenv", "setenv"], outside: front, "only expvault reads the environment")
        + names(["environ"], outside: front, "only expvault reads the environment")
        + names(["CommandLine"], outside: front.union(lockHomes), "only expvault reads arguments")
        + calls(
            ["signal", "sigaction", "signalfd"],
            outside: front,
            "only expvault installs signal handlers"
        )
        + calls(
            ["fatalError", "assertionFailure"],
            outside: [],
            "throw, or state the invariant: precondition(x, \"BUG: …\")"
        )
        + calls(["abs"], outside: [], "abs(Int64.min) traps: take the magnitude")
        + names(["try!"], outside: [], "throw instead of trapping")
        + calls(
            ["Date", "gettimeofday"],
            outside: [],
            "times come in as values, from the clock that was passed in"
        )
        + names(
            ["CLOCK_REALTIME"],
            outside: clockHomes,
            "Model, Expvar, Query and the codecs get their times as values"
        )
        + names(
            ["clock_gettime", "ContinuousClock", "SuspendingClock"],
            outside: everywhere.subtracting(Layers.pure),
            "this module has no clock: times come in as values"
        )
        + calls(
            ["fopen", "opendir", "socket", "usleep", "sleep", "nanosleep"],
            outside: everywhere.subtracting(Layers.pure),
            "this module does no I/O and never waits"
        )

    private static let everywhere = Set(Layers.allowed.keys)
    private static let front: Set<String> = ["expvault"]
    /// Storage writes into its lock who holds it: the command's first word.
    private static let lockHomes: Set = ["Storage"]
    /// Storage stamps the files that it makes, and the lock.
    private static let clockHomes: Set = ["Recorder", "Export", "Storage", "expvault"]

    private static func calls(_ banned: [String], outside homes: Set<String>, _ reason: String) -> [Ban] {
        banned.map { Ban(name: $0, modules: everywhere.subtracting(homes), reason: reason) }
    }

    private static func names(_ banned: [String], outside homes: Set<String>, _ reason: String) -> [Ban] {
        banned.map { Ban(name: $0, isCall: false, modules: everywhere.subtracting(homes), reason: reason) }
    }
}
