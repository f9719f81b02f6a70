/// Finds linear predictions among columns of equal length: which few columns tell most about another's changes.
///
/// Greedy least squares ("orthogonal matching pursuit"): the column whose changes go best with what is still
/// unexplained joins, the weights of all are solved again, and so on; each of some of these stages is offered as a
/// candidate, and the encoder keeps the one that comes out smallest. The sums of products of all pairs are computed
/// once; after that a stage costs columns × terms. Bursts would drown the rest, so a row counts the less the more
/// happens in it. Doubles only choose; what is stored are integers, so that readers need not agree on rounding.
package struct PredictionSearch {
    /// The stages that are offered, in terms.
    package static let stages = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]

    /// A column that may be foretold, or foretell others.
    private struct Feature {
        /// The caller's number.
        var column: Int
        /// Changes in units of the divisor, weighted by row and scaled to a mean square of 1.
        var scaled: [Double]
        /// What a change of the column itself was multiplied with, but for the weight of the row.
        var scale: Double
        /// The largest change, as a binary exponent.
        var exponentMax: Int
    }

    private let rows: Int
    private let rowWeights: [Double]
    private var features: [Feature] = []
    /// Products of each feature with those before it and itself.
    private var products: [[Double]] = []

    /// A search over columns of that many values; by all of `columns` it judges how much happens in a row.
    package init(count: Int, judging columns: [[Int64]]) {
        rows = max(0, count - 1)
        var activity = [Double](repeating: 0, count: rows)
        for column in columns {
            let changes = Self.changes(column)
            let sum = changes.reduce(0) { $0 + $1.magnitude }
            guard sum > 0 else { continue }
            let scale = Double(rows) / sum
            for t in 0..<rows { activity[t] += min(changes[t].magnitude * scale, 100) }
        }
        let mean = max(1, activity.reduce(0, +) / Double(max(1, rows)))
        rowWeights = activity.map { 1 / (0.1 + $0 / mean).squareRoot() }
    }

    /// Adds a column that may foretell those added after it.
    package mutating func add(_ values: [Int64], column: Int) {
        let feature = feature(values, column: column)
        var row = features.map { Self.dot($0.scaled, feature.scaled) }
        row.append(Self.dot(feature.scaled, feature.scaled))
        products.append(row)
        features.append(feature)
    }

    private func feature(_ values: [Int64], column: Int) -> Feature {
        let changes = Self.changes(values)
        var scaled = changes
        var peak = 0.0
        var square = 0.0
        for t in 0..<rows {
            scaled[t] *= rowWeights[t]
            square += scaled[t] * scaled[t]
            peak = max(peak, changes[t].magnitude)
        }
        let scale = square > 0 ? (Double(rows) / square).squareRoot() : 0
        for t in 0..<rows { scaled[t] *= scale }
        return Feature(
            column: column,
            scaled: scaled,
            scale: scale,
            exponentMax: peak > 0 ? Int(peak.exponent) + 1 : 0
        )
    }

    /// Predictions of the changes of `values` in units of `divisor`, with more and more terms, up to `termsMax`.
    ///
    /// `gapTo` is a column whose distance to this one may foretell it (what was given out and not yet taken back),
    /// and `gate` one that lets such a gap count where it changes. `isAllowed` says whether a column may be a term
    /// besides those chosen so far.
    package func predictions(
        of values: [Int64],
        divisor: Int64,
        gapTo: (column: Int, values: [Int64])?,
        gate: (column: Int, values: [Int64])? = nil,
        termsMax: Int,
        isAllowed: (_ column: Int, _ chosen: [Int]) -> Bool
    ) -> [LinearPrediction] {
        let target = feature(values, column: -1)
        guard target.scale > 0 else { return [] }
        var extra: [Extra] = [constant()]
        if let gapTo { extra.append(gap(from: values, to: gapTo, gate: gate?.values)) }
        var problem = GrowingLeastSquares(
            gram: products,
            extra: extra.map { extra in features.map { Self.dot($0.scaled, extra.scaled) } },
            extraSquares: extra.map { a in extra.map { Self.dot(a.scaled, $0.scaled) } },
            target: features.map { Self.dot($0.scaled, target.scaled) }
                + extra.map {
                    Self.dot($0.scaled, target.scaled)
                }
        )
        let square = Self.dot(target.scaled, target.scaled)
        var result: [LinearPrediction] = []
        while problem.chosen.count < min(termsMax, LinearPrediction.termsMax - 1) {
            let chosenColumns = problem.chosen.filter { $0 < features.count }.map { features[$0].column }
            let joined = problem.step { index in
                index >= features.count || isAllowed(features[index].column, chosenColumns)
            }
            guard joined else { break }
            let isExact = problem.explained > square * (1 - 1e-12)
            if Self.stages.contains(problem.chosen.count) || isExact {
                result.append(prediction(problem, extra, target, divisor, gate: gate?.column))
            }
            if isExact { break }
        }
        return result
    }

    /// A pseudo-column: a constant, or the gap to another column.
    private struct Extra {
        var scaled: [Double]
        var scale: Double
        var gapColumn: Int?
        var exponentMax: Int
    }

    private func constant() -> Extra {
        let square = Self.dot(rowWeights, rowWeights)
        let scale = square > 0 ? (Double(rows) / square).squareRoot() : 0
        return Extra(scaled: rowWeights.map { $0 * scale }, scale: scale, gapColumn: nil, exponentMax: 1)
    }

    private func gap(
        from values: [Int64],
        to other: (column: Int, values: [Int64]),
        gate: [Int64]?
    ) -> Extra {
        let isOpen = gate.map(LinearPrediction.changes)
        var scaled = [Double](repeating: 0, count: rows)
        var peak = 0.0
        var square = 0.0
        for t in 0..<rows {
            guard isOpen?[t + 1] ?? true else { continue }
            let gap = Double(other.values[t] &- values[t])
            peak = max(peak, gap.magnitude)
            scaled[t] = gap * rowWeights[t]
            square += scaled[t] * scaled[t]
        }
        let scale = square > 0 ? (Double(rows) / square).squareRoot() : 0
        for t in 0..<rows { scaled[t] *= scale }
        return Extra(
            scaled: scaled,
            scale: scale,
            gapColumn: other.column,
            exponentMax: peak > 0 ? Int(peak.exponent) + 1 : 0
        )
    }

    /// The prediction with the problem's weights, as integers.
    private func prediction(
        _ problem: GrowingLeastSquares,
        _ extra: [Extra],
        _ target: Feature,
        _ divisor: Int64,
        gate: Int?
    ) -> LinearPrediction {
        // Weights for unscaled changes; a weight's error times the largest change should stay below 1/4.
        var bias = 0.0
        var weights: [(column: Int, isGap: Bool, weight: Double)] = []
        var exponentMax = 1
        var productMax = 0
        for (index, weight) in zip(problem.chosen, problem.weights) {
            let unit = target.scale * Double(divisor)
            guard index < features.count else {
                let pseudo = extra[index - features.count]
                let plain = weight * pseudo.scale / unit
                if let column = pseudo.gapColumn {
                    weights.append((column, true, plain))
                    exponentMax = max(exponentMax, pseudo.exponentMax)
                    productMax = max(productMax, pseudo.exponentMax + Int(plain.magnitude.exponent))
                } else {
                    bias = plain
                }
                continue
            }
            let plain = weight * features[index].scale / unit
            guard plain.isFinite, plain != 0 else { continue }
            weights.append((features[index].column, false, plain))
            exponentMax = max(exponentMax, features[index].exponentMax)
            productMax = max(productMax, features[index].exponentMax + Int(plain.magnitude.exponent))
        }
        var shift = max(0, min(exponentMax + 2, 59 - productMax, LinearPrediction.shiftMax))
        let unit = Double(sign: .plus, exponent: shift, significand: 1)
        var terms: [LinearPrediction.Term] = []
        for (column, isGap, weight) in weights {
            guard let fixed = Int64(exactly: (weight * unit).rounded()), fixed != 0 else { continue }
            terms.append(LinearPrediction.Term(column: column, isGap: isGap, weight: fixed))
        }
        // Whole weights need no shift.
        while shift > 0, terms.allSatisfy({ $0.weight & 1 == 0 }), bias.magnitude < 0.01 {
            for i in terms.indices { terms[i].weight /= 2 }
            shift -= 1
        }
        let half = shift > 0 ? Int64(1) << Int64(shift - 1) : 0
        let fixedBias =
            Int64(exactly: (bias * Double(sign: .plus, exponent: shift, significand: 1)).rounded()) ?? 0
        return LinearPrediction(
            terms: terms,
            bias: fixedBias &+ half,
            shift: shift,
            gate: terms.contains(where: \.isGap) ? gate : nil
        )
    }

    private static func changes(_ values: [Int64]) -> [Double] {
        guard values.count > 1 else { return [] }
        return [Double](unsafeUninitializedCapacity: values.count - 1) { buffer, initialized in
            values.withUnsafeBufferPointer { values in
                for t in 1..<values.count { buffer[t - 1] = Double(values[t] &- values[t - 1]) }
            }
            initialized = values.count - 1
        }
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double {
        a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in
                let count = min(a.count, b.count) / 8
                var sum0 = SIMD4<Double>.zero
                var sum1 = SIMD4<Double>.zero
                var sum2 = SIMD4<Double>.zero
                var sum3 = SIMD4<Double>.zero
                var i = 0
                while i &+ 16 <= count {
                    let o = i &* 8
                    sum0 +=
                        a.loadUnaligned(fromByteOffset: o, as: SIMD4<Double>.self)
                        * b.loadUnaligned(fromByteOffset: o, as: SIMD4<Double>.self)
                    sum1 +=
                        a.loadUnaligned(fromByteOffset: o &+ 32, as: SIMD4<Double>.self)
                        * b.loadUnaligned(fromByteOffset: o &+ 32, as: SIMD4<Double>.self)
                    sum2 +=
                        a.loadUnaligned(fromByteOffset: o &+ 64, as: SIMD4<Double>.self)
                        * b.loadUnaligned(fromByteOffset: o &+ 64, as: SIMD4<Double>.self)
                    sum3 +=
                        a.loadUnaligned(fromByteOffset: o &+ 96, as: SIMD4<Double>.self)
                        * b.loadUnaligned(fromByteOffset: o &+ 96, as: SIMD4<Double>.self)
                    i &+= 16
                }
                var sum = (sum0 + sum1 + sum2 + sum3).sum()
                while i < count {
                    sum +=
                        a.loadUnaligned(fromByteOffset: i &* 8, as: Double.self)
                        * b.loadUnaligned(fromByteOffset: i &* 8, as: Double.self)
                    i &+= 1
                }
                return sum
            }
        }
    }
}
