/// Why bytes are no column.
package enum CodecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes end before the value at that offset does.
    case cutShort(offset: Int)
    /// The bytes say something that no encoder of ours writes; what, in a few words.
    case malformed(String)
    /// They announce more than the limit of that name.
    case overLimit(String)
    /// The checksum over what was read is another than the one stored.
    case checksum

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .cutShort(let offset): "the encoded bytes end too early, at byte \(offset)"
        case .malformed(let what): "the encoded bytes are damaged: \(what)"
        case .overLimit(let what): "the encoded bytes announce more than allowed: \(what)"
        case .checksum: "the encoded bytes were changed: their checksum does not match"
        }
    }
}
