/// Columns of 64-bit integers as bytes, and back.
///
/// The first byte says how; the encoder takes what comes out smallest. v[0] is always a zigzag varint `first`.
///
///     0 constant   first                                all values are first
///     1 line       first · step (zigzag)                v[t] = v[t-1] + step
///     2 bytes      first · zigzag varint each           v[t] = v[t-1] + it
///     3 sparse     first · changes (varint) · for each: gap (varint) · change (zigzag)
///                                                       gap values stay as they are, the one after them changes
///     4 tokens     form (1 byte) · first · divisor (varint) · prediction if the form has one · TokenEncoder's bytes
///                                                       v[t] = base + (p[t] + r[t]) × divisor
///
/// The form's bits 0…1 are the order, and say what the base is: 0 first, 1 v[t-1], 2 the line through the two values
/// before (at t = 1: v[0]). Bits 2…3 say by what the bucket of each r is chosen: 0 nothing, 1 how large those before
/// it were, 2 how large p is, 3 both: the sum of those two magnitudes. Bit 4: a prediction is there; else p is 0.
///
/// "How large those before it were" is a = a + ((min(|r|, 2^40) × 16 - a) >> 4), from 0, on signed integers.
/// All arithmetic wraps, so columns of UInt64 are kept as their bit patterns. An empty column has no bytes.
package enum IntegerColumn {
    /// How a column is encoded; see above.
    enum Encoding: UInt8 {
        case constant = 0
        case line = 1
        case bytes = 2
        case sparse = 3
        case tokens = 4
    }

    /// By what the bucket of a number is chosen.
    enum BucketRule: UInt8, CaseIterable {
        case none = 0
        case history = 1
        case prediction = 2
        case both = 3
    }

    /// The form byte of encoding 4.
    struct Form {
        var order: Int
        var rule: BucketRule
        var hasPrediction: Bool

        var byte: UInt8 { UInt8(order) | rule.rawValue << 2 | (hasPrediction ? 16 : 0) }
    }

    /// A magnitude that follows those of the numbers seen, in sixteenths.
    struct History {
        private var average: Int64 = 0

        @inline(__always)
        init() {}

        @inline(__always)
        var magnitude: UInt64 { UInt64(bitPattern: average) }

        @inline(__always)
        mutating func note(_ residual: Int64) {
            let magnitude = Int64(bitPattern: min(residual.magnitude, 1 &<< 40)) &<< 4
            average &+= (magnitude &- average) &>> 4
        }
    }

    /// The bucket of the next number by that rule.
    @inline(__always)
    static func bucket(_ rule: BucketRule, history: UInt64, prediction: UInt64) -> Int {
        switch rule {
        case .none: 0
        case .history: MagnitudeBucket.of(history)
        case .prediction: MagnitudeBucket.of(prediction)
        case .both: MagnitudeBucket.of(history &+ (min(prediction, 1 &<< 40) &<< 4))
        }
    }
}
