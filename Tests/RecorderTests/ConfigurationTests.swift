import Model
import TestBasics
import TestSupport
import Testing

@testable import Recorder

@Suite struct ConfigurationTests {
    private func file(_ text: String) throws(ConfigurationError) -> ConfigurationFile {
        try ConfigurationFile(text: Array(text.utf8), path: "/etc/expvault.yml")
    }

    private func resolve(
        _ text: String? = nil,
        flags: RecorderFlags = RecorderFlags(),
        environment: [String: String] = [:]
    ) throws(ConfigurationError) -> RecorderConfiguration {
        let file: ConfigurationFile? =
            if let text { try file(text) } else { nil }
        return try RecorderConfiguration.resolve(file: file, flags: flags, environment: environment)
    }

    private func message(_ text: String? = nil, flags: RecorderFlags = RecorderFlags()) -> String {
        do {
            _ = try resolve(text, flags: flags)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test("every key of a file is understood")
    func wholeFile() throws {
        let configuration = try resolve(
            """
            # all of it
            database: data/vault.db
            interval: 15s
            timeout: 3s
            retain: 30d
            max_size: 1GiB
            targets:
              - name: api
                url: https://[::1]:8443/vars?x=1
                interval: 500ms
                timeout: 250ms
                username: reader
                password_file: secrets/api
                headers: {X-Team: "blue", X-Empty: "", X-Token: "@secrets/token"}
                ca_file: /ca.pem
                client_cert: c.pem
                client_key: c.key
                insecure: true
                redact_cmdline: true
                labels: {env: prod, zone: "7"}
                service_address: api.internal:8443
              - name: two words
                url: http://two
                bearer_token_file: /run/token
            """
        )
        #expect(configuration.database == "/etc/data/vault.db")
        #expect(configuration.retainMilliseconds == 2_592_000_000)
        #expect(configuration.maxSizeBytes == 1 << 30)
        #expect(configuration.shortestIntervalMilliseconds == 500)
        let api = configuration.targets[0]
        #expect(api.url.text == "https://[::1]:8443/vars?x=1")
        #expect(api.url.description == "https://[::1]:8443/vars?x=…")
        #expect(api.origin.url == "https://[::1]:8443/vars?x=…")
        #expect(api.intervalMilliseconds == 500)
        #expect(api.timeoutMilliseconds == 250)
        #expect(api.credentials == .basic(username: "reader", passwordFile: "/etc/secrets/api"))
        #expect(api.headers.map(\.name) == ["X-Team", "X-Empty", "X-Token"])
        #expect(api.headers.map(\.value) == [.text("blue"), .text(""), .file("/etc/secrets/token")])
        #expect(api.tls.caFile == "/ca.pem")
        #expect(api.tls.clientCertificateFile == "/etc/c.pem")
        #expect(api.tls.isInsecure)
        #expect(api.redactsCommandLine)
        #expect(api.labels == ["env": "prod", "zone": "7"])
        #expect(api.origin.serviceAddress == "api.internal:8443")
        let two = configuration.targets[1]
        #expect(two.url.description == "http://two/debug/vars")
        #expect(two.intervalMilliseconds == 15_000)
        #expect(two.timeoutMilliseconds == 3000)
        #expect(two.credentials == .bearer(tokenFile: "/run/token"))
    }

    @Test("without a word the defaults hold")
    func defaults() throws {
        var flags = RecorderFlags()
        flags.targets = ["api=http://localhost:8080"]
        let configuration = try resolve(flags: flags)
        #expect(configuration.database == "./expvault.db")
        #expect(configuration.retainMilliseconds == nil)
        #expect(configuration.targets[0].intervalMilliseconds == 10_000)
        #expect(configuration.targets[0].timeoutMilliseconds == 5000)
        #expect(configuration.targets[0].url.description == "http://localhost:8080/debug/vars")
    }

    @Test("flags win over the environment, the environment over the file")
    func precedence() throws {
        let text = "database: /file.db\ninterval: 1s\ntargets: [{name: a, url: http://a, interval: 2s}]"
        var flags = RecorderFlags()
        #expect(try resolve(text).database == "/file.db")
        #expect(try resolve(text).targets[0].intervalMilliseconds == 2000)
        let environment = ["EXPVAULT_DB": "/environment.db", "EXPVAULT_INTERVAL": "3s"]
        #expect(try resolve(text, environment: environment).database == "/environment.db")
        #expect(try resolve(text, environment: environment).targets[0].intervalMilliseconds == 3000)
        flags.database = "/flag.db"
        flags.interval = "4s"
        flags.targets = ["b=http://b"]
        let all = try resolve(text, flags: flags, environment: environment)
        #expect(all.database == "/flag.db")
        #expect(all.targets.map(\.intervalMilliseconds) == [4000, 4000])
        #expect(all.targets.map(\.name) == ["a", "b"])
    }

    @Test(
        "an error names the line, the key and what would mend it",
        arguments: [
            (
                "intervall: 5s",
                "/etc/expvault.yml:1: unknown key intervall in the configuration; did you mean interval?"
            ),
            (
                "targets:\n- name: a\n  url: http://a\n  pasword_file: x",
                "/etc/expvault.yml:4: unknown key pasword_file in a target; did you mean password_file?"
            ),
            (
                "xyzzy: 1",
                "/etc/expvault.yml:1: unknown key xyzzy in the configuration; known are database, interval, timeout, "
                    + "retain, max_size, self, keep_query, discover, targets"
            ),
            (
                "targets:\n- {name: a, url: http://a}\n- {name: a, url: http://b}",
                "/etc/expvault.yml:3: a second target is named a; the first is on line 2"
            ),
            ("interval: 5s\ninterval: 6s", "/etc/expvault.yml:2: interval was set before, on line 1"),
            (
                "\ninterval: 5",
                "/etc/expvault.yml:2: interval 5: a duration is a number with ms, s, m, h, d or w, as in 90s, 1.5h or 1h30m, and no longer than 36600d"
            ),
            (
                "interval: 1ms\ntargets: [{name: a, url: http://a}]",
                "/etc/expvault.yml:1: interval must be 10ms to 30d"
            ),
            ("interval:", "/etc/expvault.yml:1: interval has no value"),
            ("interval: [1s]", "/etc/expvault.yml:1: interval must be a single value, not a list"),
            (
                "retain: 0s\ntargets: [{name: a, url: http://a}]",
                "/etc/expvault.yml:1: retain must be longer than nothing"
            ),
            (
                "max_size: 1KB\ntargets: [{name: a, url: http://a}]",
                "/etc/expvault.yml:1: max_size must be at least 2MiB"
            ),
            ("targets:\n- url: http://a", "/etc/expvault.yml:2: the target has no name"),
            ("targets:\n- name: a", "/etc/expvault.yml:2: target a has no url"),
            ("targets: a", "/etc/expvault.yml:1: targets must be a list, each begun with \"- name: …\""),
            ("- a", "/etc/expvault.yml:1: the configuration must be a map of keys and values, not a list"),
            (
                "targets:\n- name: a=b\n  url: http://a",
                "/etc/expvault.yml:2: a name is 1 to 128 bytes, without = and control characters"
            ),
            (
                "targets:\n- name: a\n  url: ftp://a",
                "/etc/expvault.yml:3: target a: the URL must begin with http://, https:// or unix:"
            ),
            (
                "targets:\n- {name: a, url: http://a, username: u}",
                "/etc/expvault.yml:2: username needs password_file beside it"
            ),
            (
                "targets:\n- {name: a, url: http://a, client_cert: x}",
                "/etc/expvault.yml:2: client_cert and client_key belong together"
            ),
            (
                "targets:\n- {name: a, url: http://a, insecure: yes}",
                "/etc/expvault.yml:2: insecure must be true or false"
            ),
            (
                "targets:\n- name: a\n  url: http://a\n  headers:\n    Authorization: x",
                "/etc/expvault.yml:5: the header Authorization may not be set: use username and password_file, or "
                    + "bearer_token_file"
            ),
            (
                "targets:\n- name: a\n  url: http://a\n  headers: {Host: x, host: y}",
                "/etc/expvault.yml:4: the header Host is given once, with a value"
            ),
            (
                "targets:\n- name: a\n  url: http://a\n  headers: {Range: x}",
                "/etc/expvault.yml:4: the header Range may not be set: the recorder sets it itself"
            ),
            (
                "a: &x 1\nb: *x",
                "/etc/expvault.yml:1: anchors and aliases (& and *) are not understood"
            ),
            ("a: !!int 1", "/etc/expvault.yml:1: tags (!) are not understood"),
            (
                "database: a\n---\ndatabase: b",
                "/etc/expvault.yml:2: a second document begins here; one is understood"
            ),
            (
                "",
                "/etc/expvault.yml: nothing to record: give NAME=URL, a --config file with targets, or --discover"
            ),
        ]
    )
    func errors(text: String, expected: String) {
        #expect(message(text) == expected)
    }

    @Test(
        "text that is no YAML is an error with its line",
        arguments: ["a: [", "a: \"x", "\ta: 1", "a: b: c", "a: \u{1}"]
    )
    func noYAML(text: String) {
        #expect(message("# first\n" + text).contains("this is no YAML"))
        #expect(message("# first\n" + text).hasPrefix("/etc/expvault.yml:"))
    }

    @Test("hostile files end in an error and not in a trap")
    func hostileFiles() {
        #expect(message(String(repeating: "[", count: 100_000)).contains("nested over"))
        #expect(message(String(repeating: "- ", count: 10_000)).contains("nested over"))
        #expect(message("a: \(String(repeating: "x", count: 1 << 20))").contains("larger than 1 MiB"))
        #expect(message("a: [" + String(repeating: "1,", count: 200_000) + "]").contains("values"))
        var generator = SeededGenerator(seed: 7)
        let pieces = [
            "targets:", "\n", "  ", "- ", "name: ", "a", "{", "}", "[", "]", "&x", "*x", "\"", "'", "|", ">",
            "\t",
        ]
        for _ in 0..<3000 {
            let text = (0..<12).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            _ = message(text)
        }
        for _ in 0..<3000 {
            let bytes = (0..<24).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            _ = try? ConfigurationFile(text: bytes, path: "x")
        }
    }

    @Test("an error with control characters stays one line")
    func escaped() {
        #expect(message("\"a\\n\\e[31m\\u202e\": 1").contains("a\\u{a}\\u{1b}[31m\\u{202e}"))
        #expect(!message("\"a\\nb\": 1").contains("\n"))
    }

    @Test("flags are checked as the file is")
    func flagErrors() {
        var flags = RecorderFlags()
        flags.targets = ["ftp://nothing"]
        #expect(
            message(flags: flags)
                == "a target is given as NAME=URL or as a URL: the URL must begin with http://, https:// or unix:"
        )
        flags.targets = ["=http://a"]
        #expect(message(flags: flags).contains("a name is 1 to 128 bytes"))
        flags.targets = ["http://a", "a:80"]
        #expect(message(flags: flags) == "a second target is named a:80; the first is on the command line")
        flags.targets = ["a=http://a", "a=http://b"]
        #expect(message(flags: flags) == "a second target is named a; the first is on the command line")
        flags.targets = ["a=http://b"]
        #expect(
            message("targets: [{name: a, url: http://a}]", flags: flags).contains("the first is on line 1")
        )
        flags.insecure = ["b"]
        #expect(message(flags: flags) == "--insecure names b, which is no target")
        flags = RecorderFlags()
        flags.username = "u"
        #expect(message("targets: [{name: a, url: http://a}]", flags: flags).contains("given as NAME=URL"))
        flags = RecorderFlags()
        flags.targets = ["a=http://a"]
        flags.interval = "soon"
        #expect(message(flags: flags).hasPrefix("--interval soon: a duration is"))
        flags.interval = nil
        flags.scrapeCount = 0
        #expect(message(flags: flags) == "--count must be at least 1")
    }

