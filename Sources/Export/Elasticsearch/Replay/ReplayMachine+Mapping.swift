/// What a stream does not take is left out, and what it cuts is counted.
extension ReplayMachine {
    /// A mapping that is younger is not asked for again because of one document, in milliseconds.
    static let mappingAgeMin: Int64 = 1_000
    /// Fields that fractions were first sent to are looked up so long after the last look, or at the end.
    static let fractionsAgeMin: Int64 = 10_000

    // MARK: The question

    /// From when on the mapping is to be asked for; nil where nobody needs to know.
    var mappingDue: Int64? {
        guard mayLook, active[ReplayMachine.mappingQuestion] == nil else { return nil }
        if !mappingWanted.isEmpty { return .min }
        return DocumentKind.allCases.compactMap(fractionsDue).min()
    }

    private func fractionsDue(_ stream: DocumentKind) -> Int64? {
        guard fractions[stream].isOpen else { return nil }
        guard !isExhausted, let askedAt = mappings[stream].askedAt else { return .min }
        return askedAt + ReplayMachine.fractionsAgeMin
    }

    mutating func askMapping() -> Action {
        active[ReplayMachine.mappingQuestion] = ReplayBatch(
            id: ReplayMachine.mappingQuestion,
            items: [],
            bytes: 0
        )
        mappingAsked = Set(
            DocumentKind.allCases.filter { mappingWanted.contains($0) || fractions[$0].isOpen }
        )
        var indices: [DocumentKind: String?] = [:]
        for stream in mappingAsked { indices.updateValue(mappings[stream].index, forKey: stream) }
        return .map(batch: ReplayMachine.mappingQuestion, indices)
    }

    /// Whether no document waits for the answer.
    var isMappingOptional: Bool { mappingWanted.isEmpty }

    mutating func mapped(_ fields: PerStream<MappedFields?>, now: Int64) {
        guard active.removeValue(forKey: ReplayMachine.mappingQuestion) != nil else { return }
        for stream in mappingAsked {
            mappingWanted.remove(stream)
            mappings[stream].asked(fields[stream], now: now)
            settleFractions(of: stream)
        }
    }

    /// A stream writes to that index: what is known of another is of no use.
    mutating func writes(to index: String?, _ stream: DocumentKind) {
        guard let index, index != mappings[stream].index else { return }
        mappings[stream].writes(to: index)
        fractions[stream].forgetTypes()
    }

    // MARK: Leaving out

    /// The item, to be sent once more as it is; nil where that does not help, or was tried.
    ///
    /// Documents of one request are mapped side by side: where one has a new field with 0 and another with 0.5, the one
    /// is a `long` and the other refused, that a `long` would have taken.
    func asItIs(_ item: ReplayItem, _ answer: BulkItemAnswer) -> ReplayItem? {
        guard answer.status == 400, !answer.usedFailureStore, !item.wasSentAgainWhole,
            RefusalReason(answer.reason ?? "").isMergeOfNewField
        else { return nil }
        var item = item
        item.wasSentAgainWhole = true
        return item
    }

    /// The item, to be sent again with less; nil where that does not help, or was tried.
    mutating func leavingOut(_ item: ReplayItem, _ answer: BulkItemAnswer, now: Int64) -> ReplayItem? {
        guard rules.leavesOutCustom, item.document.kind == .expvar, !answer.usedFailureStore,
            answer.status == 400
        else { return nil }
        let text = answer.reason ?? answer.type ?? "refused"
        let reason = RefusalReason(text)
        if item.isBare { return reason.isLimitOfFields ? withoutNote(item, text) : nil }
        guard let variables = CustomVariables(of: (item.original ?? item.document).bytes) else { return nil }
        var item = item
        item.refusal = text
        item.refusalCount += 1
        mappings[.expvar].learnLimits(reason, text: text)
        let mapping = mappings[.expvar]
        let isNewName =
            reason.isLimitOfFields
            || reason.named(among: variables.kinds.keys).map { mapping.fields?[$0] == nil } ?? false
        // The first refusal asks, and later ones where the name was mapped since.
        if mapping.askedAt.map({ isNewName && now - $0 >= ReplayMachine.mappingAgeMin }) ?? true {
            mappingWanted.insert(.expvar)
        }
        return item
    }

