import Model
import Storage

/// The `_id` of a document: the same for every export of the same scrape, another for every other document.
///
/// SHA-256 over these bytes, of which the first 24 are written as 32 characters of URL-safe base64:
///
///     1 byte    1, the version of this layout
///     text      agent.id, the UUID of the database that recorded it
///     text      the recording host's name
///     text      the target's name when it was recorded
///     8 bytes   epoch
///     8 bytes   time in Unix milliseconds
///     text      the dataset, such as golang.heap
///     8 bytes   XXH64 of the body, seed 0
///     text      pipeline, where a pipeline makes the document (`--via-pipeline`); nothing otherwise
///
/// A text is its length in bytes as 4 bytes, then UTF-8; all integers are little-endian. The agent and the host are
/// in it so that a cloned disk image does not silence its twin; the pipeline, so that in a namespace that holds ready
/// documents a body for a pipeline is not taken for one of them.
package enum DocumentID {
    /// The length of an `_id` in characters.
    package static let length = 32
    /// Of the digest's 32 bytes that many are used: of 10¹² documents two share their 192 bits with a
    /// probability of 2⁻¹¹³.
    private static let digestBytes = 24

    /// The `_id` of the document of that kind for `scrape`.
    package static func text(
        of kind: DocumentKind,
        for scrape: ExportedScrape,
        in context: DocumentContext
    ) -> String {
        text(
            of: kind,
            recorder: context.recorder(of: scrape.record.origin),
            target: scrape.record.origin.recordedName ?? scrape.target,
            position: scrape.record.position,
            checksum: BodyChecksum.checksum(scrape.body),
            isViaPipeline: context.isViaPipeline
        )
    }

    /// The `_id`s of both documents for `scrape`; cheaper than one by one.
    package static func texts(
        for scrape: ExportedScrape,
        in context: DocumentContext
    ) -> (heap: String, expvar: String) {
        let checksum = BodyChecksum.checksum(scrape.body)
        let recorder = context.recorder(of: scrape.record.origin)
        let target = scrape.record.origin.recordedName ?? scrape.target
        func text(_ kind: DocumentKind) -> String {
            self.text(
                of: kind,
                recorder: recorder,
                target: target,
                position: scrape.record.position,
                checksum: checksum,
                isViaPipeline: context.isViaPipeline
            )
        }
        return (text(.heap), text(.expvar))
    }

    static func text(
        of kind: DocumentKind,
        recorder: RecorderIdentity,
        target: String,
        position: ScrapePosition,
        checksum: UInt64,
        isViaPipeline: Bool = false
    ) -> String {
        var message: [UInt8] = [1]
        message.reserveCapacity(192)
        append(recorder.id, to: &message)
        append(recorder.host, to: &message)
        append(target, to: &message)
        append(UInt64(bitPattern: position.epoch), bytes: 8, to: &message)
        append(UInt64(bitPattern: position.time.milliseconds), bytes: 8, to: &message)
        append(kind.dataset, to: &message)
        append(checksum, bytes: 8, to: &message)
        if isViaPipeline { append("pipeline", to: &message) }
        return Base64.text(of: SHA256.digest(message).prefix(digestBytes), alphabet: .urlSafe)
    }

    private static func append(_ text: String, to message: inout [UInt8]) {
        let bytes = text.utf8
        append(UInt64(bytes.count), bytes: 4, to: &message)
        message.append(contentsOf: bytes)
    }

    private static func append(_ value: UInt64, bytes: Int, to message: inout [UInt8]) {
        for index in 0..<bytes { message.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
}
