import Model

/// Merges file, environment and flags, and checks what comes out.
struct ConfigurationResolver {
    let file: ConfigurationFile?
    let flags: RecorderFlags
    let environment: [String: String]

    func resolve() throws(ConfigurationError) -> RecorderConfiguration {
        let retain = try duration("--retain", flags.retain, "EXPVAULT_RETAIN") ?? file?.retain.map(located)
        let maxSize = try size("--max-size", flags.maxSize, "EXPVAULT_MAX_SIZE") ?? file?.maxSize.map(located)
        if let retain { try require(retain, retain.value > 0, "retain must be longer than nothing") }
        if let maxSize {
            let least = RecorderConfiguration.maxSizeBytesMin
            try require(
                maxSize,
                maxSize.value >= least,
                "max_size must be at least \(SizeText.exact(bytes: least))"
            )
        }
        let length = try duration("--for", flags.duration, nil)
        if let length { try require(length, length.value > 0, "--for must be longer than nothing") }
        if let count = flags.scrapeCount, count < 1 { throw ConfigurationError("--count must be at least 1") }
        let targets = try targets()
        let configuration = RecorderConfiguration(
            database: flags.database ?? environment["EXPVAULT_DB"].flatMap { $0.isEmpty ? nil : $0 }
                ?? file?.database?.value ?? RecorderConfiguration.defaultDatabase,
            retainMilliseconds: retain?.value,
            maxSizeBytes: maxSize?.value,
            durationMilliseconds: length?.value,
            scrapeCountMax: flags.scrapeCount,
            ownIntervalMilliseconds: try ownInterval(beside: targets),
            foundTarget: discovers ? try foundTarget() : nil,
            targets: targets
        )
        return configuration
    }

    private var discovers: Bool { flags.discovers || file?.discovers?.value == true }

    /// How targets are recorded that are found: with what is said for all, and none of the credentials of others.
    private func foundTarget() throws(ConfigurationError) -> TargetSettings {
        let interval = try duration("--interval", flags.interval, "EXPVAULT_INTERVAL")
        let timeout = try duration("--timeout", flags.timeout, "EXPVAULT_TIMEOUT")
        var target = Self.placeholder("found")
        try setTimes(
            of: &target,
            interval: interval ?? file?.interval.map(located),
            timeout: timeout ?? file?.timeout.map(located)
        )
        target.redactsCommandLine = flags.redactsCommandLine
        target.keepsQuery = keepsQuery
        return target
    }

    /// A target of which neither name nor URL matter yet.
    private static func placeholder(_ name: String) -> TargetSettings {
        TargetSettings(
            name: name,
            url: TargetURL(scheme: "http", host: "localhost", pathAndQuery: "/"),
            intervalMilliseconds: RecorderConfiguration.defaultIntervalMilliseconds,
            timeoutMilliseconds: RecorderConfiguration.defaultTimeoutMilliseconds
        )
    }

    private var keepsQuery: Bool { flags.keepsQuery || file?.keepsQuery?.value == true }

    /// The interval of the recorder's own document; nil where none is wanted.
    private func ownInterval(beside targets: [TargetSettings]) throws(ConfigurationError) -> Int64? {
        guard flags.recordsItself || file?.recordsItself?.value == true else { return nil }
        let name = OwnDocument.targetName
        if targets.contains(where: { $0.name == name }) {
            throw ConfigurationError(
                "a target is named \(name), and so is what the recorder tells of itself (self); give the target another name"
            )
        }
        var own = Self.placeholder(name)
        // For the check of its bounds alone.
        let interval = try duration("--interval", flags.interval, "EXPVAULT_INTERVAL")
        try setTimes(of: &own, interval: interval ?? file?.interval.map(located), timeout: nil)
        return own.intervalMilliseconds
    }

    /// A value and where it was said, for errors.
    private struct Located<Value> {
        var value: Value
        var line: Int?
        var isInFile = false
    }