    @Test("a user and password in the URL are taken out of it")
    func userInfo() throws {
        var flags = RecorderFlags()
        flags.targets = ["a=http://me:p%40ss:w@host:1/x"]
        let target = try resolve(flags: flags).targets[0]
        #expect(target.url.description == "http://host:1/x")
        #expect(target.credentials == .basicInline(username: "me", password: "p@ss:w"))
        #expect(target.origin.url == "http://host:1/x")
        flags.targets = ["a=http://me:canary@ho st/"]
        #expect(!message(flags: flags).contains("canary"))
    }

    @Test("the password of --username may come from the environment")
    func environmentPassword() throws {
        var flags = RecorderFlags()
        flags.targets = ["a=http://a"]
        flags.username = "me"
        let target = try resolve(flags: flags, environment: ["EXPVAULT_PASSWORD": "p"]).targets[0]
        #expect(target.credentials == .basicInline(username: "me", password: "p"))
    }

    @Test("credential files must be private, of one line, and there")
    func credentialFiles() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = "\(directory)/secret"
        #expect(throws: ConfigurationError.self) { try CredentialFile.read(path) }
        try TemporaryDirectory.write("s3cret\r\n\n", to: path)
        #expect(try CredentialFile.read(path) == "s3cret")
        for mode: UInt32 in [0o640, 0o604, 0o620, 0o601] {
            try TemporaryDirectory.write("s3cret", to: path, mode: mode)
            #expect(throws: ConfigurationError("may be read by others; `chmod 600` it", file: path)) {
                try CredentialFile.read(path)
            }
        }
        try TemporaryDirectory.write("\n", to: path)
        #expect(throws: ConfigurationError.self) { try CredentialFile.read(path) }
        try TemporaryDirectory.write("two\nlines", to: path)
        #expect(throws: ConfigurationError.self) { try CredentialFile.read(path) }
        #expect(throws: ConfigurationError.self) { try CredentialFile.read(directory) }
    }
}

