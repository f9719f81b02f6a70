import Model

/// What a configuration file says: each setting only where it is written, with its line for later errors.
package struct ConfigurationFile: Sendable {
    /// The file's path, for errors and for the paths in it.
    package let path: String
    var database: Setting<String>?
    var interval: Setting<Int64>?
    var timeout: Setting<Int64>?
    var retain: Setting<Int64>?
    var maxSize: Setting<Int64>?
    var recordsItself: Setting<Bool>?
    var keepsQuery: Setting<Bool>?
    var discovers: Setting<Bool>?
    var targets: [FileTarget] = []

    /// A value and the line where it stands.
    struct Setting<Value: Sendable>: Sendable {
        var value: Value
        var line: Int
    }

    /// One of `targets`.
    struct FileTarget: Sendable {
        var line: Int
        var name: Setting<String>?
        var url: Setting<String>?
        var interval: Setting<Int64>?
        var timeout: Setting<Int64>?
        var username: Setting<String>?
        var passwordFile: Setting<String>?
        var bearerTokenFile: Setting<String>?
        var headers: [YAMLMember] = []
        var caFile: Setting<String>?
        var clientCertificate: Setting<String>?
        var clientKey: Setting<String>?
        var isInsecure: Setting<Bool>?
        var redactsCommandLine: Setting<Bool>?
        var labels: [YAMLMember] = []
        var serviceAddress: Setting<String>?
    }

    /// Reads the file at `path`.
    package static func load(path: String) throws(ConfigurationError) -> ConfigurationFile {
        let bytes = try CredentialFile.readBytes(path, bytesMax: YAMLReader.bytesMax, mustBePrivate: false)
        return try ConfigurationFile(text: bytes, path: path)
    }

    /// Reads the text of a file; `path` is for errors and for the paths in it.
    package init(text: [UInt8], path: String) throws(ConfigurationError) {
        self.path = path
        guard let root = try YAMLReader.read(text, file: path), !root.isNull else { return }
        let reader = SettingReader(file: path)
        for member in try reader.members(root, of: "the configuration", known: Self.keys) {
            switch member.key {
            case "database": database = try reader.path(member)
            case "interval": interval = try reader.duration(member)
            case "timeout": timeout = try reader.duration(member)
            case "retain": retain = try reader.duration(member)
            case "max_size": maxSize = try reader.size(member)
            case "self": recordsItself = try reader.boolean(member)
            case "keep_query": keepsQuery = try reader.boolean(member)
            case "discover": discovers = try reader.boolean(member)
            default: targets = try reader.targets(member)
            }
        }
    }

    /// A path in the file at `base`, which is relative to that file's directory.
    static func resolved(_ path: String, against base: String) -> String {
        guard !path.hasPrefix("/"), let slash = base.lastIndex(of: "/") else { return path }
        return base[...slash] + path
    }

    private static let keys = [
        "database", "interval", "timeout", "retain", "max_size", "self", "keep_query", "discover",
        "targets",
    ]
}

/// Turns nodes into settings, or says what should have stood there.
private struct SettingReader {
    let file: String

    private static let targetKeys = [
        "name", "url", "interval", "timeout", "username", "password_file", "bearer_token_file", "headers",
        "ca_file",
        "client_cert", "client_key", "insecure", "redact_cmdline", "labels", "service_address",
    ]

    /// The members of a map whose keys are all known.
    func members(
        _ node: YAMLNode,
        of what: String,
        known: [String]?
    ) throws(ConfigurationError) -> [YAMLMember] {
        guard case .mapping(let members) = node.value else {
            throw error("\(what) must be a map of keys and values, not \(node.kind)", node.line)
        }
        guard let known else { return members }
        for member in members where !known.contains(member.key) {
            let hint =
                NearestWord.to(member.key, among: known).map { "did you mean \($0)?" }
                ?? "known are \(known.joined(separator: ", "))"
            throw error("unknown key \(member.key) in \(what); \(hint)", member.line)
        }
        return members
    }

