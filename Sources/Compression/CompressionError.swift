/// Why bytes could not be compressed or expanded.
package enum CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes are not of that format, or were changed; the library's words.
    case damaged(detail: String)
    /// The bytes end in the middle.
    case cutShort
    /// They expand to more than the caller allows.
    case tooLarge(bytesMax: Int)
    /// The library could not get what it needs, memory mostly.
    case unavailable(detail: String)

    /// One sentence: what is wrong.
    package var description: String {
        switch self {
        case .damaged(let detail): "the compressed data is damaged: \(detail)"
        case .cutShort: "the compressed data ends too early"
        case .tooLarge(let bytesMax): "the compressed data expands to more than \(bytesMax) bytes"
        case .unavailable(let detail): "compression failed: \(detail)"
        }
    }
}