@Suite struct TargetURLTests {
    @Test(
        "URLs are read",
        arguments: [
            ("http://a", "http://a/debug/vars"), ("http://a/", "http://a/debug/vars"),
            ("http://a/base/", "http://a/base/debug/vars"), ("http://a/base", "http://a/base"),
            ("http://a/base/?x=1/", "http://a/base/debug/vars?x=1/"),
            ("a", "http://a/debug/vars"), ("a:80", "http://a:80/debug/vars"), ("a/x", "http://a/x"),
            ("a:80/x?u=http://b/", "http://a:80/x?u=http://b/"), ("u:p@a:1", "http://a:1/debug/vars"),
            (":6060", "http://localhost:6060/debug/vars"), ("http://:80", "http://localhost:80/debug/vars"),
            (":6060/x/", "http://localhost:6060/x/debug/vars"), ("[::1]:80", "http://[::1]:80/debug/vars"),
            ("unix:/run/a.sock", "unix:/run/a.sock:/debug/vars"),
            ("unix:///run/a.sock", "unix:/run/a.sock:/debug/vars"),
            ("unix:////a.sock", "unix:/a.sock:/debug/vars"), ("http://:80@a", "http://a/debug/vars"),
            ("u@:80", "http://localhost:80/debug/vars"),
            ("UNIX:/run/a.sock:/x?y=1#z", "unix:/run/a.sock:/x?y=1"),
            ("unix:/run/a:b.sock:/", "unix:/run/a:b.sock:/debug/vars"),
            ("HTTP://A:80", "http://a:80/debug/vars"),
            ("https://a?x", "https://a/debug/vars?x"), ("http://a/b?c=d#e", "http://a/b?c=d"),
            ("http://[fe80::1]:1", "http://[fe80::1]:1/debug/vars"), ("http://a:", "http://a/debug/vars"),
            ("http://u@a", "http://a/debug/vars"), ("http://a/x@y", "http://a/x@y"),
        ]
    )
    func reads(text: String, url: String) throws {
        #expect(try TargetURL.parse(text).url.text == url)
        #expect(try TargetURL.parse(url).url.text == url, "what is shown reads back")
    }

