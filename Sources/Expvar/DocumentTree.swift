/// A value of a document as a tree that keeps the spelling of numbers.
package indirect enum DocumentNode: Hashable, Sendable {
    /// Members in order; of duplicate keys only the last is here.
    case object([DocumentMember])
    case array([DocumentNode])
    /// A number as it is spelled.
    case number(ArraySlice<UInt8>)
    /// A string, decoded.
    case string(String)
    case boolean(Bool)
    case null
}

/// A key, decoded, and its value.
package struct DocumentMember: Hashable, Sendable {
    package var key: String
    package var value: DocumentNode
}

/// Reads the top-level variables of a body as trees.
package enum DocumentTree {
    /// Every top-level variable but `memstats`, in order, broken ones left out. For a body that `scan` accepts.
    package static func variables(of body: [UInt8]) throws(DocumentError) -> [DocumentMember] {
        fatalError("pending")
    }
}