    /// The item without all variables, and without a word of that, for which a full index has no room either.
    private mutating func withoutNote(_ item: ReplayItem, _ refusal: String) -> ReplayItem? {
        guard item.isTold, let whole = item.original, let variables = CustomVariables(of: whole.bytes) else {
            return nil
        }
        var item = item
        mappings[.expvar].learnNoRoomForNote()
        item.document.bytes = variables.withoutAll(reason: refusal, on: mappings[.expvar]).bytes
        item.isTold = false
        return item
    }

    /// Takes out of a batch what its streams are known not to take.
    mutating func fit(_ batch: inout ReplayBatch) {
        guard rules.leavesOutCustom, mappings[.expvar].isRestrictive else { return }
        // What was refused first: the others profit from what it teaches.
        for index in batch.items.indices where batch.items[index].refusal != nil { fit(&batch.items[index]) }
        for index in batch.items.indices where batch.items[index].document.kind == .expvar {
            if batch.items[index].fittedTo != mappings[.expvar].version { fit(&batch.items[index]) }
        }
        batch = resized(batch)
    }

    private mutating func fit(_ item: inout ReplayItem) {
        let whole = item.original ?? item.document
        let refusal = item.refusal
        item.refusal = nil
        guard !item.isBare, let variables = CustomVariables(of: whole.bytes) else { return }
        var fitted = variables.fitted(to: mappings[.expvar])
        if let refusal, !leavesOutMore(fitted?.leftOut, than: item.leftOut) {
            // The mapping does not tell; the server's words may.
            let kinds = variables.kinds
            if let path = RefusalReason(refusal).named(among: kinds.keys),
                mappings[.expvar].learn(path, kinds[path] ?? [], reason: refusal)
            {
                fitted = variables.fitted(to: mappings[.expvar])
            }
        }
        if let refusal, RefusalReason(refusal).isLimitOfFields, item.isTold,
            !leavesOutMore(fitted?.leftOut, than: item.leftOut)
        {
            // Only the note that something is missing can be what there is no room for.
            mappings[.expvar].learnNoRoomForNote()
            fitted = variables.fitted(to: mappings[.expvar])
        } else if let refusal,
            item.refusalCount > rules.leavingOutRoundsMax
                || !leavesOutMore(fitted?.leftOut, than: item.leftOut)
        {
            fitted = variables.withoutAll(reason: refusal, on: mappings[.expvar])
            item.isBare = true
        }
        item.fittedTo = mappings[.expvar].version
        guard let fitted else {
            item.document = whole
            item.original = nil
            item.leftOut = []
            item.isTold = false
            return
        }
        item.original = whole
        item.document.bytes = fitted.bytes
        item.leftOut = fitted.leftOut
        item.isTold = !mappings[.expvar].lacksRoomForNote
    }

    private func leavesOutMore(_ new: [LeftOutVariable]?, than old: [LeftOutVariable]) -> Bool {
        Set((new ?? []).map(\.path)) != Set(old.map(\.path))
    }

    mutating func countLeftOut(_ item: ReplayItem) {
        let leftOut = item.document.remarks.leftOut + item.leftOut
        guard !leftOut.isEmpty else { return }
        summary.leftOut += 1
        for variable in leftOut {
            summary.leftOutPaths.note(variable.path, of: item.document, reason: variable.reason)
        }
    }

    // MARK: Fractions

    /// Takes note of fractions that a document brought where they may be cut.
    mutating func note(fractionsOf document: ReplayDocument) {
        for path in document.remarks.fractions {
            if fractions[document.kind].note(path, of: document) == .cut { noteCut(path, document, times: 1) }
        }
    }

    private mutating func settleFractions(of stream: DocumentKind) {
        for settled in fractions[stream].settle(mappings[stream].fields) {
            noteCut(settled.path, settled.document, times: settled.count)
        }
    }

    private mutating func noteCut(_ path: String, _ document: ReplayDocument, times: Int) {
        let type = mappings[document.kind].fields?.type(of: path) ?? "long"
        summary.cut += times
        summary.cutPaths.note(
            path,
            of: document,
            reason:
                "it is mapped as \(type), which keeps nothing behind the point; run --setup, then roll the "
                + "stream over",
            documents: times
        )
    }
}