    @Test(
        "what is no URL of a target is refused",
        arguments: [
            "", "http:/a", "http://", "6060", ":", ":x", "/debug/vars", "//a/x", "http://a:0",
            "unix:", "unix:a.sock", "unix:/", "unix:/a/", "unix:/a?x",
            "unix:/\(String(repeating: "a", count: 107))", "http://a:65536", "http://a:x",
            "http://a b", "http://a\n", "http://ä", "http://::1/", "http://[::1", "http://[]", "http://[a]",
            "http://[::1]x", "file:///etc/passwd", "http://u:%@a", "http://u:%+f@a", "http://a<b",
        ]
    )
    func refuses(text: String) {
        #expect(throws: TargetURL.Malformed.self) { try TargetURL.parse(text) }
    }

    @Test(
        "without a name a target is called after its place, and what is no name is part of the URL",
        arguments: [
            ("a=http://b", "a", "http://b/debug/vars"), ("http://b", "b:80", "http://b:80/debug/vars"),
            ("b:6060", "b:6060", ""), (":6060", "localhost:6060", ""), ("https://b", "b:443", ""),
            ("[::1]:6060", "[::1]:6060", ""), ("unix:/run/app.sock", "app.sock", ""),
            ("b:80/x?y=z", "b:80", "http://b:80/x?y=z"), ("b?y=z", "b:80", ""),
            ("a=b:80/x?y=z", "a", "http://b:80/x?y=z"), ("a=:6060", "a", "http://localhost:6060/debug/vars"),
        ]
    )
    func names(argument: String, name: String, url: String) throws {
        var flags = RecorderFlags()
        flags.targets = [argument]
        let configuration = try RecorderConfiguration.resolve(file: nil, flags: flags, environment: [:])
        let target = try #require(configuration.targets.first)
        #expect(target.name == name)
        if !url.isEmpty, argument.contains("=") { #expect(target.url.text == url) }
    }
}
