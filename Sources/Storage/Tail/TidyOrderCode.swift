import Codec

/// The order of a body of the tail, against that of the body that it is a patch of.
enum TidyOrderCode {
    /// The code of an order of members; `before` is the other body's.
    static func encode(_ order: [UInt16], after before: [UInt16], _ sizes: [Int]) -> [UInt8] {
        var coder = PermutationCoder()
        coder.begin(0, sizes, after: before)
        var encoder = RangeEncoder()
        coder.encode(order, sizes, of: 0, into: &encoder)
        return encoder.finish()
    }

    /// The order that `encode` was given.
    static func decode(_ code: [UInt8], after before: [UInt16], _ sizes: [Int]) -> [UInt16] {
        var coder = PermutationCoder()
        coder.begin(0, sizes, after: before)
        var decoder = RangeDecoder(code)
        return coder.decode(sizes, of: 0, from: &decoder)
    }
}
