import Model

/// The tokenizer of bodies: one pass over the bytes, no tree, no recursion.
///
/// A document is an object. expvar writes one top-level variable a line, `{\n"a": 1,\n"b": 2\n}\n`, but any white
/// space is accepted. Each variable is read strictly first, which includes what must follow it: a comma and the
/// next key, or the closing brace and the end. Where that fails, something in it is broken: it is read again with its
/// broken parts left out (`DocumentScanner+Repair.swift`), and counts so where its own end is where expvar's lines end it:
/// `,\n"`, a key and `": "`, or `\n}` at the end. Else the variable is broken as a whole, and its text ends at the first
/// such place (semantics.md, "What cannot be read").
///
/// A variable that is good, and whose next line is `}`, ends the document: what comes after that makes it none.
///
/// A variable that the end of the body cuts off is taken for broken only where another variable's line follows
/// (`"x": {"a": 1,\n"y": 2\n}`), never as the last one: so a document of expvar that was cut anywhere is always
/// `.cutShort`, even where an inner `\n}` happens to come last.
///
/// Cost: linear but for broken variables, where an attempt may read past the end that is then found. Strict attempts
/// that cover one byte differ in their nesting there, so there are at most 64 of them. Since 64 × 16 MiB are 2 s, a
/// body made for that is given up once `overreadMax` bytes were read in vain; no body below 256 KiB comes so far, and no
/// single variable. Attempts to leave broken parts out have a limit of their own, `repairOverreadMax`, beyond which
/// variables are broken as a whole.
struct DocumentScanner {
    var leaves: [Leaf] = []
    var skeleton: [UInt8] = []
    /// The leaves whose spelling the skeleton keeps, ascending.
    var sizes: [Int32] = []
    /// Bytes of the body before this one are in the skeleton already.
    var copied = 0
    /// How many bytes beyond the ends of broken variables were read.
    private var overread = 0
    private static let overreadMax = ScannedDocument.bytesMax
    /// How many bytes beyond these ends were read by attempts to leave broken parts out.
    private var repairOverread = 0
    private static let repairOverreadMax = ScannedDocument.bytesMax

    /// A key, and where its value begins.
    struct Head {
        /// What stands between the quotes.
        var key: Range<Int>
        /// The position after the colon.
        var afterColon: Int
    }

    /// What comes after a variable.
    private enum Follow {
        case variable(Head)
        case end
    }

    mutating func scan(_ body: [UInt8]) throws(DocumentError) {
        var next = try open(body)
        while case .variable(let head) = next {
            next = try variable(body, head)
        }
        copy(body, upTo: body.count)
    }

    /// Reads up to the first variable.
    private func open(_ body: [UInt8]) throws(DocumentError) -> Follow {
        let start = JSONText.skipSpace(body, 0)
        guard start < body.count else { throw .empty }
        guard body[start] == UInt8(ascii: "{") else {
            let name = AnswerText.name(of: body)
            throw name == "HTML" ? .markup : name.map(DocumentError.foreign) ?? .notAnObject
        }
        do {
            let first = JSONText.skipSpace(body, start + 1)
            if first < body.count, body[first] == UInt8(ascii: "}") {
                return try closed(body, first, isOwnLine: true)
            }
            return .variable(try head(body, first))
        } catch {
            throw Self.documentError(error, body)
        }
    }

    private mutating func variable(_ body: [UInt8], _ head: Head) throws(DocumentError) -> Follow {
        let mark = mark
        do {
            let end = try value(body, head)
            return try follow(body, end)
        } catch .trailing(let offset, isOwnLine: true) {
            throw .trailing(offset: offset)
        } catch .tooDeep {
            throw .tooDeep
        } catch {
            rewind(to: mark)
            var read = body.count
            var isEnded = true
            if case .malformed(let offset) = error { (read, isEnded) = (offset, false) }
            if case .trailing(let offset, _) = error { (read, isEnded) = (offset, false) }
            if let follow = repaired(body, head, mayBeLast: !isEnded, mark) { return follow }
            guard let follow = broken(body, head, mayBeLast: !isEnded) else {
                throw Self.documentError(error, body)
            }
            // The broken text ends at `copied`.
            overread += max(0, read - copied)
            guard overread <= Self.overreadMax else { throw .malformed(offset: copied) }
            return follow
        }
    }

