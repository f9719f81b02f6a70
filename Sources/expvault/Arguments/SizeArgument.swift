import ArgumentParser
import Model

/// A size: `64MiB`, `1GiB`, `500KB`, or plain bytes.
struct SizeArgument: ExpressibleByArgument {
    /// The size in bytes, from 1.
    let bytes: Int64

    init?(argument: String) {
        guard let bytes = SizeText.bytes(argument), bytes > 0 else { return nil }
        self.bytes = bytes
    }
}
