/// What could be recorded on this host: Go programs that listen, each asked for its document.
///
///     /proc/net/{tcp,tcp6,unix} -> sockets -> /proc/PID/fd -> processes -> /proc/PID/exe -> Go? -> GET /debug/vars
///
/// Nothing but loopback and this host's own addresses is ever asked, and nobody but Go programs.
package struct Discovery: Sendable {
    /// More sockets of Go programs are not asked.
    package static let socketsMax = 1000
    /// So many are asked at once.
    private static let atOnce = 16

    /// The Go programs that listen, by name, process and URL.
    package private(set) var findings: [Finding] = []
    /// Ports whose process may not be looked at, ascending.
    package private(set) var hiddenPorts: [Int] = []
    /// How many Unix sockets are hidden like them.
    package private(set) var hiddenSocketCount = 0
    /// How many sockets of Go programs were not asked: there are too many.
    package private(set) var leftOutCount = 0

    /// A socket of a Go program.
    private struct Candidate: Sendable {
        var process: Int32
        var program: String
        var go: GoBuildInfo
        var place: ListeningSocket.Place
    }

    /// Looks around on this host, which takes a few seconds where programs do not answer.
    package static func look() async -> Discovery {
        var discovery = Discovery()
        let candidates = discovery.candidates()
        discovery.leftOutCount = max(0, candidates.count - socketsMax)
        let own = IPAddress.ofThisHost()
        let probe = Probe()
        discovery.findings = await withTaskGroup(of: Finding.self) { group in
            var waiting = candidates.prefix(socketsMax)[...]
            func askNext() {
                guard let candidate = waiting.popFirst() else { return }
                group.addTask { await ask(candidate, own, probe) }
            }
            for _ in 0..<atOnce { askNext() }
            var findings: [Finding] = []
            for await finding in group {
                findings.append(finding)
                askNext()
            }
            return findings
        }
        await probe.close()
        discovery.findings.sort { ($0.program, $0.process, $0.url) < ($1.program, $1.process, $1.url) }
        return discovery
    }

    private static func ask(_ candidate: Candidate, _ own: Set<IPAddress>, _ probe: Probe) async -> Finding {
        let target = ProbeTarget(candidate.place, ownAddresses: own)
        let (url, answer) = await probe.ask(target)
        return Finding(
            process: candidate.process,
            program: candidate.program,
            goVersion: candidate.go.version,
            url: url,
            door: target.door,
            answer: answer
        )
    }

    /// The sockets of Go programs; counts those that may not be looked at.
    private mutating func candidates() -> [Candidate] {
        let tcp = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap {
            ListeningSocket.tcp(ProcFile.contents($0) ?? [])
        }
        let unix = ListeningSocket.unix(ProcFile.contents("/proc/net/unix") ?? [])
        let sockets = tcp + unix
        let owners = SocketOwners(of: Set(sockets.map(\.inode))).processes
        var programs: [Int32: (name: String, go: GoBuildInfo)?] = [:]
        var candidates: [Candidate] = []
        var seen: Set<String> = []
        var ports: Set<Int> = []
        for socket in sockets {
            guard let holders = owners[socket.inode] else {
                // The kernel's own sockets have no process either, and cannot be told from others'.
                switch socket.place {
                case .tcp(_, let port): ports.insert(port)
                case .unix: hiddenSocketCount += 1
                }
                continue
            }
            for process in holders {
                if programs[process] == nil { programs[process] = .some(Discovery.program(of: process)) }
                guard case .some(.some(let program)) = programs[process] else { continue }
                // A program that listens on both families at one port is asked once.
                guard seen.insert("\(process) \(ProbeTarget.door(of: socket.place))").inserted else { break }
                candidates.append(
                    Candidate(
                        process: process,
                        program: program.name,
                        go: program.go,
                        place: Discovery.absolute(socket.place, process)
                    )
                )
                break
            }
        }
        hiddenPorts = ports.sorted()
        return candidates
    }

    /// The name of a process's program and what it says of Go; nil where it is none of Go's.
    private static func program(of process: Int32) -> (name: String, go: GoBuildInfo)? {
        guard let go = GoBuildInfo.read("/proc/\(process)/exe"),
            let path = ProcFile.link("/proc/\(process)/exe")
        else { return nil }
        // So the kernel shows a program that was replaced while it runs: by an update, mostly.
        let deleted = " (deleted)"
        let file = path.hasSuffix(deleted) ? String(path.dropLast(deleted.count)) : path
        return (file.split(separator: "/").last.map(String.init) ?? file, go)
    }

    /// A socket's path is as the process gave it: seen from its working directory.
    private static func absolute(_ place: ListeningSocket.Place, _ process: Int32) -> ListeningSocket.Place {
        guard case .unix(let path) = place, !path.hasPrefix("/"),
            let directory = ProcFile.link("/proc/\(process)/cwd")
        else { return place }
        return .unix(path: directory + "/" + path)
    }
}
