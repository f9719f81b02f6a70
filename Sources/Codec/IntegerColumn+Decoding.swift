extension IntegerColumn {
    /// The `count` values that `bytes` encode.
    ///
    /// `column` gives the values of another column that a prediction reads, as many as `count`.
    ///
    /// - Throws: what `column` throws; `CodecError` where the bytes are damaged. Allocates for `count` values only,
    ///   which the caller has checked against a limit.
    package static func decode(
        _ reader: inout ByteReader,
        count: Int,
        column: (Int) throws(CodecError) -> [Int64]
    ) throws(CodecError) -> [Int64] {
        guard count > 0 else {
            guard reader.isAtEnd else { throw .malformed("bytes after an empty column") }
            return []
        }
        guard let encoding = Encoding(rawValue: try reader.byte()) else {
            throw .malformed("an unknown encoding")
        }
        let values: [Int64]
        switch encoding {
        case .constant: values = [Int64](repeating: try reader.zigzag(), count: count)
        case .line: values = try line(&reader, count)
        case .bytes: values = try bytes(&reader, count)
        case .sparse: values = try sparse(&reader, count)
        case .tokens: values = try tokens(&reader, count, column)
        }
        guard reader.isAtEnd else { throw .malformed("bytes after the end of a column") }
        return values
    }

    /// The columns that must be decoded before this one; none but for encoding 4.
    package static func columnsRead(by reader: ByteReader) throws(CodecError) -> [Int] {
        var reader = reader
        guard !reader.isAtEnd, try reader.byte() == Encoding.tokens.rawValue else { return [] }
        let form = try form(&reader)
        guard form.hasPrediction else { return [] }
        _ = try reader.zigzag()
        _ = try reader.varint()
        return try LinearPrediction(from: &reader).columns
    }

    private static func line(_ reader: inout ByteReader, _ count: Int) throws(CodecError) -> [Int64] {
        var value = try reader.zigzag()
        let step = try reader.zigzag()
        return [Int64](unsafeUninitializedCapacity: count) { buffer, initialized in
            for t in 0..<count {
                buffer[t] = value
                value &+= step
            }
            initialized = count
        }
    }

    private static func bytes(_ reader: inout ByteReader, _ count: Int) throws(CodecError) -> [Int64] {
        // Each value needs a byte.
        guard count <= reader.remaining else { throw .cutShort(offset: reader.end) }
        var value: Int64 = 0
        var values: [Int64] = []
        values.reserveCapacity(count)
        for _ in 0..<count {
            value &+= try reader.zigzag()
            values.append(value)
        }
        return values
    }

    private static func sparse(_ reader: inout ByteReader, _ count: Int) throws(CodecError) -> [Int64] {
        var value = try reader.zigzag()
        var values = [Int64](repeating: value, count: count)
        let changes = try reader.count(max: min(count, reader.remaining / 2), "changes of a column")
        var t = 1
        for change in 0..<changes {
            let gap = try reader.count(max: count, "unchanged values")
            guard gap < count - t else { throw .malformed("a change after the end") }
            if change > 0 { for i in t..<t + gap { values[i] = value } }
            t += gap
            value &+= try reader.zigzag()
            values[t] = value
            t += 1
        }
        if changes > 0 { for i in t..<count { values[i] = value } }
        return values
    }

    private static func form(_ reader: inout ByteReader) throws(CodecError) -> Form {
        let byte = try reader.byte()
        guard byte < 32, byte & 3 < 3, let rule = BucketRule(rawValue: byte >> 2 & 3) else {
            throw .malformed("an unknown form")
        }
        return Form(order: Int(byte & 3), rule: rule, hasPrediction: byte & 16 != 0)
    }

    private static func tokens(
        _ reader: inout ByteReader,
        _ count: Int,
        _ column: (Int) throws(CodecError) -> [Int64]
    ) throws(CodecError) -> [Int64] {
        let form = try form(&reader)
        let first = try reader.zigzag()
        let divisor = Int64(bitPattern: try reader.varint())
        let prepared =
            form.hasPrediction
            ? try LinearPrediction(from: &reader).prepare(count: count, column: column)
            : LinearPrediction.Prepared()
        let loop = Loop(first: first, divisor: divisor, count: count, prepared: prepared)
        return try TokenDecoder.withDecoder(&reader) { (decoder) throws(CodecError) in
            var values: [Int64]
            // Each rule and order is a loop of its own, so that the compiler leaves out what does not matter.
            switch (form.order, form.rule) {
            case (0, .none): values = loop.run(&decoder, order: 0, rule: .none)
            case (0, .history): values = loop.run(&decoder, order: 0, rule: .history)
            case (1, .none): values = loop.run(&decoder, order: 1, rule: .none)
            case (1, .history): values = loop.run(&decoder, order: 1, rule: .history)
            case (1, .prediction): values = loop.run(&decoder, order: 1, rule: .prediction)
            case (1, .both): values = loop.run(&decoder, order: 1, rule: .both)
            case (2, .none): values = loop.run(&decoder, order: 2, rule: .none)
            case (2, .history): values = loop.run(&decoder, order: 2, rule: .history)
            case (_, let rule): values = loop.run(&decoder, order: form.order, rule: rule)
            }
            try decoder.finish()
            return values
        }
    }

    /// What the loop over the numbers of encoding 4 needs.
    private struct Loop {
        var first: Int64
        var divisor: Int64
        var count: Int
        var prepared: LinearPrediction.Prepared

        @inline(__always)
        func run(_ decoder: inout TokenDecoder, order: Int, rule: BucketRule) -> [Int64] {
            let shift = prepared.shift
            guard !prepared.sums.isEmpty else { return run(&decoder, order: order, rule: rule) { _, _ in 0 } }
            return prepared.sums.withUnsafeBufferPointer { sums in
                guard !prepared.ownWeights.isEmpty else {
                    return run(&decoder, order: order, rule: rule) { t, _ in sums[t] &>> shift }
                }
                return prepared.ownWeights.withUnsafeBufferPointer { own in
                    run(&decoder, order: order, rule: rule) { t, last in (sums[t] &+ own[t] &* last) &>> shift
                    }
                }
            }
        }

        @inline(__always)
        private func run(
            _ shared: inout TokenDecoder,
            order: Int,
            rule: BucketRule,
            prediction: (Int, Int64) -> Int64
        ) -> [Int64] {
            [Int64](unsafeUninitializedCapacity: count) { values, initialized in
                // A copy, so that its state stays in registers: half of the time went into storing and loading it.
                var decoder = shared
                defer { shared = decoder }
                var history = History()
                var last = first
                var step: Int64 = 0
                values[0] = first
                for t in 1..<count {
                    let foretold = prediction(t, last)
                    let residual = decoder.next(
                        bucket: IntegerColumn.bucket(
                            rule,
                            history: history.magnitude,
                            prediction: foretold.magnitude
                        )
                    )
                    if rule == .history || rule == .both { history.note(residual) }
                    let change = (foretold &+ residual) &* divisor
                    let value: Int64
                    switch order {
                    case 0: value = first &+ change
                    case 1: value = last &+ change
                    default:
                        value = last &+ step &+ change
                        step = value &- last
                    }
                    values[t] = value
                    last = value
                }
                initialized = count
            }
        }
    }
}
