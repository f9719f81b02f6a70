/// Codes symbols by how likely they are, many of them into one string of bytes.
///
/// An arithmetic coder of the carrying kind (Martin 1979): `low` and `range` span what the bytes so far leave open, and
/// a symbol takes its share of it. Against rANS, which columns use, it codes from the first symbol to the last, so that
/// what is coded may depend on what was: `AdaptiveBit`.
package struct RangeEncoder: Sendable {
    private var bytes: [UInt8] = []
    private var low: UInt64 = 0
    private var range: UInt32 = .max

    /// An encoder that has coded nothing.
    package init() {}

    /// Codes a number below `total`, all of them alike; `total` is at most 65 536.
    @inline(__always)
    package mutating func uniform(_ value: Int, below total: Int) {
        let share = range / UInt32(truncatingIfNeeded: total)
        let start = share &* UInt32(truncatingIfNeeded: value)
        range = value &+ 1 == total ? range &- start : share
        add(start)
    }

    /// Codes a bit by what such bits were like.
    @inline(__always)
    package mutating func bit(_ isSet: Bool, _ model: inout AdaptiveBit) {
        let bound = (range >> AdaptiveBit.scale) &* model.ofClear
        if isSet {
            range &-= bound
            add(bound)
        } else {
            range = bound
            add(0)
        }
        model.learn(isSet)
    }

    @inline(__always)
    private mutating func add(_ start: UInt32) {
        low &+= UInt64(start)
        if low > UInt64(UInt32.max) { carry() }
        while range < 1 << 24 {
            bytes.append(UInt8(truncatingIfNeeded: low >> 24))
            low = low << 8 & UInt64(UInt32.max)
            range <<= 8
        }
    }

    private mutating func carry() {
        low &= UInt64(UInt32.max)
        // What the bytes so far stand for is below 1, so one of them takes it.
        var last = bytes.count - 1
        while last >= 0, bytes[last] == .max {
            bytes[last] = 0
            last -= 1
        }
        if last >= 0 { bytes[last] += 1 }
    }

    /// The bytes of all that was coded: as few as tell it, zeros at their end left out.
    package consuming func finish() -> [UInt8] {
        for count in 0...4 {
            let unit: UInt64 = 1 << UInt64(32 - 8 * count)
            let value = (low + unit - 1) / unit * unit
            guard value < low + UInt64(range) else { continue }
            low = value
            if low > UInt64(UInt32.max) { carry() }
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: low >> UInt64(24 - 8 * index))) }
            break
        }
        while bytes.last == 0 { bytes.removeLast() }
        return bytes
    }
}

/// Reads what `RangeEncoder` wrote, by the same models in the same order.
///
/// Behind its bytes it reads zeros for ever: whoever reads knows how much there is. No bytes trap.
package struct RangeDecoder: Sendable {
    private let bytes: [UInt8]
    private var next: Int
    private var code: UInt32 = 0
    private var range: UInt32 = .max

    /// Reads those bytes.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        next = 0
        for _ in 0..<4 { code = code << 8 | read() }
    }

    @inline(__always)
    private mutating func read() -> UInt32 {
        guard next < bytes.count else { return 0 }
        defer { next += 1 }
        return UInt32(bytes[next])
    }

    /// A number below `total`, which is 1 … 65 536.
    @inline(__always)
    package mutating func uniform(below total: Int) -> Int {
        let share = range / UInt32(truncatingIfNeeded: total)
        let value = min(Int(code / share), total &- 1)
        take(share &* UInt32(truncatingIfNeeded: value), value &+ 1 == total ? nil : share)
        return value
    }

    /// A bit.
    @inline(__always)
    package mutating func bit(_ model: inout AdaptiveBit) -> Bool {
        let bound = (range >> AdaptiveBit.scale) &* model.ofClear
        let isSet = code >= bound
        if isSet { take(bound, nil) } else { take(0, bound) }
        model.learn(isSet)
        return isSet
    }

    @inline(__always)
    private mutating func take(_ start: UInt32, _ share: UInt32?) {
        code &-= start
        range = share ?? range &- start
        while range < 1 << 24 {
            code = code << 8 | read()
            range <<= 8
        }
    }
}

/// How likely a bit is to be clear, learnt from those before it.
package struct AdaptiveBit: Sendable {
    /// Probabilities are in units of 1 / 2^15.
    static let scale: UInt32 = 15
    /// The probability of a clear bit, never 0 and never 1.
    fileprivate private(set) var ofClear: UInt32 = 1 << 14
    private var seen: UInt32 = 0
    /// The n-th bit moves the estimate by 1 / (n + 1.5) (Krichevsky and Trofimov), from this one on by 1 / 2^6.
    private static let seenMax: UInt32 = 63

    /// A bit of which nothing is known.
    package init() {}

    @inline(__always)
    fileprivate mutating func learn(_ isSet: Bool) {
        let rest = isSet ? ofClear : (1 << Self.scale) &- ofClear
        var step = rest >> 6
        if seen < Self.seenMax {
            step = 2 &* rest / (2 &* seen &+ 3)
            seen &+= 1
        }
        ofClear = isSet ? ofClear &- step : ofClear &+ step
        ofClear = min(max(ofClear, 32), (1 << 15) &- 32)
    }
}