    func targets(_ member: YAMLMember) throws(ConfigurationError) -> [ConfigurationFile.FileTarget] {
        if member.value.isNull { return [] }
        guard case .sequence(let nodes) = member.value.value else {
            throw error("targets must be a list, each begun with \"- name: …\"", member.line)
        }
        var targets: [ConfigurationFile.FileTarget] = []
        for node in nodes {
            targets.append(try target(node))
        }
        return targets
    }

    private func target(_ node: YAMLNode) throws(ConfigurationError) -> ConfigurationFile.FileTarget {
        var target = ConfigurationFile.FileTarget(line: node.line)
        for member in try members(node, of: "a target", known: Self.targetKeys) {
            switch member.key {
            case "name": target.name = try text(member)
            case "url": target.url = try text(member)
            case "interval": target.interval = try duration(member)
            case "timeout": target.timeout = try duration(member)
            case "username": target.username = try text(member)
            case "password_file": target.passwordFile = try path(member)
            case "bearer_token_file": target.bearerTokenFile = try path(member)
            case "headers": target.headers = try map(member)
            case "ca_file": target.caFile = try path(member)
            case "client_cert": target.clientCertificate = try path(member)
            case "client_key": target.clientKey = try path(member)
            case "insecure": target.isInsecure = try boolean(member)
            case "redact_cmdline": target.redactsCommandLine = try boolean(member)
            case "labels": target.labels = try map(member)
            default: target.serviceAddress = try text(member)
            }
        }
        return target
    }

    /// A map from words to single values.
    private func map(_ member: YAMLMember) throws(ConfigurationError) -> [YAMLMember] {
        if member.value.isNull { return [] }
        let members = try members(member.value, of: member.key, known: nil)
        for each in members {
            _ = try text(each, allowingEmpty: true)
        }
        return members
    }

    func text(
        _ member: YAMLMember,
        allowingEmpty: Bool = false
    ) throws(ConfigurationError) -> ConfigurationFile.Setting<String> {
        guard case .scalar(let text, _) = member.value.value else {
            throw error("\(member.key) must be a single value, not \(member.value.kind)", member.line)
        }
        guard allowingEmpty || !(text.isEmpty || member.value.isNull) else {
            throw error("\(member.key) has no value", member.line)
        }
        return ConfigurationFile.Setting(value: text, line: member.line)
    }

    /// A path; a relative one starts from the directory of the file that names it.
    func path(_ member: YAMLMember) throws(ConfigurationError) -> ConfigurationFile.Setting<String> {
        var setting = try text(member)
        guard !setting.value.utf8.contains(0) else { throw error("\(member.key) is no path", member.line) }
        setting.value = ConfigurationFile.resolved(setting.value, against: file)
        return setting
    }

    func duration(_ member: YAMLMember) throws(ConfigurationError) -> ConfigurationFile.Setting<Int64> {
        let setting = try text(member)
        guard let milliseconds = DurationText.milliseconds(setting.value) else {
            throw error("\(member.key) \(setting.value): \(DurationText.rule)", member.line)
        }
        return ConfigurationFile.Setting(value: milliseconds, line: member.line)
    }

    func size(_ member: YAMLMember) throws(ConfigurationError) -> ConfigurationFile.Setting<Int64> {
        let setting = try text(member)
        guard let bytes = SizeText.bytes(setting.value) else {
            throw error("\(member.key) \(setting.value): \(SizeText.rule)", member.line)
        }
        return ConfigurationFile.Setting(value: bytes, line: member.line)
    }

    /// `true` and `false`; YAML 1.1's yes, no, on and off have surprised too many.
    func boolean(_ member: YAMLMember) throws(ConfigurationError) -> ConfigurationFile.Setting<Bool> {
        let setting = try text(member)
        guard setting.value == "true" || setting.value == "false" else {
            throw error("\(member.key) must be true or false", member.line)
        }
        return ConfigurationFile.Setting(value: setting.value == "true", line: member.line)
    }

    private func error(_ message: String, _ line: Int) -> ConfigurationError {
        ConfigurationError(message, file: file, line: line)
    }
}
