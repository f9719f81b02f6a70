import Model
import Storage

/// Reads a file of raw lines in batches.
///
/// An actor, so that the next batch can be read while the last is stored.
actor RawLineSource {
    /// A batch holds at most about that many scrapes.
    private static let scrapesMax = 1024
    /// A batch holds at most about that much of bodies, in bytes: 8 MiB are 900 bodies of 9 kB.
    private static let bodyBytesMax = 8 * 1024 * 1024

    /// Some lines of the file.
    struct Batch: Sendable {
        /// The scrapes, and the numbers of their lines, from 1.
        var scrapes: [ImportedScrape] = []
        var lines: [Int64] = []
        /// The lines that are none.
        var bad: [(line: Int64, reason: String)] = []
        /// How far the file was read.
        var bytesRead: Int64 = 0
        var bytesTotal: Int64?
        /// What ended the file after these lines, if it did not end well.
        var failure: ExportFileError?

        fileprivate var bodyBytes = 0

        fileprivate var isFull: Bool {
            scrapes.count + bad.count >= scrapesMax || bodyBytes >= bodyBytesMax
        }
    }

    private let file: InputFile
    private var splitter = LineSplitter(bytesMax: RawLineReader.lineBytesMax)
    private var reader: RawLineReader
    private var lineNumber: Int64 = 0
    private var isAtEnd = false

    /// Opens the file, whose lines `reader` reads.
    init(path: String, reader: RawLineReader) throws {
        file = try InputFile(path: path)
        self.reader = reader
    }

    /// The next lines; nil at the end.
    func nextBatch() throws -> Batch? {
        guard !isAtEnd else { return nil }
        var batch = Batch()
        do {
            while !isAtEnd, !batch.isFull {
                let isMore = try file.read { piece in splitter.split(piece) { take($0, into: &batch) } }
                if !isMore {
                    isAtEnd = true
                    splitter.finish { take($0, into: &batch) }
                }
            }
        } catch let error as ExportFileError {
            // The lines before it are good: they are handed on first.
            isAtEnd = true
            batch.failure = error
        }
        batch.bytesRead = file.bytesRead
        batch.bytesTotal = file.bytesTotal
        return batch
    }

    private func take(_ line: LineSplitter.Line, into batch: inout Batch) {
        lineNumber += 1
        do throws(RawLineError) {
            guard case .line(let bytes) = line else { throw .tooLong }
            guard !bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { return }
            let scrape = try reader.scrape(of: bytes)
            batch.scrapes.append(scrape)
            batch.lines.append(lineNumber)
            switch scrape.scrape.outcome {
            case .document(let body), .failure(_, let body): batch.bodyBytes += body.count
            }
        } catch {
            batch.bad.append((lineNumber, error.description))
        }
    }
}
