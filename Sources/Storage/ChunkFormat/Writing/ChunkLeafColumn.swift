import Codec
import Expvar
import Model

/// The spellings of one leaf, gathered row by row, and typed as narrowly as they allow.
///
/// A column starts as integers, becomes doubles with the first number that is none, and texts where too much is
/// neither. A spelling that does not follow from its value is an exception, whose value repeats the one before.
struct ChunkLeafColumn {
    /// What the values are.
    enum Kind: UInt8, Sendable {
        /// Int64.
        case signed = 0
        /// UInt64, at least one above Int64.max.
        case unsigned = 1
        /// Doubles, spelled by encoding/json or strconv.
        case json = 2
        case general = 3
        /// Places in the column's list of texts.
        case text = 4

        var isInteger: Bool { self == .signed || self == .unsigned }

        var format: GoNumberFormat? {
            switch self {
            case .json: .json
            case .general: .shortestGeneral
            default: nil
            }
        }
    }

    /// A spelling that does not follow from its value.
    struct Exception: Sendable {
        var row: Int
        var text: [UInt8]
    }

    private enum Mode { case integers, doubles, texts }

    private var mode = Mode.integers
    /// Integers (bit patterns), or places in `texts`.
    private(set) var integers: [Int64] = []
    private var isSigned = false
    private var isAboveSigned = false
    private(set) var doubles: [Double] = []
    /// Exceptions while integers.
    private var exceptions: [Exception] = []
    /// Exceptions while doubles, for each format.
    private var jsonExceptions: [Exception] = []
    private var generalExceptions: [Exception] = []
    private var places: [[UInt8]: Int64] = [:]
    private(set) var texts: [[UInt8]] = []
    private var scratch: [UInt8] = []
    /// The kind of the last spelling that was no integer.
    private var otherKind = LeafKind.number

    /// How many spellings it has.
    var count: Int { mode == .doubles ? doubles.count : integers.count }

    /// Adds the spelling `body[start..<end]`.
    @inline(__always)
    mutating func append(_ body: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, _ kind: LeafKind) {
        if mode == .integers, kind == .number, let parsed = DecimalText.parse(body, start, end),
            !(parsed.isAboveSigned && isSigned), !(parsed.bits < 0 && !parsed.isAboveSigned && isAboveSigned)
        {
            if parsed.isAboveSigned { isAboveSigned = true } else if parsed.bits < 0 { isSigned = true }
            integers.append(parsed.bits)
            return
        }
        let text = UnsafeBufferPointer(rebasing: body[start..<end])
        if mode == .texts, let last = integers.last, texts[Int(last)].elementsEqual(text) {
            // The usual case, and hashing is slow.
            integers.append(last)
            return
        }
        other(Array(text), kind)
    }

    /// Adds the last spelling `count` times more; there must be one.
    mutating func repeatLast(_ count: Int) {
        if let text = lastException {
            // What becomes of exceptions is decided one by one.
            for _ in 0..<count {
                if mode == .texts { place(text) } else { other(text, otherKind) }
            }
        } else if mode == .doubles {
            guard let last = doubles.last else { return }
            doubles.append(contentsOf: repeatElement(last, count: count))
        } else {
            guard let last = integers.last else { return }
            integers.append(contentsOf: repeatElement(last, count: count))
        }
    }

    /// The last spelling, where it does not follow from its value in one format or another.
    private var lastException: [UInt8]? {
        let row = count - 1
        switch mode {
        case .texts: return nil
        case .integers: return exceptions.last?.row == row ? exceptions.last?.text : nil
        case .doubles:
            if let last = jsonExceptions.last, last.row == row { return last.text }
            return generalExceptions.last?.row == row ? generalExceptions.last?.text : nil
        }
    }

    private mutating func other(_ text: [UInt8], _ kind: LeafKind) {
        otherKind = kind
        switch mode {
        case .integers:
            if kind == .number, let double = Self.double(text), !isAboveSigned, becomeDoubles() {
                append(double, text)
            } else {
                exceptions.append(Exception(row: integers.count, text: text))
                integers.append(integers.last ?? 0)
                limitExceptions(exceptions.count)
            }
        case .doubles:
            if kind == .number, let double = Self.double(text) {
                append(double, text)
            } else {
                jsonExceptions.append(Exception(row: doubles.count, text: text))
                generalExceptions.append(Exception(row: doubles.count, text: text))
                doubles.append(doubles.last ?? 0)
            }
            limitExceptions(min(jsonExceptions.count, generalExceptions.count))
        case .texts:
            place(text)
        }
    }

