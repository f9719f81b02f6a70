/// A body as it is stored: in the order of its shape, and the order that it was served in.
package struct TidyBody: Hashable, Sendable {
    /// What a body of the shape is; all of it that means anything.
    package var bytes: [UInt8]
    /// In which order its members were served, as `MemberOrder` has it; empty where that is the shape's.
    package var order: [UInt16]

    /// A body that was served in that order.
    package init(_ bytes: [UInt8], order: [UInt16] = []) {
        self.bytes = bytes
        self.order = order
    }
}