    private func targets() throws(ConfigurationError) -> [TargetSettings] {
        let interval = try duration("--interval", flags.interval, "EXPVAULT_INTERVAL")
        let timeout = try duration("--timeout", flags.timeout, "EXPVAULT_TIMEOUT")
        var targets: [TargetSettings] = []
        var lines: [String: Int?] = [:]
        func add(_ target: TargetSettings, line: Int?) throws(ConfigurationError) {
            if let first = lines.updateValue(line, forKey: target.name) {
                let place = first.map { "on line \($0)" } ?? "on the command line"
                throw error("a second target is named \(target.name); the first is \(place)", line)
            }
            targets.append(target)
        }
        for each in file?.targets ?? [] {
            try add(
                try fileTarget(
                    each,
                    interval: interval ?? (each.interval ?? file?.interval).map(located),
                    timeout: timeout ?? (each.timeout ?? file?.timeout).map(located)
                ),
                line: each.line
            )
        }
        for argument in flags.targets {
            let target = try flagTarget(
                argument,
                interval: interval ?? file?.interval.map(located),
                timeout: timeout ?? file?.timeout.map(located)
            )
            try add(target, line: nil)
        }
        guard !targets.isEmpty || discovers else {
            throw ConfigurationError(
                "nothing to record: give NAME=URL, a --config file with targets, or --discover",
                file: file?.path
            )
        }
        guard targets.count <= RecorderConfiguration.targetCountMax else {
            throw error("more than \(RecorderConfiguration.targetCountMax) targets", nil)
        }
        if flags.concernsOwnTargets(discovers: discovers), flags.targets.isEmpty {
            throw ConfigurationError(
                "credentials, headers, labels and TLS flags are for targets given as NAME=URL; "
                    + "those of the file have keys for them"
            )
        }
        if flags.concernsTLS,
            !targets.suffix(flags.targets.count).contains(where: { $0.url.scheme == "https" })
        {
            throw ConfigurationError(
                "--ca-file, --client-cert and --client-key are for https, and no URL given begins with https://"
            )
        }
        for name in flags.insecure {
            guard let index = targets.firstIndex(where: { $0.name == name }) else {
                throw ConfigurationError("--insecure names \(name), which is no target")
            }
            guard targets[index].url.scheme == "https" else {
                throw ConfigurationError(
                    "--insecure is for https, and the url of target \(name) is \(targets[index].url.scheme)"
                )
            }
            targets[index].tls.isInsecure = true
        }
        for index in targets.indices { targets[index].keepsQuery = keepsQuery }
        return targets
    }

    private func fileTarget(
        _ file: ConfigurationFile.FileTarget,
        interval: Located<Int64>?,
        timeout: Located<Int64>?
    ) throws(ConfigurationError) -> TargetSettings {
        guard let name = file.name else { throw error("the target has no name", file.line) }
        guard let url = file.url else { throw error("target \(name.value) has no url", file.line) }
        var (target, userInfo) = try target(
            name: name.value,
            line: name.line,
            url: url.value,
            urlLine: url.line
        )
        try setTimes(of: &target, interval: interval, timeout: timeout)
        target.credentials = try credentials(
            username: file.username.map(located),
            passwordFile: file.passwordFile?.value,
            tokenFile: file.bearerTokenFile?.value,
            userInfo: userInfo,
            line: file.line
        )
        target.headers = try headers(file.headers)
        target.tls.caFile = file.caFile?.value
        target.tls.clientCertificateFile = file.clientCertificate?.value
        target.tls.clientKeyFile = file.clientKey?.value
        target.tls.isInsecure = file.isInsecure?.value ?? false
        try checkTLS(target, line: file.line)
        target.redactsCommandLine = file.redactsCommandLine?.value ?? false
        for label in file.labels {
            guard case .scalar(let text, _) = label.value.value else { continue }
            try setLabel(label.key, to: text, of: &target, line: label.line)
        }
        target.serviceAddress = file.serviceAddress?.value
        return target
    }

    private func flagTarget(
        _ argument: String,
        interval: Located<Int64>?,
        timeout: Located<Int64>?
    ) throws(ConfigurationError) -> TargetSettings {
        let (name, url) = Self.nameAndURL(argument)
        var (target, userInfo) = try target(name: name, line: nil, url: url, urlLine: nil)
        try setTimes(of: &target, interval: interval, timeout: timeout)
        target.credentials = try credentials(
            username: flags.username.map { Located(value: $0) },
            passwordFile: flags.passwordFile,
            tokenFile: flags.bearerTokenFile,
            userInfo: userInfo,
            environmentPassword: environment["EXPVAULT_PASSWORD"],
            line: nil
        )
        for header in flags.headers {
            guard let colon = header.firstIndex(of: ":") else {
                throw ConfigurationError("a header is given as 'NAME: VALUE'")
            }
            let value = header[header.index(after: colon)...].drop { $0 == " " }
            try addHeader(String(header[..<colon]), String(value), to: &target.headers, line: nil)
        }
        // Of several targets some may be reached by http; `targets` sees to it that not all are.
        if target.url.scheme == "https" {
            target.tls.caFile = flags.caFile
            target.tls.clientCertificateFile = flags.clientCertificate
            target.tls.clientKeyFile = flags.clientKey
        }
        try checkTLS(target, line: nil)
        target.redactsCommandLine = flags.redactsCommandLine
        for label in flags.labels {
            guard let equals = label.firstIndex(of: "=") else {
                throw ConfigurationError("a label is given as NAME=VALUE")
            }
            let value = String(label[label.index(after: equals)...])
            try setLabel(String(label[..<equals]), to: value, of: &target, line: nil)
        }
        return target
    }

