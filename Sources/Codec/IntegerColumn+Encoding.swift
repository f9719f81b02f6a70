extension IntegerColumn {
    /// A reusable encoder; its buffers are kept from column to column.
    package struct Encoder {
        private var tokens = TokenEncoder()
        private var residuals: [Int64] = []

        /// An encoder.
        package init() {}

        /// Encodes `values` without regard to other columns, in one or two passes.
        package mutating func encode(_ values: [Int64]) -> [UInt8] {
            if let simple = IntegerColumn.simple(values) { return simple }
            let costs = IntegerColumn.costs(values)
            var best = IntegerColumn.sparseOrBytes(values, costs)
            // Tables cost some 20 bytes: below that nothing is to be won.
            if best.count > 24 {
                let order = costs.bestOrder
                let rules: [BucketRule] = values.count >= 256 ? [.history] : [.none]
                let divisor = order == 2 ? 1 : IntegerColumn.divisor(values, order: order)
                for rule in rules {
                    let form = Form(order: order, rule: rule, hasPrediction: false)
                    let candidate = encodeTokens(values, form: form, divisor: divisor, prediction: nil, columns: [])
                    if candidate.count < best.count { best = candidate }
                }
            }
            return best
        }

        /// Encodes `values` in the best of many ways, with the help of predictions; slower.
        ///
        /// - Parameters:
        ///   - predictions: candidates of order 1; their columns are found in `column`.
        ///   - divisor: what all changes are multiples of; predictions are in its units.
        package mutating func encode(
            _ values: [Int64], predictions: [LinearPrediction], divisor: Int64, column: (Int) -> [Int64]
        ) -> [UInt8] {
            if let simple = IntegerColumn.simple(values) { return simple }
            let costs = IntegerColumn.costs(values)
            var best = IntegerColumn.sparseOrBytes(values, costs)
            guard best.count > 12 else { return best }
            // The size of each plan is known before it is written.
            var plan: (form: Form, prediction: LinearPrediction?)?
            var planSize = best.count
            func consider(_ form: Form, _ prediction: LinearPrediction?, _ clusterSize: Int) {
                let size = clusterSize + (prediction?.encodedSize ?? 0)
                if size < planSize { (planSize, plan) = (size, (form, prediction)) }
            }
            for order in 0...2 {
                let orderDivisor = order == 1 ? divisor : order == 2 ? 1 : IntegerColumn.divisor(values, order: 0)
                for rule in [BucketRule.none, .history] {
                    let form = Form(order: order, rule: rule, hasPrediction: false)
                    fill(values, form: form, divisor: orderDivisor, sums: [], ownWeight: 0, shift: 0)
                    consider(form, nil, tokens.plan().size)
                }
            }
            for prediction in predictions {
                let columns = prediction.terms.map { column($0.column) }
                let (sums, ownWeight) = prediction.prepare(count: values.count, columns: columns)
                for rule in BucketRule.allCases {
                    let form = Form(order: 1, rule: rule, hasPrediction: true)
                    fill(values, form: form, divisor: divisor, sums: sums, ownWeight: ownWeight, shift: prediction.shift)
                    consider(form, prediction, tokens.plan().size)
                }
            }
            if let plan {
                let planDivisor = plan.form.order == 1
                    ? divisor : plan.form.order == 2 ? 1 : IntegerColumn.divisor(values, order: 0)
                let columns = plan.prediction?.terms.map { column($0.column) } ?? []
                let candidate = encodeTokens(
                    values, form: plan.form, divisor: planDivisor, prediction: plan.prediction, columns: columns)
                if candidate.count < best.count { best = candidate }
            }
            return best
        }

        private mutating func encodeTokens(
            _ values: [Int64], form: Form, divisor: Int64, prediction: LinearPrediction?, columns: [[Int64]]
        ) -> [UInt8] {
            let (sums, ownWeight) = prediction?.prepare(count: values.count, columns: columns) ?? ([], 0)
            fill(values, form: form, divisor: divisor, sums: sums, ownWeight: ownWeight, shift: prediction?.shift ?? 0)
            var writer = ByteWriter()
            writer.byte(Encoding.tokens.rawValue)
            writer.byte(form.byte)
            writer.zigzag(values[0])
            writer.varint(UInt64(bitPattern: divisor))
            prediction?.write(to: &writer)
            tokens.write(residuals, clusters: tokens.plan().clusters, to: &writer)
            return writer.bytes
        }

        /// Computes what is left after base and prediction, and its tokens.
        private mutating func fill(
            _ values: [Int64], form: Form, divisor: Int64, sums: [Int64], ownWeight: Int64, shift: Int
        ) {
            tokens.removeAll()
            residuals.removeAll(keepingCapacity: true)
            residuals.reserveCapacity(values.count)
            let division = ExactDivision(divisor)
            var history = History()
            let first = values[0]
            var last = first
            var step: Int64 = 0
            for t in 1..<values.count {
                let value = values[t]
                let foretold = sums.isEmpty ? 0 : (sums[t] &+ ownWeight &* last) &>> Int64(shift)
                let base =
                    switch form.order {
                    case 0: first
                    case 1: last
                    default: last &+ step
                    }
                let residual = division.quotient(value &- base) &- foretold
                tokens.append(
                    residual, bucket: IntegerColumn.bucket(form.rule, history: history, prediction: foretold))
                residuals.append(residual)
                history.note(residual)
                step = value &- last
                last = value
            }
        }
    }

    /// What all changes (of order 1) or all distances to the first value (of order 0) are multiples of; at least 1.
    package static func divisor(_ values: [Int64], order: Int = 1) -> Int64 {
        guard var last = values.first else { return 1 }
        var divisor: UInt64 = 0
        for value in values {
            let change = (value &- last).magnitude
            if order == 1 { last = value }
            if change == 0 { continue }
            // Euclid's algorithm; most changes are multiples already.
            var (a, b) = (divisor, change)
            if a != 0, b % a == 0 { continue }
            while b != 0 { (a, b) = (b, a % b) }
            divisor = a
            if divisor == 1 { return 1 }
        }
        return divisor == 0 || divisor > UInt64(Int64.max) ? 1 : Int64(divisor)
    }

    /// Estimates that one pass yields.
    struct Costs {
        /// Bits of the changes, and of what zigzag varints of them take.
        var bits: [Int] = [0, 0, 0]
        var varintBytes = 0
        var changes = 0

        var bestOrder: Int {
            // A difference of less than a twentieth is noise; the usual order then.
            if bits[0] * 20 < min(bits[1], bits[2]) * 19 { return 0 }
            return bits[2] * 20 < bits[1] * 19 ? 2 : 1
        }
    }

    /// Constant and line, where they fit.
    private static func simple(_ values: [Int64]) -> [UInt8]? {
        guard let first = values.first else { return [] }
        var writer = ByteWriter()
        let step = values.count > 1 ? values[1] &- first : 0
        var last = first
        for value in values.dropFirst() {
            if value &- last != step { return nil }
            last = value
        }
        writer.byte(step == 0 ? Encoding.constant.rawValue : Encoding.line.rawValue)
        writer.zigzag(first)
        if step != 0 { writer.zigzag(step) }
        return writer.bytes
    }

    private static func costs(_ values: [Int64]) -> Costs {
        var costs = Costs()
        let first = values[0]
        var last = first
        var step: Int64 = 0
        for t in 1..<values.count {
            let value = values[t]
            let change = value &- last
            let width = 64 &- Zigzag.encode(change).leadingZeroBitCount
            costs.bits[1] &+= width
            costs.varintBytes &+= max(1, (width &+ 6) / 7)
            costs.bits[0] &+= 64 &- Zigzag.encode(value &- first).leadingZeroBitCount
            costs.bits[2] &+= 64 &- Zigzag.encode(change &- step).leadingZeroBitCount
            if change != 0 { costs.changes &+= 1 }
            step = change
            last = value
        }
        return costs
    }

    /// The smaller one of encodings 3 and 2.
    private static func sparseOrBytes(_ values: [Int64], _ costs: Costs) -> [UInt8] {
        var writer = ByteWriter()
        if costs.changes * 2 < values.count {
            writer.byte(Encoding.sparse.rawValue)
            writer.zigzag(values[0])
            writer.count(costs.changes)
            var gap = 0
            for t in 1..<values.count {
                if values[t] == values[t - 1] {
                    gap += 1
                } else {
                    writer.count(gap)
                    writer.zigzag(values[t] &- values[t - 1])
                    gap = 0
                }
            }
        } else {
            writer.byte(Encoding.bytes.rawValue)
            var last: Int64 = 0
            for value in values {
                writer.zigzag(value &- last)
                last = value
            }
        }
        return writer.bytes
    }
}

/// Division of exact multiples: a shift and a multiplication by the inverse modulo 2^64, as it wraps.
struct ExactDivision {
    private let shift: Int64
    private let inverse: Int64

    /// Divides by `divisor`, above 0.
    init(_ divisor: Int64) {
        precondition(divisor > 0, "BUG: division by nothing")
        shift = Int64(divisor.trailingZeroBitCount)
        let odd = divisor &>> shift
        // Newton's iteration doubles the right bits: 3, 6, 12, 24, 48, 96.
        var inverse = odd
        for _ in 0..<5 { inverse = inverse &* (2 &- odd &* inverse) }
        self.inverse = inverse
    }

    /// value / divisor, where that is whole.
    @inline(__always)
    func quotient(_ value: Int64) -> Int64 { (value &>> shift) &* inverse }
}

extension LinearPrediction {
    /// What it takes in bytes.
    var encodedSize: Int {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.count
    }
}