    /// Reads a variable with its broken parts left out; nil, and nothing read, where it does not end as a variable does.
    private mutating func repaired(
        _ body: [UInt8],
        _ head: Head,
        mayBeLast: Bool,
        _ mark: Mark
    ) -> Follow? {
        guard repairOverread <= Self.repairOverreadMax else { return nil }
        let (end, read) = repair(body, head)
        if let end, let follow = lineEnd(body, end, mayBeLast: mayBeLast) { return follow }
        rewind(to: mark)
        repairOverread += max(0, read - head.afterColon)
        return nil
    }

    /// What the scanner had found before it read a value.
    struct Mark {
        fileprivate var leafCount: Int
        fileprivate var skeletonCount: Int
        fileprivate var copied: Int
    }

    var mark: Mark { Mark(leafCount: leaves.count, skeletonCount: skeleton.count, copied: copied) }

    /// Forgets what was found since.
    mutating func rewind(to mark: Mark) {
        leaves.removeLast(leaves.count - mark.leafCount)
        while let last = sizes.last, last >= mark.leafCount { sizes.removeLast() }
        skeleton.removeLast(skeleton.count - mark.skeletonCount)
        copied = mark.copied
    }

    private static func documentError(_ failure: SyntaxFailure, _ body: [UInt8]) -> DocumentError {
        switch failure {
        case .tooDeep: .tooDeep
        case .ended: .cutShort
        case .trailing(let offset, _): .trailing(offset: offset)
        case .malformed(let offset):
            // Broken variables and a cut may come together; then the missing end is what a person should hear of.
            body.last(where: { !JSONText.isSpace($0) }) == UInt8(ascii: "}")
                ? .malformed(offset: offset) : .cutShort
        }
    }

    // MARK: Between variables

    /// Reads a key and its colon; the opening quote must be at `start`.
    func head(_ body: [UInt8], _ start: Int) throws(SyntaxFailure) -> Head {
        guard start < body.count else { throw .ended }
        guard body[start] == UInt8(ascii: "\"") else { throw .malformed(offset: start) }
        let end = try JSONText.stringEnd(body, start + 1)
        let colon = JSONText.skipSpace(body, end)
        guard colon < body.count else { throw .ended }
        guard body[colon] == UInt8(ascii: ":") else { throw .malformed(offset: colon) }
        return Head(key: start + 1..<end - 1, afterColon: colon + 1)
    }

    /// What follows a variable that ended before `start`.
    private func follow(_ body: [UInt8], _ start: Int) throws(SyntaxFailure) -> Follow {
        let i = JSONText.skipSpace(body, start)
        guard i < body.count else { throw .ended }
        if body[i] == UInt8(ascii: ",") {
            return .variable(try head(body, JSONText.skipSpace(body, i + 1)))
        }
        guard body[i] == UInt8(ascii: "}") else { throw .malformed(offset: i) }
        return try closed(body, i, isOwnLine: body[start..<i].last == UInt8(ascii: "\n"))
    }

    /// The end, where nothing but white space follows the brace at `brace`.
    private func closed(_ body: [UInt8], _ brace: Int, isOwnLine: Bool) throws(SyntaxFailure) -> Follow {
        let rest = JSONText.skipSpace(body, brace + 1)
        guard rest == body.count else { throw .trailing(offset: rest, isOwnLine: isOwnLine) }
        return .end
    }

    // MARK: Broken variables

    /// Takes the text of a variable that is not JSON as one leaf; nil where its end is nowhere.
    private mutating func broken(_ body: [UInt8], _ head: Head, mayBeLast: Bool) -> Follow? {
        // Only blanks are skipped: the line feed may be the one that ends an empty text.
        var start = head.afterColon
        while start < body.count, body[start] == UInt8(ascii: " ") || body[start] == UInt8(ascii: "\t") {
            start += 1
        }
        for i in start..<max(start, body.count - 1) {
            guard let follow = lineEnd(body, i, mayBeLast: mayBeLast) else { continue }
            leaf(body, start, i, .broken)
            return follow
        }
        return nil
    }

