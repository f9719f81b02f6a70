import JSON
import Model

/// What the documents of one target have in common: everything but times and the fields made from the body.
struct DocumentEnvelope: Sendable {
    /// The target and the origin it is made for.
    let target: String
    let origin: Origin

    private let heap: Parts
    private let expvar: Parts

    /// The pieces of one kind's envelope.
    struct Parts: Sendable {
        /// The members of `event` after `created`.
        var event: [UInt8]
        /// The members of the document from `data_stream` to `agent`, without `tags`.
        var members: [UInt8]
    }

    /// The envelope for scrapes of `target` that came from `origin`.
    init(target: String, origin: Origin, context: DocumentContext) {
        self.target = target
        self.origin = origin
        heap = DocumentEnvelope.parts(.heap, target: target, origin: origin, context: context)
        expvar = DocumentEnvelope.parts(.expvar, target: target, origin: origin, context: context)
    }

    /// The pieces for that kind.
    func parts(of kind: DocumentKind) -> Parts {
        kind == .heap ? heap : expvar
    }

    private static func parts(
        _ kind: DocumentKind,
        target: String,
        origin: Origin,
        context: DocumentContext
    ) -> Parts {
        var event = JSONWriter()
        event.member("dataset", kind.dataset)
        event.member("module", "golang")
        event.member("kind", "metric")
        event.key("type")
        event.beginArray()
        event.string("info")
        event.endArray()

        var json = JSONWriter()
        json.object(
            "data_stream",
            [("type", "logs"), ("dataset", kind.dataset), ("namespace", context.namespace)]
        )
        json.object("ecs", [("version", "8.11.0")])
        json.object("input", [("type", "httpjson")])
        json.object("service", [("address", address(of: origin) ?? ""), ("name", target)])
        json.object("labels", labels(origin.labels))
        let recorder = context.recorder(of: origin)
        json.object(
            "agent",
            [
                ("type", "expvault"), ("name", recorder.host), ("id", recorder.id),
                ("ephemeral_id", ephemeralID(of: recorder)), ("version", context.agentVersion),
            ]
        )
        return Parts(event: event.bytes, members: json.bytes)
    }

    /// A UUID (RFC 9562, version 8) made of the recorder's id and host: whoever exports a scrape, from wherever, makes the
    /// same document of it.
    private static func ephemeralID(of recorder: RecorderIdentity) -> String {
        let name = ["agent.ephemeral_id", recorder.id, recorder.host].joined(separator: "\n")
        var bytes = Array(SHA256.digest(Array(name.utf8)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array(SHA256.hexadecimal(bytes))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    /// Labels ascending by name, with names that fit beside one another.
    private static func labels(_ labels: [String: String]) -> [(String, String)] {
        let sorted = labels.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }
        let members = sorted.indices.map { FieldMember(key: sorted[$0].key, value: .leaf($0)) }
        guard case .object(let fitted) = FieldNames.fitted(.object(members)) else { return [] }
        return fitted.compactMap { member in
            if case .leaf(let index) = member.value { (member.key, sorted[index].value) } else { nil }
        }
    }

    /// `service_address` where set, else scheme, host and port of the URL as they are written there, or a Unix socket as
    /// `unix:PATH`.
    static func address(of origin: Origin) -> String? {
        if let address = origin.serviceAddress, !address.isEmpty { return address }
        // User and password are removed before a URL is stored, and here once more: a database may be of other hands.
        if let socket = origin.url.flatMap(URLText.socket) { return socket }
        guard let url = origin.url.map(URLText.withoutUser), let host = URLText.authority(of: url) else {
            return nil
        }
        return host.isEmpty ? nil : String(url[..<host.endIndex])
    }
}

extension JSONWriter {
    /// A member with a text, unless the text is empty.
    fileprivate mutating func member(_ key: String, _ text: String) {
        guard !text.isEmpty else { return }
        self.key(key)
        string(text)
    }

    /// A member with an object of texts, without those that are empty; nothing where nothing is left.
    fileprivate mutating func object(_ key: String, _ members: [(String, String)]) {
        guard members.contains(where: { !$0.1.isEmpty }) else { return }
        self.key(key)
        beginObject()
        for (name, text) in members { member(name, text) }
        endObject()
    }
}
