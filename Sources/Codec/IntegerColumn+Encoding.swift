extension IntegerColumn {
    /// A reusable encoder; its buffers are kept from column to column.
    package struct Encoder {
        private var tokens = TokenEncoder()
        /// What is left after base and prediction, for all but the first value.
        private var residuals: [Int64] = []
        /// The magnitudes of the predictions, and what the residuals before each were like.
        private var foretold: [UInt64] = []
        private var histories: [UInt64] = []

        /// An encoder.
        package init() {}

        /// Encodes `values` without regard to other columns, in a few passes.
        package mutating func encode(_ values: [Int64]) -> [UInt8] {
            if let simple = IntegerColumn.simple(values) { return simple }
            let costs = IntegerColumn.costs(values)
            let best = IntegerColumn.sparseOrBytes(values, costs)
            // Tables cost some 20 bytes: below that nothing is to be won.
            guard best.count > 24 else { return best }
            let order = costs.bestOrder
            let plan = Plan(
                form: Form(order: order, rule: values.count >= 256 ? .history : .none, hasPrediction: false),
                divisor: order == 2 ? 1 : IntegerColumn.divisor(values, order: order)
            )
            let candidate = encodeTokens(values, plan) { _ in [] }
            return candidate.count < best.count ? candidate : best
        }

        /// Encodes `values` in the best of many ways, with the help of predictions; slower.
        ///
        /// `predictions` are candidates, of changes in units of `divisor`, which all changes are multiples of; the
        /// columns that they read are found by `column`.
        package mutating func encode(
            _ values: [Int64],
            predictions: [LinearPrediction],
            divisor: Int64,
            column: (Int) -> [Int64]
        ) -> [UInt8] {
            if let simple = IntegerColumn.simple(values) { return simple }
            let costs = IntegerColumn.costs(values)
            let best = IntegerColumn.sparseOrBytes(values, costs)
            guard best.count > 12 else { return best }
            var plan: Plan?
            // The size of each plan is known, about, before it is written.
            var planSize = best.count
            func consider(_ candidate: Plan, _ size: Int) {
                if size < planSize { (planSize, plan) = (size, candidate) }
            }
            for order in 0...2 {
                let divisor = order == 1 ? divisor : order == 2 ? 1 : IntegerColumn.divisor(values, order: 0)
                fill(values, order: order, divisor: divisor, nil) { _ in [] }
                for rule in [BucketRule.none, .history] {
                    consider(
                        Plan(form: Form(order: order, rule: rule, hasPrediction: false), divisor: divisor),
                        size(rule)
                    )
                }
            }
            // All candidates by the rule that mostly wins, and the best of them by the others: 1 ‰ more than all by all.
            var bestPrediction: (prediction: LinearPrediction, size: Int)?
            func considerForetold(_ prediction: LinearPrediction, _ rule: BucketRule) {
                let size = size(rule) + prediction.encodedSize
                consider(
                    Plan(
                        form: Form(order: 1, rule: rule, hasPrediction: true),
                        divisor: divisor,
                        prediction: prediction
                    ),
                    size
                )
                if size < bestPrediction?.size ?? .max { bestPrediction = (prediction, size) }
            }
            for prediction in predictions {
                fill(values, order: 1, divisor: divisor, prediction, column)
                considerForetold(prediction, .both)
            }
            if let (prediction, _) = bestPrediction {
                fill(values, order: 1, divisor: divisor, prediction, column)
                for rule in BucketRule.allCases where rule != .both { considerForetold(prediction, rule) }
            }
            guard let plan else { return best }
            let candidate = encodeTokens(values, plan, column)
            return candidate.count < best.count ? candidate : best
        }

        private struct Plan {
            var form: Form
            var divisor: Int64
            var prediction: LinearPrediction?
        }

        private mutating func encodeTokens(
            _ values: [Int64],
            _ plan: Plan,
            _ column: (Int) -> [Int64]
        ) -> [UInt8] {
            fill(values, order: plan.form.order, divisor: plan.divisor, plan.prediction, column)
            assignBuckets(plan.form.rule)
            var writer = ByteWriter()
            writer.byte(Encoding.tokens.rawValue)
            writer.byte(plan.form.byte)
            writer.zigzag(values[0])
            writer.varint(UInt64(bitPattern: plan.divisor))
            plan.prediction?.write(to: &writer)
            tokens.write(residuals, clusters: tokens.plan().clusters, to: &writer)
            return writer.bytes
        }

        /// The bytes that tokens and tables take by that rule.
        private mutating func size(_ rule: BucketRule) -> Int {
            assignBuckets(rule)
            return tokens.plan().size
        }

        private mutating func assignBuckets(_ rule: BucketRule) {
            let count = residuals.count
            tokens.assignBuckets { buckets in
                foretold.withUnsafeBufferPointer { foretold in
                    histories.withUnsafeBufferPointer { histories in
                        for t in 0..<count {
                            buckets[t] = UInt8(
                                truncatingIfNeeded: IntegerColumn.bucket(
                                    rule,
                                    history: histories[t],
                                    prediction: foretold[t]
                                )
                            )
                        }
                    }
                }
            }
        }

        /// Computes what is left after base and prediction, its tokens, and by what buckets may be chosen.
        private mutating func fill(
            _ values: [Int64],
            order: Int,
            divisor: Int64,
            _ prediction: LinearPrediction?,
            _ column: (Int) -> [Int64]
        ) {
            let count = values.count - 1
            if residuals.count != count {
                residuals = [Int64](repeating: 0, count: count)
                foretold = [UInt64](repeating: 0, count: count)
                histories = foretold
            }
            let prepared = Self.prepared(prediction, values.count, column)
            let shift = prepared.shift
            let division = ExactDivision(divisor)
            values.withUnsafeBufferPointer { values in
                prepared.sums.withUnsafeBufferPointer { sums in
                    residuals.withUnsafeMutableBufferPointer { residuals in
                        foretold.withUnsafeMutableBufferPointer { foretold in
                            histories.withUnsafeMutableBufferPointer { histories in
                                var history = History()
                                let first = values[0]
                                var last = first
                                var step: Int64 = 0
                                for t in 1...count {
                                    let value = values[t]
                                    let own = prepared.ownWeights.isEmpty ? 0 : prepared.ownWeights[t] &* last
                                    let expected = sums.isEmpty ? 0 : (sums[t] &+ own) &>> shift
                                    let base = order == 0 ? first : order == 1 ? last : last &+ step
                                    let residual = division.quotient(value &- base) &- expected
                                    residuals[t &- 1] = residual
                                    foretold[t &- 1] = expected.magnitude
                                    histories[t &- 1] = history.magnitude
                                    history.note(residual)
                                    step = value &- last
                                    last = value
                                }
                            }
                        }
                    }
                }
            }
            tokens.load(residuals)
        }

        private static func prepared(
            _ prediction: LinearPrediction?,
            _ count: Int,
            _ column: (Int) -> [Int64]
        ) -> LinearPrediction.Prepared {
            guard let prediction else { return LinearPrediction.Prepared() }
            do {
                return try prediction.prepare(count: count) { (index) throws(CodecError) in column(index) }
            } catch {
                preconditionFailure("BUG: a prediction by columns of other length")
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
        /// Bits of the magnitudes by order, and whether both signs occur, which costs another one each.
        var bits: [Int] = [0, 0, 0]
        var hasNegative: [Bool] = [false, false, false]
        var hasPositive: [Bool] = [false, false, false]
        var count = 0
        var changes = 0

        @inline(__always)
        mutating func note(_ order: Int, _ residual: Int64) {
            bits[order] &+= 64 &- residual.magnitude.leadingZeroBitCount
            if residual < 0 { hasNegative[order] = true }
            if residual > 0 { hasPositive[order] = true }
        }

        var bestOrder: Int {
            let total = (0...2).map { bits[$0] + (hasNegative[$0] && hasPositive[$0] ? count : 0) }
            // A difference of less than a twentieth is noise; the usual order then.
            if total[0] * 20 < min(total[1], total[2]) * 19 { return 0 }
            return total[2] * 20 < total[1] * 19 ? 2 : 1
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
        costs.count = values.count
        let first = values[0]
        var last = first
        var step: Int64 = 0
        for t in 1..<values.count {
            let value = values[t]
            let change = value &- last
            costs.note(0, value &- first)
            costs.note(1, change)
            costs.note(2, change &- step)
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
