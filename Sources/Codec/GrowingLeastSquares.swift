/// Least squares over a growing choice of features, by a growing Cholesky factor of their products.
struct GrowingLeastSquares {
    var gram: [[Double]]
    var extra: [[Double]]
    var extraSquares: [[Double]]
    /// Products of the target with each feature and pseudo-feature.
    var target: [Double]
    private(set) var chosen: [Int] = []
    private(set) var weights: [Double] = []
    /// How much of the target's square is explained.
    private(set) var explained = 0.0
    /// What of `target` is not explained.
    private var open: [Double]
    private var factor: [[Double]] = []
    private var solved: [Double] = []
    /// What of each feature's own square is not in the span of the chosen.
    private var fresh: [Double]
    /// Rows of the factor applied to all features: L⁻¹ G.
    private var spans: [[Double]] = []

    init(gram: [[Double]], extra: [[Double]], extraSquares: [[Double]], target: [Double]) {
        self.gram = gram
        self.extra = extra
        self.extraSquares = extraSquares
        self.target = target
        open = target
        fresh = []
        for i in target.indices {
            fresh.append(i < gram.count ? gram[i][i] : extraSquares[i - gram.count][i - gram.count])
        }
    }

    private func product(_ i: Int, _ j: Int) -> Double {
        let (low, high) = i < j ? (i, j) : (j, i)
        if high < gram.count { return gram[high][low] }
        if low < gram.count { return extra[high - gram.count][low] }
        return extraSquares[high - gram.count][low - gram.count]
    }

    /// Takes in the feature that explains most of what is open; false where none does.
    mutating func step(isAllowed: (Int) -> Bool) -> Bool {
        var best = -1
        var bestGain = 0.0
        for i in target.indices where !chosen.contains(i) {
            // What is nearly in the span of the others is noise.
            guard fresh[i] > 1e-7 * max(1, product(i, i)) else { continue }
            let gain = open[i] * open[i] / fresh[i]
            if gain > bestGain, isAllowed(i) { (best, bestGain) = (i, gain) }
        }
        guard best >= 0, bestGain > 0 else { return false }
        // The new row of the factor, orthogonal to those before.
        let norm = fresh[best].squareRoot()
        var row = [Double](repeating: 0, count: target.count)
        for j in target.indices {
            var value = product(best, j)
            for span in spans { value -= span[best] * span[j] }
            row[j] = value / norm
        }
        let part = open[best] / norm
        for j in target.indices {
            open[j] -= part * row[j]
            fresh[j] -= row[j] * row[j]
        }
        spans.append(row)
        solved.append(part)
        chosen.append(best)
        explained += part * part
        solve()
        return true
    }

    /// Weights of the chosen, by back substitution: Lᵀ w = solved.
    private mutating func solve() {
        let count = chosen.count
        weights = solved
        for i in stride(from: count - 1, through: 0, by: -1) {
            for j in i + 1..<max(count, i + 1) { weights[i] -= spans[i][chosen[j]] * weights[j] }
            weights[i] /= spans[i][chosen[i]]
        }
    }
}