    /// What follows a variable that ends before `i`, where that is where expvar's lines end one.
    private func lineEnd(_ body: [UInt8], _ i: Int, mayBeLast: Bool) -> Follow? {
        guard i + 1 < body.count else { return nil }
        if body[i] == UInt8(ascii: ",") { return nextLine(body, i).map { .variable($0) } }
        guard mayBeLast, body[i] == UInt8(ascii: "\n"), body[i + 1] == UInt8(ascii: "}"),
            JSONText.skipSpace(body, i + 2) == body.count
        else { return nil }
        return .end
    }

    /// The variable of the next line, where `,\n"`, a key and `": "` stand at `comma`.
    private func nextLine(_ body: [UInt8], _ comma: Int) -> Head? {
        guard comma + 2 < body.count, body[comma + 1] == UInt8(ascii: "\n"),
            body[comma + 2] == UInt8(ascii: "\""),
            let end = try? JSONText.stringEnd(body, comma + 3),  // no key: the text goes on
            end + 1 < body.count, body[end] == UInt8(ascii: ":"), body[end + 1] == UInt8(ascii: " ")
        else { return nil }
        return Head(key: comma + 3..<end - 1, afterColon: end + 1)
    }

    // MARK: Values

    /// Reads the value of a variable strictly, and gives the position after it.
    private mutating func value(_ body: [UInt8], _ head: Head) throws(SyntaxFailure) -> Int {
        var place = ScannerPlace(isMemStats: JSONText.says(body, head.key, "memstats"))
        var i = JSONText.skipSpace(body, head.afterColon)
        while true {
            // A value begins at i.
            guard i < body.count else { throw .ended }
            let byte = body[i]
            if byte &- UInt8(ascii: "0") <= 9 || byte == UInt8(ascii: "-") {
                let end = try JSONText.numberEnd(body, i)
                if place.isSize {
                    size(body, i, end)
                } else {
                    leaf(body, i, end, .number)
                }
                i = place.isInObject ? end : try numbers(body, end)
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                let isObject = byte == UInt8(ascii: "{")
                guard place.open(isObject: isObject) else { throw .tooDeep }
                i = JSONText.skipSpace(body, i + 1)
                guard i < body.count else { throw .ended }
                guard body[i] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    if isObject {
                        let member = try self.head(body, i)
                        place.note(body, member.key)
                        i = JSONText.skipSpace(body, member.afterColon)
                    }
                    continue
                }
                place.close()
                i += 1
            } else {
                i = try word(body, i)
            }

            // A value has ended before i.
            after: while place.depth > 1 {
                i = JSONText.skipSpace(body, i)
                guard i < body.count else { throw .ended }
                let isObject = place.isInObject
                switch body[i] {
                case UInt8(ascii: ","):
                    i = JSONText.skipSpace(body, i + 1)
                    if isObject {
                        let member = try self.head(body, i)
                        place.note(body, member.key)
                        i = JSONText.skipSpace(body, member.afterColon)
                    }
                    break after
                case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                    place.close()
                    i += 1
                default:
                    throw .malformed(offset: i)
                }
            }
            if place.depth == 1 { return i }
        }
    }

    /// Reads the numbers of an array that follow at `start` with nothing but a comma before each.
    ///
    /// Two thirds of a usual body are the 512 slots of the rings, so these take a short cut: 25 % off a scan.
    private mutating func numbers(_ body: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        var i = start
        var count = 0
        while i + 1 < body.count, body[i] == UInt8(ascii: ","),
            body[i + 1] &- UInt8(ascii: "0") <= 9 || body[i + 1] == UInt8(ascii: "-")
        {
            let end = try JSONText.numberEnd(body, i + 1)
            leaves.append(Leaf(offset: Int32(i + 1), length: Int32(end - i - 1), kind: .number))
            i = end
            count += 1
        }
        copied = i
        while count > 0 {
            let some = min(count, Self.numbersMax)
            skeleton.append(contentsOf: Self.numberMarkers[..<(2 * some)])
            count -= some
        }
        return i
    }

    /// That many times a comma and the marker of a number.
    private static let numbersMax = 256
    private static let numberMarkers = (0..<numbersMax).flatMap { _ in
        [UInt8(ascii: ","), SkeletonMarker.marker(of: .number)]
    }

    /// Reads a value that is neither number nor container.
    private mutating func word(_ body: [UInt8], _ start: Int) throws(SyntaxFailure) -> Int {
        let end: Int
        let kind: LeafKind
        switch body[start] {
        case UInt8(ascii: "\""): (end, kind) = (try JSONText.stringEnd(body, start + 1), .string)
        case UInt8(ascii: "t"): (end, kind) = (try JSONText.wordEnd(body, start, "true"), .boolean)
        case UInt8(ascii: "f"): (end, kind) = (try JSONText.wordEnd(body, start, "false"), .boolean)
        case UInt8(ascii: "n"): (end, kind) = (try JSONText.wordEnd(body, start, "null"), .null)
        default: throw .malformed(offset: start)
        }
        leaf(body, start, end, kind)
        return end
    }

    // MARK: Leaves

    mutating func leaf(_ body: [UInt8], _ start: Int, _ end: Int, _ kind: LeafKind) {
        copy(body, upTo: start)
        skeleton.append(SkeletonMarker.marker(of: kind))
        leaves.append(Leaf(offset: Int32(start), length: Int32(end - start), kind: kind))
        copied = end
    }

    /// A number that names series: the skeleton keeps its spelling.
    mutating func size(_ body: [UInt8], _ start: Int, _ end: Int) {
        copy(body, upTo: start)
        skeleton.append(SkeletonMarker.size)
        skeleton.append(contentsOf: body[start..<end])
        skeleton.append(SkeletonMarker.sizeEnd)
        sizes.append(Int32(leaves.count))
        leaves.append(Leaf(offset: Int32(start), length: Int32(end - start), kind: .number))
        copied = end
    }

    @inline(__always)
    private mutating func copy(_ body: [UInt8], upTo end: Int) {
        // Between the numbers of an array stands one comma, where a call of memcpy would cost more than the byte.
        if end - copied == 1 {
            skeleton.append(body[copied])
        } else {
            skeleton.append(contentsOf: body[copied..<end])
        }
        copied = end
    }
}