    /// `NAME=URL`, or a URL alone: what stands before the first `=` is a name only if it has no `/` and no `?`.
    private static func nameAndURL(_ argument: String) -> (name: String?, url: String) {
        guard let equals = argument.firstIndex(of: "="),
            !argument[..<equals].contains(where: { $0 == "/" || $0 == "?" })
        else { return (nil, argument) }
        return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
    }

    /// The target with the defaults; without a name it is called after its URL.
    private func target(
        name: String?,
        line: Int?,
        url: String,
        urlLine: Int?
    ) throws(ConfigurationError) -> (TargetSettings, TargetURL.UserInfo?) {
        let parsed: (url: TargetURL, userInfo: TargetURL.UserInfo?)
        do {
            parsed = try TargetURL.parse(url)
        } catch {
            let subject = name.map { "target \($0)" } ?? "a target is given as NAME=URL or as a URL"
            throw self.error("\(subject): \(error.reason)", urlLine)
        }
        let name = name ?? parsed.url.defaultName
        guard TargetName.isValid(name) else {
            throw error("a name is 1 to \(TargetName.bytesMax) bytes, without = and control characters", line)
        }
        let target = TargetSettings(
            name: name,
            url: parsed.url,
            intervalMilliseconds: RecorderConfiguration.defaultIntervalMilliseconds,
            timeoutMilliseconds: RecorderConfiguration.defaultTimeoutMilliseconds
        )
        return (target, parsed.userInfo)
    }

    private func setTimes(
        of target: inout TargetSettings,
        interval: Located<Int64>?,
        timeout: Located<Int64>?
    ) throws(ConfigurationError) {
        if let interval {
            let least = RecorderConfiguration.intervalMillisecondsMin
            let most = RecorderConfiguration.intervalMillisecondsMax
            let bounds =
                "\(DurationText.format(milliseconds: least)) to \(DurationText.format(milliseconds: most))"
            try require(interval, (least...most).contains(interval.value), "interval must be \(bounds)")
            target.intervalMilliseconds = interval.value
        }
        if let timeout {
            try require(timeout, timeout.value > 0, "timeout must be longer than nothing")
            target.timeoutMilliseconds = timeout.value
        }
    }

    private func credentials(
        username: Located<String>?,
        passwordFile: String?,
        tokenFile: String?,
        userInfo: TargetURL.UserInfo?,
        environmentPassword: String? = nil,
        line: Int?
    ) throws(ConfigurationError) -> Credentials {
        if let tokenFile {
            guard username == nil, passwordFile == nil, userInfo == nil else {
                throw error("a bearer token and a user with password exclude one another", line)
            }
            return .bearer(tokenFile: tokenFile)
        }
        if let username {
            // RFC 7617: a colon would end the user's name.
            guard !username.value.contains(":") else {
                throw error("a username holds no colon", username.line)
            }
            guard userInfo == nil else {
                throw error("a user stands in the URL and in username; leave one", line)
            }
            if let passwordFile { return .basic(username: username.value, passwordFile: passwordFile) }
            if let environmentPassword {
                return .basicInline(username: username.value, password: environmentPassword)
            }
            throw error("username needs password_file beside it", line)
        }
        guard passwordFile == nil else { throw error("password_file needs username beside it", line) }
        guard let userInfo else { return .none }
        guard !userInfo.username.contains(":") else { throw error("a username holds no colon", line) }
        return .basicInline(username: userInfo.username, password: userInfo.password)
    }

    private func headers(_ members: [YAMLMember]) throws(ConfigurationError) -> [HeaderField] {
        var headers: [HeaderField] = []
        for member in members {
            guard case .scalar(let text, _) = member.value.value else { continue }
            try addHeader(member.key, text, to: &headers, line: member.line)
        }
        return headers
    }

