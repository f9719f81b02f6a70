import Testing

@testable import Discovery

@Suite("Names of what was found")
struct DiscoveredNamesTests {
    private typealias Target = DiscoveredNames.Target

    private func finding(_ program: String, _ port: Int, answer: String = Finding.vars) -> Finding {
        Finding(
            process: Int32(port),
            program: program,
            goVersion: "go1.26",
            url: "http://127.0.0.1:\(port)/debug/vars",
            door: String(port),
            answer: answer
        )
    }

    private func names(_ named: [Target] = [], recorded: [Target] = []) -> DiscoveredNames {
        DiscoveredNames(named: named, recorded: recorded)
    }

    @Test("the program's, and program:port for a second one; what does not answer gets none")
    func simple() {
        var names = names()
        let change = names.take([
            finding("api", 1), finding("api", 2), finding("web", 3), finding("x", 4, answer: "HTML"),
        ])
        #expect(change.added.map(\.target.name) == ["api", "api:2", "web"])
        #expect(names.take([finding("api", 1), finding("api", 2), finding("web", 3)]).added.isEmpty)
        #expect(names.targets.count == 3)
    }

    @Test("a process that comes back with another port keeps its name; one that is gone stays")
    func moved() {
        var names = names()
        _ = names.take([finding("api", 1), finding("api", 2)])
        #expect(names.take([]).added.isEmpty)
        #expect(names.targets.map(\.name) == ["api", "api:2"])
        let change = names.take([finding("api", 2), finding("api", 9)])
        #expect(change.added.map(\.target) == [Target(name: "api", url: "http://127.0.0.1:9/debug/vars")])
        #expect(
            names.targets.map(\.url) == ["http://127.0.0.1:9/debug/vars", "http://127.0.0.1:2/debug/vars"]
        )
    }

    @Test("what is named by hand is not added, by whatever name of this host, and its name is not taken")
    func named() {
        var names = names([
            Target(name: "web", url: "http://localhost:1/debug/vars"),
            Target(name: "api", url: "http://far:2/"),
        ])
        let change = names.take([finding("api", 1), finding("api", 2), finding("web", 3)])
        #expect(change.added.map(\.target.name) == ["api:2", "web:3"])
        names.named.append(Target(name: "later", url: "http://[::1]:3/debug/vars"))
        #expect(names.targets.map(\.name) == ["api:2"], "it is recorded as what it is named now")
    }

    @Test("what the database has keeps its name, through a restart of the recorder and another port")
    func recorded() {
        let old = [
            Target(name: "mine", url: "http://127.0.0.1:1/debug/vars"),
            Target(name: "api", url: "http://localhost:2/debug/vars"),
            Target(name: "web", url: "http://elsewhere:3/debug/vars"),
        ]
        var names = names(recorded: old)
        let change = names.take([finding("api", 1), finding("api", 7), finding("web", 8)])
        #expect(change.added.map(\.target.name) == ["mine", "api", "web:8"])
    }

    @Test("a hundred are added at most, and names that no target may have are mended")
    func limits() {
        var names = names()
        let change = names.take((1...120).map { finding("api", $0) })
        #expect(change.added.count == DiscoveredNames.targetsMax && change.leftOutCount == 20)
        var odd = self.names()
        _ = odd.take([
            finding("a=b\n", 1), finding(String(repeating: "ü", count: 100), 2),
            finding(String(repeating: "ü", count: 100), 3),
        ])
        #expect(odd.targets[0].name == "a_b_")
        #expect(Set(odd.targets.map(\.name)).count == 3)
        #expect(odd.targets.allSatisfy { (1...128).contains($0.name.utf8.count) })
    }
}
