package import Model

/// What a leaf of a document is spelled as.
package enum LeafKind: UInt8, Sendable {
    /// A JSON number.
    case number
    /// A JSON string, quotes included.
    case string
    /// `true` or `false`.
    case boolean
    /// `null`.
    case null
    /// The whole text of a top-level variable that is not JSON (`NaN`, nothing, bytes that are no UTF-8).
    case broken
}

/// One scalar of a body: where its spelling stands, and what it is.
package struct Leaf: Hashable, Sendable {
    /// The offset of its first byte in the body.
    package var offset: Int32
    /// Its length in bytes; 0 only for a broken variable without any text.
    package var length: Int32
    /// What it is.
    package var kind: LeafKind
}

/// Why a body is no document.
package enum DocumentError: Error, Hashable, Sendable {
    case tooLarge(bytes: Int)
    case tooDeep
    case notAnObject
    case cutShort
    case malformed(offset: Int)
}

/// A body of `/debug/vars` taken apart: the leaves, and the skeleton that is left when they are taken out.
///
/// The skeleton is the body with every leaf replaced by one marker byte for its kind, so a body is its skeleton
/// plus the spellings of its leaves, byte for byte. Scrapes of one process nearly always share one skeleton.
package struct ScannedDocument: Sendable {
    /// The scalars in the order of the body, keys not among them.
    package var leaves: [Leaf] = []
    /// Keys, punctuation and white space, with markers for leaves.
    package var skeleton: [UInt8] = []

    /// An empty result whose buffers a scan fills.
    package init() {}

    /// Takes `body` apart, into buffers that are kept from scan to scan.
    package mutating func scan(_ body: [UInt8]) throws(DocumentError) {
        fatalError("pending")
    }
}