/// Where in a variable the scanner is.
struct ScannerPlace {
    /// The containers that are open, the outermost in the lowest bit, 1 for an object; 64 levels fit exactly.
    private var objects: UInt64 = 1
    /// How many are open; 1 between variables.
    private(set) var depth = 1
    /// Whether the variable is memstats.
    private let isMemStats: Bool
    /// Whether the last key on its level was BySize.
    private var isBySize = false
    /// Whether the value that begins is `memstats.BySize[*].Size`, whose number names series.
    private(set) var isSize = false

    init(isMemStats: Bool) {
        self.isMemStats = isMemStats
    }

    var isInObject: Bool {
        objects >> UInt64(depth - 1) & 1 == 1
    }

    /// False where the nesting would become too deep.
    mutating func open(isObject: Bool) -> Bool {
        guard depth < ScannedDocument.levelsMax else { return false }
        let bit: UInt64 = 1 << UInt64(depth)
        objects = isObject ? objects | bit : objects & ~bit
        depth += 1
        isSize = false
        return true
    }

    mutating func close() {
        depth -= 1
    }

    @inline(__always)
    mutating func note(_ body: [UInt8], _ key: Range<Int>) {
        guard isMemStats else { return }
        if depth == 2 { isBySize = JSONText.says(body, key, "BySize") }
        // Object, object, array, object: an element of BySize.
        isSize =
            isBySize && depth == 4 && objects & 0b1111 == 0b1011 && JSONText.says(body, key, "Size")
    }
}
