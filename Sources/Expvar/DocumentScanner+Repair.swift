/// Reading a variable in which something is broken: the broken parts become leaves of their own, and all else counts.
///
/// A member's value counts only where what follows it, white space aside, is its object's closing brace, or a comma, a key
/// and a colon; else it is broken, and ends before the first such place. In an array Go's words (`NaN`, `+Inf`, `-Inf`,
/// `<nil>`, nothing) cost one element; any other text costs it and all behind it. So a text with commas in it
/// (`12,345 ops/s`) is not taken for more values than it is.
///
/// One pass: what a broken container held is not read again, but passed over.
extension DocumentScanner {
    /// Where a container began, so that it can be taken for broken as a whole.
    private struct Opening {
        var start: Int
        var mark: Mark
    }

    /// Reads the value of a variable, an object or array with broken parts.
    ///
    /// Gives the position after it, nil where there is none, and how far it was read.
    mutating func repair(_ body: [UInt8], _ head: Head) -> (end: Int?, read: Int) {
        var place = ScannerPlace(isMemStats: JSONText.says(body, head.key, "memstats"))
        var openings: [Opening] = []
        var i = JSONText.skipSpace(body, head.afterColon)
        while i < body.count {
            // A value begins at i.
            if let first = contentStart(body, i) {
                let isObject = body[i] == UInt8(ascii: "{")
                openings.append(Opening(start: i, mark: mark))
                guard place.open(isObject: isObject) else { return (nil, i) }
                guard first < body.count else { return (nil, first) }
                guard body[first] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                    i = isObject ? member(body, first, &place) : first
                    continue
                }
                i = first
            } else {
                guard place.depth > 1 else { return (nil, i) }
                guard let end = scalar(body, i, place) else { return (nil, body.count) }
                i = end
            }

            // What comes next closes its level, or another value of it follows.
            while place.depth > 1 {
                i = JSONText.skipSpace(body, i)
                guard i < body.count else { return (nil, i) }
                let isObject = place.isInObject
                if body[i] == UInt8(ascii: ",") {
                    i = JSONText.skipSpace(body, i + 1)
                    if isObject { i = member(body, i, &place) }
                    break
                }
                place.close()
                i += 1
                let opening = openings.removeLast()
                if place.depth > 1, !isFollowed(body, i, inObject: place.isInObject) {
                    rewind(to: opening.mark)
                    guard let end = brokenEnd(body, i, inObject: place.isInObject) else {
                        return (nil, body.count)
                    }
                    leaf(body, opening.start, end, .broken)
                    i = end
                }
            }
            if place.depth == 1 { return (i, i) }
        }
        return (nil, i)
    }

    /// Where the content of a container at `start` begins; nil where there is none.
    ///
    /// An object has a key, or nothing: `{1 2}` is a text.
    private func contentStart(_ body: [UInt8], _ start: Int) -> Int? {
        let first = JSONText.skipSpace(body, start + 1)
        if body[start] == UInt8(ascii: "[") { return first }
        guard body[start] == UInt8(ascii: "{") else { return nil }
        guard first < body.count, body[first] != UInt8(ascii: "}") else { return first }
        return (try? head(body, first)) == nil ? nil : first  // why it is no key does not matter
    }

    /// Passes over the key at `start`, which is one, to where its value begins.
    private func member(_ body: [UInt8], _ start: Int, _ place: inout ScannerPlace) -> Int {
        guard let head = try? head(body, start) else { return body.count }  // was looked at before
        place.note(body, head.key)
        return JSONText.skipSpace(body, head.afterColon)
    }

    /// Reads a value that is no container, or a text in its place; nil where the text has no end.
    private mutating func scalar(_ body: [UInt8], _ start: Int, _ place: ScannerPlace) -> Int? {
        let found = scalarEnd(body, start)
        if let (end, kind) = found, isFollowed(body, end, inObject: place.isInObject) {
            if place.isSize, kind == .number { size(body, start, end) } else { leaf(body, start, end, kind) }
            return end
        }
        var end = found?.end ?? start
        if !place.isInObject, let word = wordOfGo(body, start) {
            end = word
        } else {
            guard let found = brokenEnd(body, end, inObject: place.isInObject) else { return nil }
            end = found
        }
        leaf(body, start, end, .broken)
        return end
    }

    private func scalarEnd(_ body: [UInt8], _ start: Int) -> (end: Int, kind: LeafKind)? {
        do {
            switch body[start] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                return (try JSONText.numberEnd(body, start), .number)
            case UInt8(ascii: "\""): return (try JSONText.stringEnd(body, start + 1), .string)
            case UInt8(ascii: "t"): return (try JSONText.wordEnd(body, start, "true"), .boolean)
            case UInt8(ascii: "f"): return (try JSONText.wordEnd(body, start, "false"), .boolean)
            case UInt8(ascii: "n"): return (try JSONText.wordEnd(body, start, "null"), .null)
            default: return nil
            }
        } catch {
            return nil
        }
    }

    /// Words that Go writes in the place of an element.
    private static let wordsOfGo = ["NaN", "+Inf", "-Inf", "Inf", "<nil>", ""]

    /// The end of a word of Go's that stands for an element at `start`.
    private func wordOfGo(_ body: [UInt8], _ start: Int) -> Int? {
        for word in Self.wordsOfGo {
            let end = start + word.utf8.count
            guard end <= body.count, body[start..<end].elementsEqual(word.utf8) else { continue }
            if isFollowed(body, end, inObject: false) { return end }
        }
        return nil
    }

    /// Whether what comes at `start` or after white space may follow a value.
    private func isFollowed(_ body: [UInt8], _ start: Int, inObject: Bool) -> Bool {
        let i = JSONText.skipSpace(body, start)
        guard i < body.count else { return false }
        if inObject { return isEndOfMember(body, i) }
        return body[i] == UInt8(ascii: ",") || body[i] == UInt8(ascii: "]")
    }

    /// Whether a member ends before `i`: the brace that closes its object is there, or a comma, a key and a colon.
    private func isEndOfMember(_ body: [UInt8], _ i: Int) -> Bool {
        if body[i] == UInt8(ascii: "}") { return true }
        guard body[i] == UInt8(ascii: ",") else { return false }
        return (try? head(body, JSONText.skipSpace(body, i + 1))) != nil  // no key: the text goes on
    }

    /// The end of a broken text that goes on at `start`.
    private func brokenEnd(_ body: [UInt8], _ start: Int, inObject: Bool) -> Int? {
        if !inObject { return body[start...].firstIndex(of: UInt8(ascii: "]")) }
        return (start..<body.count).first { isEndOfMember(body, $0) }
    }
}
