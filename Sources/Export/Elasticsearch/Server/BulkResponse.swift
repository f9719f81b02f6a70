package import JSON

/// What a bulk answer says of one document.
package struct BulkItemAnswer: Hashable, Sendable {
    package var status: Int
    /// The backing index that took it, where the answer names one.
    package var index: String?
    /// The error's type and reason; the reason is cut and cleared of credentials by whoever read the answer.
    package var type: String?
    package var reason: String?
    /// Whether the document was put aside in the failure store.
    package var usedFailureStore: Bool

    /// An answer; without an error unless one is given.
    package init(
        status: Int,
        index: String? = nil,
        type: String? = nil,
        reason: String? = nil,
        usedFailureStore: Bool = false
    ) {
        self.status = status
        self.index = index
        self.type = type
        self.reason = reason
        self.usedFailureStore = usedFailureStore
    }
}

/// Why a bulk answer cannot be believed: then nothing in it is, and the request is in doubt.
package enum BulkResponseError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(JSONError)
    case notAnObject
    case noItems
    case fewer(items: Int, documents: Int)
    case more(documents: Int)
    /// The item at that place is about another document.
    case otherOrder(item: Int)
    /// The item at that place has no status, or is not `{"create":{…}}`.
    case badItem(Int)

    package var description: String {
        switch self {
        case .malformed(let error): "an answer that is no JSON: \(error)"
        case .notAnObject: "an answer that is no object"
        case .noItems: "an answer without items"
        case .fewer(let items, let documents): "an answer with \(items) items for \(documents) documents"
        case .more(let documents): "an answer with more items than the \(documents) documents sent"
        case .otherOrder(let item): "an answer whose item \(item) is about another document"
        case .badItem(let item): "an answer whose item \(item) makes no sense"
        }
    }
}

/// Reads the answer to a bulk request, item by item, without a tree of the whole.
///
///     {"errors":true,"items":[{"create":{"_index":"…","_id":"…","status":201}},
///                             {"create":{"_index":"…","_id":"…","status":400,"error":{"type":"…","reason":"…"}}}]}
///
/// A server may leave members out (`filter_path`) or add others: what we do not know is skipped, but must be JSON.
package struct BulkResponse {
    /// An answer for each document, in their order.
    ///
    /// `clean` is done to an error's reason before anybody sees it; see `ServerText`.
    /// - Throws: `BulkResponseError` unless there is exactly one well-formed item for each document, in order.
    package static func items(
        of bytes: [UInt8],
        for documents: [ReplayDocument],
        namespace: String,
        clean: (String) -> String
    ) throws(BulkResponseError) -> [BulkItemAnswer] {
        var response = BulkResponse(text: JSONText(bytes), documents: documents, namespace: namespace)
        do {
            try response.read(clean)
            return response.answers
        } catch let error as BulkResponseError {
            throw error
        } catch let error as JSONError {
            throw .malformed(error)
        } catch {
            preconditionFailure("BUG: nothing else is thrown here")
        }
    }

    private var text: JSONText
    private let documents: [ReplayDocument]
    private let streams: PerStream<String>
    private var answers: [BulkItemAnswer] = []
    private var scratch: [UInt8] = []

    private init(text: JSONText, documents: [ReplayDocument], namespace: String) {
        self.text = text
        self.documents = documents
        var streams = PerStream<String>("")
        for kind in DocumentKind.allCases { streams[kind] = kind.stream(namespace: namespace) }
        self.streams = streams
        answers.reserveCapacity(documents.count)
    }

    private mutating func read(_ clean: (String) -> String) throws {
        guard try text.peek() == UInt8(ascii: "{") else { throw BulkResponseError.notAnObject }
        var hasItems = false
        try members { response, key in
            guard key == "items", !hasItems else { return try response.text.skipValue(depth: 1) }
            hasItems = true
            try response.readItems(clean)
        }
        try text.end()
        guard hasItems else { throw BulkResponseError.noItems }
        guard answers.count == documents.count else {
            throw BulkResponseError.fewer(items: answers.count, documents: documents.count)
        }
    }

    private mutating func readItems(_ clean: (String) -> String) throws {
        guard try text.peek() == UInt8(ascii: "[") else { throw BulkResponseError.noItems }
        try text.expect(UInt8(ascii: "["))
        var isFirst = true
        while try text.hasNext(before: UInt8(ascii: "]"), isFirst: &isFirst) {
            let number = answers.count
            guard number < documents.count else { throw BulkResponseError.more(documents: documents.count) }
            guard try text.peek() == UInt8(ascii: "{") else { throw BulkResponseError.badItem(number) }
            var answer: BulkItemAnswer?
            try members { response, key in
                guard key == "create", answer == nil, try response.text.peek() == UInt8(ascii: "{") else {
                    throw BulkResponseError.badItem(number)
                }
                answer = try response.readItem(number, clean)
            }
            guard let answer else { throw BulkResponseError.badItem(number) }
            answers.append(answer)
        }
    }

    private mutating func readItem(_ number: Int, _ clean: (String) -> String) throws -> BulkItemAnswer {
        let document = documents[number]
        var answer = BulkItemAnswer(status: 0)
        try members { response, key in
            switch key {
            case "status": answer.status = try response.integer() ?? 0
            case "_index":
                answer.index = try response.stringOrSkip()
                // A backing index has the stream's name in its own: `.ds-logs-golang.heap-default-…`.
                if let index = answer.index, !index.contains(response.streams[document.kind]) {
                    throw BulkResponseError.otherOrder(item: number)
                }
            case "_id":
                if let id = try response.stringOrSkip(), id != document.id {
                    throw BulkResponseError.otherOrder(item: number)
                }
            case "failure_store": answer.usedFailureStore = try response.stringOrSkip() == "used"
            case "error": try response.readError(into: &answer, clean)
            default: try response.text.skipValue(depth: 4)
            }
        }
        guard (100...599).contains(answer.status) else { throw BulkResponseError.badItem(number) }
        return answer
    }

    /// An error is an object with type and reason; very old or foreign servers send a text.
    private mutating func readError(into answer: inout BulkItemAnswer, _ clean: (String) -> String) throws {
        guard try text.peek() == UInt8(ascii: "{") else {
            answer.reason = try stringOrSkip().map(clean)
            return
        }
        var type: String?
        var reason: String?
        try members { response, key in
            switch key {
            case "type": type = try response.stringOrSkip()
            case "reason": reason = try response.stringOrSkip()
            default: try response.text.skipValue(depth: 5)
            }
        }
        answer.type = type.map(clean)
        answer.reason = reason.map(clean)
    }

    private mutating func members(_ body: (inout BulkResponse, String) throws -> Void) throws {
        try text.expect(UInt8(ascii: "{"))
        var isFirst = true
        while try text.hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
            let key = try string()
            try text.expect(UInt8(ascii: ":"))
            try body(&self, key)
        }
    }

    private mutating func string() throws(JSONError) -> String {
        scratch.removeAll(keepingCapacity: true)
        try text.string(into: &scratch, replacingLoneSurrogates: true)
        return String(decoding: scratch, as: UTF8.self)
    }

    private mutating func stringOrSkip() throws(JSONError) -> String? {
        if try text.peek() == UInt8(ascii: "\"") { return try string() }
        try text.skipValue(depth: 5)
        return nil
    }

    private mutating func integer() throws(JSONError) -> Int? {
        switch try text.peek() {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            return Int(String(decoding: text.bytes[try text.number()], as: UTF8.self))
        default:
            try text.skipValue(depth: 5)
            return nil
        }
    }
}
