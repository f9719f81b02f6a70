import CYAML

/// Reads a YAML file into nodes with libyaml's events.
///
/// A configuration needs scalars, lists and maps. Aliases could make a small file huge, tags could mean
/// anything: both are refused, as are duplicate keys and a second document.
struct YAMLReader {
    /// A longer file is refused, in bytes.
    static let bytesMax = 1 << 20
    /// Lists and maps within one another.
    static let depthMax = 16
    /// Values in a file.
    static let nodeCountMax = 100_000

    /// The root of the one document; nil where the file is empty.
    static func read(_ text: [UInt8], file: String) throws(ConfigurationError) -> YAMLNode? {
        guard text.count <= bytesMax else {
            throw ConfigurationError("the file is larger than 1 MiB", file: file)
        }
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            throw ConfigurationError("not enough memory to read it", file: file)
        }
        defer { yaml_parser_delete(parser) }
        // libyaml keeps the pointer, so everything that reads stays inside the closure.
        let result = text.withUnsafeBufferPointer { bytes -> Result<YAMLNode?, ConfigurationError> in
            let empty: [UInt8] = [0]
            return empty.withUnsafeBufferPointer { placeholder in
                yaml_parser_set_input_string(
                    parser,
                    bytes.baseAddress ?? placeholder.baseAddress,
                    bytes.count
                )
                var reader = YAMLReader(parser: parser, file: file)
                return Result { () throws(ConfigurationError) in try reader.document() }
            }
        }
        return try result.get()
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let file: String
    private var nodeCount = 0

    private init(parser: UnsafeMutablePointer<yaml_parser_t>, file: String) {
        self.parser = parser
        self.file = file
    }

    /// What we take from an event before libyaml frees it.
    private enum Event {
        case scalar(String, isPlain: Bool)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
        case documentStart, documentEnd, streamStart, streamEnd
        case alias, anchored, tagged
    }

    private mutating func document() throws(ConfigurationError) -> YAMLNode? {
        _ = try next()
        var (event, line) = try next()
        if case .streamEnd = event { return nil }
        (event, line) = try next()
        let root = try node(event, line: line, depth: 1)
        _ = try next()
        (event, line) = try next()
        guard case .streamEnd = event else {
            throw error("a second document begins here; one is understood", line)
        }
        return root
    }

    private mutating func node(_ event: Event, line: Int, depth: Int) throws(ConfigurationError) -> YAMLNode {
        nodeCount += 1
        guard nodeCount <= Self.nodeCountMax else {
            throw error("more than \(Self.nodeCountMax) values", line)
        }
        guard depth <= Self.depthMax else { throw error("nested over \(Self.depthMax) deep", line) }
        switch event {
        case .scalar(let text, let isPlain):
            return YAMLNode(line: line, value: .scalar(text, isPlain: isPlain))
        case .sequenceStart:
            return YAMLNode(line: line, value: .sequence(try sequence(depth: depth)))
        case .mappingStart:
            return YAMLNode(line: line, value: .mapping(try mapping(depth: depth)))
        case .alias, .anchored:
            throw error("anchors and aliases (& and *) are not understood", line)
        case .tagged:
            throw error("tags (!) are not understood", line)
        case .sequenceEnd, .mappingEnd, .documentStart, .documentEnd, .streamStart, .streamEnd:
            throw error("a value is missing", line)
        }
    }

    private mutating func sequence(depth: Int) throws(ConfigurationError) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        while true {
            let (event, line) = try next()
            if case .sequenceEnd = event { return nodes }
            nodes.append(try node(event, line: line, depth: depth + 1))
        }
    }

    private mutating func mapping(depth: Int) throws(ConfigurationError) -> [YAMLMember] {
        var members: [YAMLMember] = []
        var lines: [String: Int] = [:]
        while true {
            let (event, line) = try next()
            if case .mappingEnd = event { return members }
            guard case .scalar(let key, _) = try node(event, line: line, depth: depth + 1).value else {
                throw error("a key must be a single word", line)
            }
            if let first = lines.updateValue(line, forKey: key) {
                throw error("\(key) was set before, on line \(first)", line)
            }
            let (valueEvent, valueLine) = try next()
            let value = try node(valueEvent, line: valueLine, depth: depth + 1)
            members.append(YAMLMember(key: key, line: line, value: value))
        }
    }

    private mutating func next() throws(ConfigurationError) -> (event: Event, line: Int) {
        let event = UnsafeMutablePointer<yaml_event_t>.allocate(capacity: 1)
        defer { event.deallocate() }
        guard yaml_parser_parse(parser, event) == 1 else {
            let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not enough memory"
            // A problem of the reader (bad UTF-8) has only an offset; its mark is where scanning had got to.
            let mark = max(parser.pointee.problem_mark.line, parser.pointee.mark.line)
            throw error("this is no YAML: \(problem)", Int(mark) + 1)
        }
        defer { yaml_event_delete(event) }
        return (Self.event(event.pointee), Int(event.pointee.start_mark.line) + 1)
    }

    private static func event(_ event: yaml_event_t) -> Event {
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            if scalar.anchor != nil { return .anchored }
            if scalar.tag != nil { return .tagged }
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return .scalar(
                String(decoding: bytes, as: UTF8.self),
                isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE
            )
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return start.anchor != nil ? .anchored : start.tag != nil ? .tagged : .sequenceStart
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return start.anchor != nil ? .anchored : start.tag != nil ? .tagged : .mappingStart
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_ALIAS_EVENT: return .alias
        default: return .streamEnd
        }
    }

    private func error(_ message: String, _ line: Int) -> ConfigurationError {
        ConfigurationError(message, file: file, line: line)
    }
}
