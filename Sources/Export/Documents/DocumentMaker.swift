import Expvar
import JSON
import Model
import Storage

/// The documents of one scrape, each a JSON object in UTF-8 without a line break.
package struct ExportDocuments: Hashable, Sendable {
    /// For `logs-golang.heap-*`; nil where the scrape has no memstats, and so nothing to say there.
    package var heap: [UInt8]?
    /// For `logs-golang.expvar-*`.
    package var expvar: [UInt8]
    /// What is to be said of each.
    package var remarks = PerStream(DocumentRemarks())

    /// The document of that kind.
    package subscript(kind: DocumentKind) -> [UInt8]? {
        kind == .heap ? heap : expvar
    }
}

/// Makes documents of scrapes, as elasticsearch.md has them.
///
/// What follows from a body's shape is worked out once and kept for the last few shapes, so that a document is
/// mostly copied together. Numbers and strings are copied as the body spells them.
package struct DocumentMaker: Sendable {
    /// Of that many shapes the fields are kept; above it all are forgotten, which only costs time.
    private static let plansMax = 16

    private let context: DocumentContext
    private var envelope: DocumentEnvelope?
    /// The latest first.
    private var fields: [DocumentFields] = []
    private var plans: [DocumentPlan] = []

    /// A maker for one export.
    package init(context: DocumentContext) {
        self.context = context
    }

    /// The documents for `scrape`, which is a successful one.
    package mutating func documents(for scrape: ExportedScrape) -> ExportDocuments {
        let envelope = self.envelope(for: scrape)
        if context.isViaPipeline {
            let hasHeap = scrape.reading.map { $0.shape.memStats != nil } ?? true
            return ExportDocuments(
                heap: hasHeap ? document(.heap, scrape, envelope) { _ in } : nil,
                expvar: document(.expvar, scrape, envelope) { _ in }
            )
        }
        guard let reading = scrape.reading else {
            var made = ExportDocuments(heap: nil, expvar: document(.expvar, scrape, envelope) { _ in })
            made.remarks.expvar.isWithoutMemstats = true
            return made
        }
        let (plan, beyond) = self.plan(for: reading, of: scrape.body)
        var pauses: PauseFields?
        if context.includesPauses, reading.shape.memStats != nil {
            let seenMax = scrape.record.seenCount
            pauses = PauseFields(state: reading.state, after: scrape.predecessor, seenMax: seenMax)
        }
        let remarks = self.remarks(plan, beyond, pauses, reading, scrape.body)
        var made = ExportDocuments(
            heap: nil,
            expvar: document(
                .expvar,
                scrape,
                envelope,
                leftOut: remarks.expvar.leftOut,
                reserving: plan.expvar.estimate
            ) { output in
                DocumentPlan.write("expvar", plan.expvar, reading, scrape.body, to: &output)
            },
            remarks: remarks
        )
        guard !remarks.expvar.isWithoutMemstats else { return made }
        made.heap = document(
            .heap,
            scrape,
            envelope,
            leftOut: remarks.heap.leftOut,
            reserving: plan.heapEstimate
        ) { output in
            plan.writeHeap(scrape, reading, context, pauses, to: &output)
        }
        return made
    }

    private func remarks(
        _ plan: DocumentPlan,
        _ beyond: [DocumentFields.SizedNumber],
        _ pauses: PauseFields?,
        _ reading: BodyReading,
        _ body: [UInt8]
    ) -> PerStream<DocumentRemarks> {
        var remarks = PerStream(DocumentRemarks())
        remarks.expvar.isWithoutMemstats = reading.shape.memStats == nil
        for number in beyond {
            let value = String(decoding: body.text(of: reading.leaves[number.leaf]), as: UTF8.self)
            remarks[number.kind].leftOut.append(DocumentRemarks.beyond(number.path, value))
        }
        if let pauses { remarks.heap.leftOut += pauses.leftOut }
        guard context.notesFractions else { return remarks }
        for kind in DocumentKind.allCases {
            remarks[kind].fractions = plan.fractions(of: kind, reading, body)
        }
        if let average = pauses?.average, average != average.rounded(.towardZero) {
            remarks.heap.fractions.append(StandardMapping.pauseAverage)
        }
        return remarks
    }

    private func document(
        _ kind: DocumentKind,
        _ scrape: ExportedScrape,
        _ envelope: DocumentEnvelope,
        leftOut: [LeftOutVariable] = [],
        reserving estimate: Int = 0,
        golang write: (inout [UInt8]) -> Void
    ) -> [UInt8] {
        let parts = envelope.parts(of: kind)
        let holdsBody = context.isViaPipeline || context.preservesOriginal
        var output: [UInt8] = []
        output.reserveCapacity(
            256 + parts.event.count + parts.members.count + estimate
                + (holdsBody ? scrape.body.count * 9 / 8 : 0)
        )
        output += #"{"@timestamp":""#.utf8
        TimestampText.write(scrape.record.position.time, to: &output)
        output += #"","event":{"created":""#.utf8
        TimestampText.write(scrape.record.position.time, to: &output)
        output += #"","#.utf8
        output += parts.event
        if context.preservesOriginal && !context.isViaPipeline {
            append("original", scrape.body, to: &output)
        }
        output += "},".utf8
        output += parts.members
        append(tags: kind, isWhole: leftOut.isEmpty, to: &output)
        if !leftOut.isEmpty {
            output += #","error":{"message":"#.utf8
            var json = JSONWriter()
            json.string(leftOut.map(\.reason).joined(separator: "; "))
            output += json.bytes
            output.append(UInt8(ascii: "}"))
        }
        if context.isViaPipeline { append("message", scrape.body, to: &output) }
        write(&output)
        output.append(UInt8(ascii: "}"))
        return output
    }

    private func append(tags kind: DocumentKind, isWhole: Bool, to output: inout [UInt8]) {
        output += #","tags":["#.utf8
        if context.preservesOriginal { output += #""preserve_original_event","#.utf8 }
        output += #""forwarded",""#.utf8
        output += kind.tag.utf8
        if !isWhole {
            output += #"",""#.utf8
            output += DocumentRemarks.tag.utf8
        }
        output += #""]"#.utf8
    }

    /// A member with the body as text; bytes of a broken variable that are no UTF-8 become U+FFFD.
    private func append(_ key: StaticString, _ body: [UInt8], to output: inout [UInt8]) {
        output += ",\"\(key)\":".utf8
        var json = JSONWriter(continuing: output)
        output = []
        json.string(utf8: body)
        output = json.bytes
    }

    private mutating func envelope(for scrape: ExportedScrape) -> DocumentEnvelope {
        if let envelope, envelope.target == scrape.target, envelope.origin == scrape.record.origin {
            return envelope
        }
        let made = DocumentEnvelope(target: scrape.target, origin: scrape.record.origin, context: context)
        envelope = made
        return made
    }

    private mutating func fields(of reading: BodyReading) -> DocumentFields {
        if let known = fields.first(where: { $0.shape === reading.shape }) { return known }
        let made = DocumentFields(shape: reading.shape)
        if fields.count >= DocumentMaker.plansMax { fields.removeAll() }
        fields.insert(made, at: 0)
        return made
    }

    private mutating func plan(
        for reading: BodyReading,
        of body: [UInt8]
    ) -> (plan: DocumentPlan, beyond: [DocumentFields.SizedNumber]) {
        let fields = self.fields(of: reading)
        let beyond = DocumentPlan.beyond(fields.sizedNumbers, reading, body)
        let omitted = DocumentPlan.emptyStrings(fields.stringLeaves, reading) + beyond.map(\.leaf)
        if let known = plans.first(where: { $0.shape === reading.shape && $0.omitted == omitted }) {
            return (known, beyond)
        }
        let made = DocumentPlan(fields: fields, omitted: omitted)
        if plans.count >= DocumentMaker.plansMax { plans.removeAll() }
        plans.insert(made, at: 0)
        return (made, beyond)
    }
}
