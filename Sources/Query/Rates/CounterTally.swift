import Model

/// By how much a counter rose between two samples.
enum Increase: Hashable {
    /// Both samples are integers; exact.
    case whole(Int128)
    /// Any other: the sample before, 0 where it counted from there, and the sample.
    ///
    /// Not as a difference, which would be rounded: so the increases of samples that follow one another add up to
    /// that from the first to the last, and what lies between need not be looked at.
    case real(from: Number, to: Number)

    /// What `value` says of a counter that counted from 0.
    init(fromZeroTo value: Number) {
        switch value {
        case .integer(let integer): self = .whole(Int128(integer))
        case .unsigned(let integer): self = .whole(Int128(integer))
        case .real: self = .real(from: .integer(0), to: value)
        }
    }

    /// `b - a`.
    init(from a: Number, to b: Number) {
        if case .integer(let x) = a, case .integer(let y) = b {
            self = .whole(Int128(y) - Int128(x))
        } else if let x = a.exactInteger, let y = b.exactInteger {
            self = .whole(y - x)
        } else {
            self = .real(from: a, to: b)
        }
    }
}

/// A sum of increases and of parts of them: whole ones exact, parts that do not come out even compensated.
struct IncreaseSum: Hashable {
    // Up to 2⁶³ increases below 2⁶⁵ would fit a wider integer only; 2⁶⁰ of them are beyond any recording.
    private var whole: Int128 = 0
    /// The doubles among the samples of whole increases, added and taken away.
    private var reals = ExactSum()
    /// Parts that are no integer, as Neumaier's compensated sum (Rundungsfehleranalyse einiger Verfahren zur Summation
    /// endlicher Summen, 1974): `high + low` is good to about twice the precision of a double.
    private var high = 0.0
    private var low = 0.0
    private var isWhole = true

    mutating func add(_ increase: Increase) {
        switch increase {
        case .whole(let value): whole &+= value
        case .real(let from, let to):
            isWhole = false
            add(sample: to, isNegative: false)
            add(sample: from, isNegative: true)
        }
    }

    private mutating func add(sample: Number, isNegative: Bool) {
        switch sample {
        case .integer(let value): whole &+= isNegative ? -Int128(value) : Int128(value)
        case .unsigned(let value): whole &+= isNegative ? -Int128(value) : Int128(value)
        case .real(let value): reals.add(isNegative ? -value : value)
        }
    }

    /// Adds the part of `increase` that falls on `part` of the `length` over which it is spread evenly.
    ///
    /// The parts of an integer are quotients whose remainders alone go through doubles, so that the parts of a
    /// pair add up to the pair however often it is cut.
    mutating func add(_ increase: Increase, part: Int64, of length: Int64) {
        precondition(0 <= part && part <= length && length > 0, "BUG: a part is no longer than the whole")
        guard part < length else { return add(increase) }
        switch increase {
        case .whole(let value):
            // Mostly 64 bits do, and dividing 128 takes ten times as long.
            if let small = Int64(exactly: value) {
                let (product, overflow) = small.multipliedReportingOverflow(by: part)
                if !overflow {
                    let (quotient, remainder) = product.quotientAndRemainder(dividingBy: length)
                    whole &+= Int128(quotient)
                    if remainder != 0 { add(real: Double(remainder) / Double(length)) }
                    return
                }
            }
            let (product, overflow) = value.multipliedReportingOverflow(by: Int128(part))
            guard !overflow else { return add(real: Double(value) * (Double(part) / Double(length))) }
            let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(length))
            whole &+= quotient
            if remainder != 0 { add(real: Double(remainder) / Double(length)) }
        case .real(let from, let to):
            add(real: (to.double - from.double) * (Double(part) / Double(length)))
        }
    }

    private mutating func add(real value: Double) {
        isWhole = false
        let sum = high + value
        low += high.magnitude >= value.magnitude ? (high - sum) + value : (value - sum) + high
        high = sum
    }

    /// The sum: an integer where all that was added is, else the nearest double.
    var number: Number {
        isWhole ? Number(nearest: whole) : .real(double)
    }

    /// The sum as a double, rounded once where nothing but whole increases was added.
    ///
    /// Finite.
    var double: Double {
        // Of 128 bits the conversion is a slow general one.
        var sum = Int64(exactly: whole).map { Double($0) } ?? Double(whole)
        guard !isWhole else { return sum }
        if !reals.isEmpty {
            var exact = reals
            exact.add(whole)
            sum = exact.mean(of: 1)
        }
        sum += high + low
        // Only counters near the end of the range of double get here; JSON has no infinity.
        guard sum.isFinite else {
            return sum.sign == .minus ? -.greatestFiniteMagnitude : .greatestFiniteMagnitude
        }
        return sum
    }
}

extension Number {
    /// The integer where it fits UInt64 or Int64, else the nearest double.
    init(nearest value: Int128) {
        if let fits = Int64(exactly: value) {
            self = .integer(fits)
        } else if let fits = UInt64(exactly: value) {
            self = .unsigned(fits)
        } else {
            self = .real(Double(value))
        }
    }
}

/// The increase between two samples of a counter, spread evenly over the time between them.
struct CounterPair {
    /// The times of the samples; `start` is before `end`.
    var start: Int64
    var end: Int64
    var increase: Increase
    /// Whether the counter began again between them.
    var isReset: Bool
}

/// What the pairs of one counter amount to, in a range and in each step of it.
struct CounterTally {
    private(set) var total = IncreaseSum()
    private(set) var resets = 0
    private(set) var covered = CoveredTime()
    /// By index in the window's steps; empty where there are none.
    private(set) var steps: [IncreaseSum]

    /// A tally of no pairs in `window`.
    init(_ window: QueryWindow) {
        steps = Array(repeating: IncreaseSum(), count: window.steps?.count ?? 0)
    }

    /// Adds the part of `pair` that lies in `window`, to the whole and to the steps.
    ///
    /// The reset counts where the pair's end lies.
    mutating func add(_ pair: CounterPair, in window: QueryWindow) {
        if pair.isReset, window.contains(pair.end) { resets += 1 }
        let start = max(pair.start, window.since)
        let end = min(pair.end, window.until)
        guard start < end else { return }
        let length = pair.end - pair.start
        total.add(pair.increase, part: end - start, of: length)
        covered.add(start, end)
        guard let span = window.steps, let first = span.index(of: start) else { return }
        for index in first..<span.count {
            let stepStart = span.start(of: index)
            guard stepStart < end else { return }
            let part = min(end, stepStart &+ span.step) - max(start, stepStart)
            steps[index].add(pair.increase, part: part, of: length)
        }
    }

    /// Adds pairs that adjoin one another, rose by that together, and lie in the window and in one step.
    mutating func add(wholePairsFrom start: Int64, to end: Int64, increase: Increase, step: Int?) {
        total.add(increase)
        covered.add(start, end)
        if let step { steps[step].add(increase) }
    }
}
