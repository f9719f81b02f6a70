import JSON
import Model
import Storage

// The fuzz targets compile the pure files of Export beside this one, since the module brings the network along.
#if canImport(Export)
@testable import Export
#endif

/// What must hold for any bytes as a file of raw lines; see `HostileAnswer`.
enum HostileLines {
    /// Lines, in pieces of a size that the first byte gives.
    static func read(_ input: [UInt8]) {
        guard let first = input.first else { return }
        let text = input[1...]
        let bytesMax = 600
        let whole = lines(text, pieces: text.count, bytesMax: bytesMax)
        precondition(
            lines(text, pieces: Int(first) + 1, bytesMax: bytesMax) == whole,
            "pieces make other lines"
        )
        var reader = RawLineReader(urls: ["api": "http://u:p@host/debug/vars"])
        for line in whole {
            guard let line else { continue }
            precondition(line.count <= bytesMax && !line.contains(0x0A), "no line")
            if let read = try? reader.scrape(of: line) { check(read) }
        }
    }

    private static func lines(_ text: ArraySlice<UInt8>, pieces: Int, bytesMax: Int) -> [[UInt8]?] {
        var splitter = LineSplitter(bytesMax: bytesMax)
        var lines: [[UInt8]?] = []
        func take(_ line: LineSplitter.Line) {
            if case .line(let bytes) = line { lines.append(bytes) } else { lines.append(nil) }
        }
        var rest = text
        while !rest.isEmpty {
            let piece = rest.prefix(pieces)
            splitter.split(piece, take)
            rest = rest[piece.endIndex...]
        }
        splitter.finish(take)
        return lines
    }

    private static func check(_ scrape: ImportedScrape) {
        precondition(TargetName.isValid(scrape.target), "a target's name")
        precondition(scrape.epoch.map { $0 >= 0 } ?? true, "an epoch")
        precondition(
            TimestampText.parse(scrape.scrape.time.description) == scrape.scrape.time,
            "a time reads back"
        )
        precondition(scrape.scrape.durationNanoseconds.map { $0 >= 0 } ?? true, "a duration")
        if let url = scrape.origin.url { precondition(URLText.withoutUser(url) == url, "no user in a URL") }
        switch scrape.scrape.outcome {
        case .document(let body), .failure(_, let body):
            precondition(
                Base64.bytes(of: Array(Base64.text(of: body, alphabet: .standard).utf8)) == body,
                "base64 reads back"
            )
        }
    }
}
