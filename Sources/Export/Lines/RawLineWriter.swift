import JSON
package import Model
package import Storage

// A raw line is one scrape: a JSON object with
//
//     ts            when, in Unix milliseconds (read also as RFC 3339)
//     target        the target's name
//     body          what was served, as text
//     body_base64   the same in base64 (RFC 4648, section 4), where it is not UTF-8
//     error         why the scrape failed; a failed scrape's body may be absent
//     url           where it came from, without user and password
//     duration_ms   how long it took, a decimal with up to six places
//     status        the answer's status
//     epoch         the target's epoch; absent in lines of a target that has only epoch 0
//     labels        the target's labels
//     recorder      who recorded it: {"id", "host"}, the UUID of the database and the host's name; and "target", the
//                   target's name then, where it is another now
//
// in this order, those that are not known left out. See cli.md, `export raw` and `import`.

/// Writes scrapes as raw lines.
package struct RawLineWriter: Sendable {
    private let recorder: RecorderIdentity?
    private var json = JSONWriter()

    /// A writer; `recorder` is the database that the scrapes are in, nil where lines shall not say.
    package init(recorder: RecorderIdentity? = nil) {
        self.recorder = recorder
    }

    /// The line for a scrape, without the newline.
    ///
    /// `epochs` says whether `epoch` is written: it is where the target has any but epoch 0, on all its lines, so that
    /// each can be told from its like in another epoch; elsewhere it would say nothing.
    package mutating func line(
        for record: ScrapeRecord,
        target: String,
        body: [UInt8],
        epochs: Bool
    ) -> [UInt8] {
        json.removeAll()
        json.beginObject()
        json.key("ts")
        json.integer(record.position.time.milliseconds)
        json.key("target")
        json.string(target)
        if !body.isEmpty || record.failure == nil { writeBody(body) }
        if let reason = record.failure {
            json.key("error")
            json.string(reason)
        }
        if let url = record.origin.url {
            json.key("url")
            json.string(url)
        }
        if let nanoseconds = record.durationNanoseconds {
            json.key("duration_ms")
            json.raw(RawLineWriter.milliseconds(nanoseconds).utf8)
        }
        if let status = record.status {
            json.key("status")
            json.integer(status)
        }
        if epochs {
            json.key("epoch")
            json.integer(record.position.epoch)
        }
        if !record.origin.labels.isEmpty {
            json.key("labels")
            json.beginObject()
            for (name, value) in record.origin.labels.sorted(by: { $0.key < $1.key }) {
                json.key(name)
                json.string(value)
            }
            json.endObject()
        }
        writeRecorder(of: record.origin)
        json.endObject()
        return json.bytes
    }

    private mutating func writeRecorder(of origin: Origin) {
        guard let recorder = origin.recorder ?? recorder else { return }
        json.key("recorder")
        json.beginObject()
        json.key("id")
        json.string(recorder.id)
        json.key("host")
        json.string(recorder.host)
        if let name = origin.recordedName {
            json.key("target")
            json.string(name)
        }
        json.endObject()
    }

    private mutating func writeBody(_ body: [UInt8]) {
        if JSONWriter.isText(body) {
            json.key("body")
            json.string(utf8: body)
        } else {
            json.key("body_base64")
            json.string(Base64.text(of: body, alphabet: .standard))
        }
    }

    /// Nanoseconds as a decimal of milliseconds, exact: `1234500` is `1.2345`.
    static func milliseconds(_ nanoseconds: Int64) -> String {
        let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        var text = (nanoseconds < 0 ? "-" : "") + String(whole)
        if rest > 0 {
            let digits = String(rest + 1_000_000).dropFirst()
            let zeros = digits.reversed().prefix { $0 == "0" }.count
            text += "." + digits.dropLast(zeros)
        }
        return text
    }
}

/// Writes the scrapes of a database into a file as raw lines, in order for each target.
package struct RawSink {
    /// What was written so far.
    package private(set) var summary = FileExportSummary()

    private let vault: Vault
    private let output: OutputFile
    private let failures: Bool
    private var writer: RawLineWriter

    /// A sink that writes scrapes of `vault` to `output`, failed ones too where asked; `recorder` is the vault's.
    package init(vault: Vault, recorder: RecorderIdentity?, output: OutputFile, failures: Bool) {
        writer = RawLineWriter(recorder: recorder)
        self.vault = vault
        self.output = output
        self.failures = failures
    }

    /// Writes the scrapes of `target` in `selection`.
    ///
    /// - Throws: `StorageError`, `ExportFileError`, and `CancellationError` where the task is cancelled.
    package mutating func export(
        _ target: TargetRecord,
        selection: ExportSelection = ExportSelection(),
        progress: (FileExportSummary) -> Void = { _ in }
    ) throws {
        let stream = ScrapeStream(
            vault: vault,
            target: target,
            range: selection.range,
            failures: failures,
            snapshotMax: DocumentStream.snapshotMax
        )
        let epochs = target.last.map { $0.epoch != 0 } ?? false
        while let record = try stream.next() {
            guard selection.contains(seq: record.seq) else { continue }
            try Task.checkCancellation()
            let line = writer.line(for: record, target: target.name, body: try stream.body(), epochs: epochs)
            try output.write(line, newline: true) { stream.rest() }
            summary.scrapes += 1
            summary.lines += 1
            summary.bytes = output.bytesIn
            if summary.scrapes % FileSink.progressEvery == 0 { progress(summary) }
        }
        progress(summary)
    }

    /// Gives the file its name; what was written.
    package func finish() throws -> FileExportSummary {
        try output.finish()
        return summary
    }
}