    private func addHeader(
        _ name: String,
        _ value: String,
        to headers: inout [HeaderField],
        line: Int?
    ) throws(ConfigurationError) {
        // RFC 9110, 5.6.2: a token.
        let others = Set("!#$%&'*+-.^_`|~".utf8)
        let isToken = name.utf8.allSatisfy { byte in
            others.contains(byte) || (byte < 0x80 && Character(Unicode.Scalar(byte)).isLetter)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard isToken, !name.isEmpty else { throw error("\(name) is no name of a header", line) }
        guard !HeaderField.reserved.contains(name.lowercased()) else {
            let hint =
                name.lowercased() == "authorization"
                ? "use username and password_file, or bearer_token_file" : "the recorder sets it itself"
            throw error("the header \(name) may not be set: \(hint)", line)
        }
        guard value.utf8.count <= RecorderConfiguration.fieldBytesMax,
            value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { throw error("the value of header \(name) is too long or holds a control character", line) }
        guard headers.count < RecorderConfiguration.fieldCountMax else {
            throw error("more than \(RecorderConfiguration.fieldCountMax) headers", line)
        }
        if name.lowercased() == "host" {
            guard !value.isEmpty, !headers.contains(where: { $0.name.lowercased() == "host" }) else {
                throw error("the header Host is given once, with a value", line)
            }
        }
        headers.append(HeaderField(name: name, value: try headerValue(value, of: name, line: line)))
    }

    /// The value of a header, or the file that it stands in: what begins with `@` names one.
    private func headerValue(
        _ value: String,
        of name: String,
        line: Int?
    ) throws(ConfigurationError) -> HeaderField.Value {
        guard !value.hasPrefix("@") else {
            let path = String(value.dropFirst())
            guard !path.isEmpty else { throw error("the header \(name) has no file behind its @", line) }
            guard line != nil, let base = file?.path else { return .file(path) }
            return .file(ConfigurationFile.resolved(path, against: base))
        }
        guard !SecretHeader.isOne(name) else {
            let form = line == nil ? "--header '\(name): @FILE'" : "\(name): \"@FILE\""
            throw error(
                "the header \(name) carries a credential, which belongs in a file of mode 0600: \(form)",
                line
            )
        }
        return .text(value)
    }

    private func setLabel(
        _ name: String,
        to value: String,
        of target: inout TargetSettings,
        line: Int?
    ) throws(ConfigurationError) {
        guard TargetName.isValid(name) else {
            throw error(
                "a label's name is 1 to \(TargetName.bytesMax) bytes, without = and control characters",
                line
            )
        }
        guard value.utf8.count <= RecorderConfiguration.fieldBytesMax else {
            throw error("label \(name) is longer than \(RecorderConfiguration.fieldBytesMax) bytes", line)
        }
        guard target.labels.updateValue(value, forKey: name) == nil else {
            throw error("label \(name) is set twice", line)
        }
        guard target.labels.count <= RecorderConfiguration.fieldCountMax else {
            throw error("more than \(RecorderConfiguration.fieldCountMax) labels", line)
        }
    }

    private func checkTLS(_ target: TargetSettings, line: Int?) throws(ConfigurationError) {
        let tls = target.tls
        guard (tls.clientCertificateFile == nil) == (tls.clientKeyFile == nil) else {
            throw error("client_cert and client_key belong together", line)
        }
        guard target.url.scheme != "https" else { return }
        // Whoever names an authority believes that it is asked.
        let said = [
            ("ca_file", tls.caFile != nil), ("client_cert", tls.clientCertificateFile != nil),
            ("insecure", tls.isInsecure),
        ]
        if let (key, _) = said.first(where: { $0.1 }) {
            throw error(
                "\(key) is for https, and the url of target \(target.name) is \(target.url.scheme)",
                line
            )
        }
    }

    private func duration(
        _ flag: String,
        _ text: String?,
        _ variable: String?
    ) throws(ConfigurationError) -> Located<
        Int64
    >? {
        guard let (source, text) = said(flag, text, variable) else { return nil }
        guard let value = DurationText.milliseconds(text) else {
            throw ConfigurationError("\(source) \(text): \(DurationText.rule)")
        }
        return Located(value: value)
    }

    private func size(
        _ flag: String,
        _ text: String?,
        _ variable: String?
    ) throws(ConfigurationError) -> Located<
        Int64
    >? {
        guard let (source, text) = said(flag, text, variable) else { return nil }
        guard let value = SizeText.bytes(text) else {
            throw ConfigurationError("\(source) \(text): \(SizeText.rule)")
        }
        return Located(value: value)
    }

    private func said(_ flag: String, _ text: String?, _ variable: String?) -> (source: String, text: String)?
    {
        if let text { return (flag, text) }
        guard let variable, let text = environment[variable], !text.isEmpty else { return nil }
        return (variable, text)
    }

    private func located<Value>(_ setting: ConfigurationFile.Setting<Value>) -> Located<Value> {
        Located(value: setting.value, line: setting.line, isInFile: true)
    }

    private func require<Value>(
        _ setting: Located<Value>,
        _ condition: Bool,
        _ message: String
    ) throws(ConfigurationError) {
        if !condition { throw error(message, setting.isInFile ? setting.line : nil) }
    }

    /// An error in the file where there is a line, else on the command line.
    private func error(_ message: String, _ line: Int?) -> ConfigurationError {
        ConfigurationError(message, file: line == nil ? nil : file?.path, line: line)
    }
}