    /// More than a quarter of exceptions (and a few are always fine): then it is a column of texts.
    private mutating func limitExceptions(_ exceptionCount: Int) {
        if exceptionCount > 4, exceptionCount * 4 > count { becomeTexts() }
        if exceptionCount == 1, count == 1 { becomeTexts() }
    }

    private static func double(_ text: [UInt8]) -> Double? {
        let leaf = Leaf(offset: 0, length: Int32(truncatingIfNeeded: text.count), kind: .number)
        guard let number = Shape.number(leaf, in: text) else { return nil }
        // Of "-0" the number is the integer 0, but its double is not.
        if number == .integer(0), text.first == UInt8(ascii: "-") { return -0.0 }
        return number.double
    }

    private mutating func append(_ double: Double, _ text: [UInt8]) {
        if !isSpelled(text, double, .json) {
            jsonExceptions.append(Exception(row: doubles.count, text: text))
        }
        if !isSpelled(text, double, .shortestGeneral) {
            generalExceptions.append(Exception(row: doubles.count, text: text))
        }
        doubles.append(double)
    }

    private mutating func isSpelled(_ text: [UInt8], _ double: Double, _ format: GoNumberFormat) -> Bool {
        scratch.removeAll(keepingCapacity: true)
        GoNumberText.append(double, format, to: &scratch)
        return scratch == text
    }

    /// False where integers would be lost, as beyond 2^53.
    private mutating func becomeDoubles() -> Bool {
        guard integers.allSatisfy({ $0.magnitude <= 1 << 53 }) else { return false }
        mode = .doubles
        let known = exceptions
        var next = 0
        for (row, integer) in integers.enumerated() {
            if next < known.count, known[next].row == row {
                jsonExceptions.append(known[next])
                generalExceptions.append(known[next])
                doubles.append(doubles.last ?? 0)
                next += 1
            } else {
                var text: [UInt8] = []
                DecimalText.append(integer, to: &text)
                append(Double(integer), text)
            }
        }
        integers = []
        exceptions = []
        return true
    }

    private mutating func becomeTexts() {
        let column = finished()
        mode = .texts
        integers = []
        doubles = []
        exceptions = []
        jsonExceptions = []
        generalExceptions = []
        for row in 0..<column.count { place(column.text(row)) }
    }

    private mutating func place(_ text: [UInt8]) {
        if let known = places[text] {
            integers.append(known)
            return
        }
        let place = Int64(texts.count)
        places[text] = place
        texts.append(text)
        integers.append(place)
    }

    /// What it became.
    func finished() -> Finished {
        switch mode {
        case .integers:
            return Finished(
                kind: isAboveSigned ? .unsigned : .signed,
                integers: integers,
                doubles: [],
                exceptions: exceptions,
                texts: []
            )
        case .doubles:
            let isJSON = jsonExceptions.count <= generalExceptions.count
            return Finished(
                kind: isJSON ? .json : .general,
                integers: [],
                doubles: doubles,
                exceptions: isJSON ? jsonExceptions : generalExceptions,
                texts: []
            )
        case .texts:
            return Finished(kind: .text, integers: integers, doubles: [], exceptions: [], texts: texts)
        }
    }

    /// A whole column.
    struct Finished: Sendable {
        var kind: Kind
        var integers: [Int64]
        var doubles: [Double]
        var exceptions: [Exception]
        var texts: [[UInt8]]

        var count: Int { kind.format == nil ? integers.count : doubles.count }

        /// The spelling in that row; slow where there are many exceptions, so only for falling back.
        func text(_ row: Int) -> [UInt8] {
            if let exception = exceptions.first(where: { $0.row == row }) { return exception.text }
            var text: [UInt8] = []
            switch kind {
            case .signed: DecimalText.append(integers[row], to: &text)
            case .unsigned: DecimalText.append(UInt64(bitPattern: integers[row]), to: &text)
            case .json: GoNumberText.append(doubles[row], .json, to: &text)
            case .general: GoNumberText.append(doubles[row], .shortestGeneral, to: &text)
            case .text: text = texts[Int(integers[row])]
            }
            return text
        }
    }
}
