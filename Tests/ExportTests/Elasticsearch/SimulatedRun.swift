import Export
import Model
import Storage
import TestBasics

/// One history: databases that come of one another, a server with its moods, exporters that may be killed at any step, ledgers that
/// are lost or put back as they were, and a clock.
///
/// Exports of several databases run at the same time. What the server carries out late, it carries out before the stream rolls
/// over: no client can tell a request that is on the way for a minute from one that never was.
struct SimulatedRun {
    let seed: UInt64
    var chance: SeededGenerator
    var cluster = SimulatedCluster()
    var databases = [SimulatedDatabase(kind: .source)]
    var exporters: [Int: SimulatedExporter] = [:]
    var now: Int64 = 1_000_000
    /// What is still to happen: an answer on its way to an exporter, or a request that the server carries out late.
    var agenda: [(at: Int64, what: Happening)] = []
    enum Happening {
        case event(database: Int, ReplayMachine.Event)
        case apply([ReplayDocument])
    }

    /// Faults that are left; then the server is well, so that every history ends.
    var faultsLeft: Int
    let requestLimit: Int
    let timeout: Int64 = 60_000
    private var scrapeCount = 0
    private(set) var possiblyTwice = 0
    private(set) var documentsTwice = 0
    private(set) var kills = 0
    /// What is wrong; empty if nothing is.
    var complaints: [String] = []

    init(seed: UInt64) {
        self.seed = seed
        chance = SeededGenerator(seed: seed)
        faultsLeft = chance.below(30)
        requestLimit = 300 + chance.below(2_000)
        databases[0].mayLook = !chance.percent(10)
        for stream in DocumentKind.allCases where chance.percent(30) { cluster.rollOver(stream) }
        record(into: 0, scrapes: 1 + chance.below(12))
    }

    /// Lets all sorts of things happen, and then exports everything to its end.
    mutating func run() -> [String] {
        for _ in 0..<(10 + chance.below(40)) {
            happenSomething()
            if !complaints.isEmpty { return complaints }
        }
        for _ in 0..<200 where !exporters.isEmpty { step(events: 50) }
        faultsLeft = 0
        for database in databases.indices {
            for _ in 0..<20 where exporters[database] != nil { step(events: 200) }
            start(database)
            for _ in 0..<100 where exporters[database] != nil { step(events: 50) }
            if exporters[database] != nil { complaints.append("no end in sight") }
        }
        check()
        return complaints
    }

    private mutating func happenSomething() {
        let database = chance.below(databases.count)
        switch chance.below(12) {
        case 0...2: start(database)
        case 3: start(database, isFollowing: true)
        case 4: if databases[database].isRecorded { record(into: database, scrapes: 1 + chance.below(4)) }
        case 5: rollOver()
        case 6: loseOrPutBackLedger(of: database)
        case 7: databases[database].backups.append(databases[database].ledger)
        case 8: if databases.count < 5 { derive(from: database) }
        case 9: importIntoCentral(from: database)
        default: break
        }
        step(events: chance.below(40))
        if chance.percent(20) { now += Int64(chance.below(200_000)) }
    }

    // MARK: Databases

    /// Stores scrapes as a recorder does: at the host's time, with the next number.
    mutating func record(into index: Int, scrapes: Int) {
        for _ in 0..<scrapes {
            scrapeCount += 1
            now += Int64(chance.below(20_000))
            databases[index].lastSeq += 1
            // A failed scrape makes no documents.
            if chance.percent(10) { continue }
            let target = 1 + chance.below(3)
            for stream in DocumentKind.allCases { add(stream, target: target, to: index) }
        }
    }

    private mutating func add(_ stream: DocumentKind, target: Int, to index: Int) {
        let seq = databases[index].lastSeq
        let body =
            switch chance.below(100) {
            case 0..<4: #"{"refuse":1}"#
            case 4..<8: #"{"golang":{"expvar":{"a":1,"custom":{"cache":7,"ok":1}}}}"#
            case 8..<10: #"{"failurestore":1}"#
            case 10..<12: #"{"large":"\#(String(repeating: "x", count: 2_400))"}"#
            default: #"{"x":\#(seq)}"#
            }
        databases[index].documents.append(
            ReplayDocument(
                id: "\(scrapeCount)-\(stream.rawValue)",
                seq: seq,
                target: TargetID(Int64(target)),
                targetName: "t\(target)",
                time: Timestamp(milliseconds: now + databases[index].clockOffset),
                isRecorded: true,
                kind: stream,
                bytes: Array(body.utf8)
            )
        )
    }

    private mutating func loseOrPutBackLedger(of index: Int) {
        guard exporters[index] == nil else { return }
        if chance.percent(50) {
            databases[index].ledger = SimulatedLedger()
        } else if let old = databases[index].backups.randomElement(using: &chance) {
            databases[index].ledger = old
        }
    }

    /// Makes a capture or a copy.
    private mutating func derive(from index: Int) {
        var made = databases[index]
        guard made.kind != .central else { return }
        if chance.percent(60) {
            made.kind = .capture
            made.ledger = SimulatedLedger()
            let first = Int64(chance.below(Int(made.lastSeq) + 1))
            made.documents.removeAll { $0.seq < first }
        } else {
            if made.kind == .source { made.kind = .copy }
            if chance.percent(50) { made.ledger = SimulatedLedger() }
            made.clockOffset += chance.percent(50) ? 0 : Int64(chance.below(2_000_000)) - 1_000_000
        }
        made.backups = []
        made.mayLook = !chance.percent(10)
        databases.append(made)
    }

    /// What another recorder stored, or this one before, comes in with numbers of its own.
    private mutating func importIntoCentral(from index: Int) {
        var central = databases.firstIndex { $0.kind == .central }
        if central == nil, databases.count < 6 {
            databases.append(SimulatedDatabase(kind: .central))
            central = databases.count - 1
        }
        guard let central, central != index else { return }
        let known = Set(databases[central].documents.map(\.id))
        var scrapes: [Int64: [ReplayDocument]] = [:]
        for document in databases[index].documents where !known.contains(document.id) {
            scrapes[document.seq, default: []].append(document)
        }
        for seq in scrapes.keys.sorted() where !chance.percent(20) {
            databases[central].lastSeq += 1
            for var document in scrapes[seq] ?? [] {
                document.seq = databases[central].lastSeq
                document.isRecorded = false
                databases[central].documents.append(document)
            }
        }
    }

    // MARK: Exports

    /// Starts an export of a database, unless one is at work on it.
    private mutating func start(_ index: Int, isFollowing: Bool = false) {
        guard exporters[index] == nil else { return }
        var rules = ReplayMachine.Rules()
        rules.requestBytesMax = 400 + chance.below(2_000)
        rules.requestDocumentsMax = 1 + chance.below(12)
        rules.inFlightMax = 1 + chance.below(4)
        rules.waitMax = nil
        if databases[index].kind == .capture { rules.scope = .part }
        rules.follows = isFollowing && rules.scope == .whole && databases[index].isRecorded
        for target in databases[index].targets where databases[index].ledger.position.cursors[target] == nil {
            databases[index].ledger.position.cursors[target] = 0
        }
        let machine = ReplayMachine(
            rules: rules,
            position: databases[index].ledger.position,
            jitterSeed: chance.next(),
            now: now
        )
        let cursors = rules.scope == .whole ? databases[index].ledger.position.cursors : [:]
        exporters[index] = SimulatedExporter(
            machine: machine,
            deliveries: source(of: index, after: cursors)[...],
            follows: rules.follows,
            upToSeq: databases[index].lastSeq
        )
    }

    /// What a source would hand out from the cursors on.
    private mutating func source(of index: Int, after cursors: [TargetID: Int64]) -> [ReplayDelivery] {
        let database = databases[index]
        var open = database.documents.filter { $0.seq > cursors[$0.target] ?? 0 }
        guard database.kind != .capture else { return open.map { .document($0) } }
        var deliveries: [ReplayDelivery] = []
        if chance.percent(70) {
            for (position, document) in open.enumerated() {
                deliveries.append(.document(document))
                let next = position + 1 < open.count ? open[position + 1].seq : database.lastSeq + 1
                if next > document.seq {
                    for target in database.targets { deliveries.append(.frontier(target, seq: next - 1)) }
                }
            }
        } else {
            open.shuffle(using: &chance)
            deliveries = open.map { .document($0) }
        }
        return deliveries + database.targets.map { .frontier($0, seq: database.lastSeq) }
    }

    /// Lets so many things happen.
    private mutating func step(events: Int) {
        for _ in 0..<events {
            guard !exporters.isEmpty, complaints.isEmpty else { return }
            for index in exporters.keys.sorted() { drive(index) }
            advance()
        }
    }

    /// Feeds an exporter, and does what it wants.
    private mutating func drive(_ index: Int) {
        feed(index)
        let actions = exporters[index]?.machine.next(now: now) ?? []
        for action in actions {
            if fault(2) { return kill(index) }
            if let end = obey(action, of: index) { return finish(index, end) }
        }
        // One who follows is told to end at last.
        if faultsLeft == 0, exporters[index]?.follows == true, exporters[index]?.deliveries.isEmpty == true,
            exporters[index]?.machine.wakeAt == nil
        {
            exporters[index]?.machine.handle(.cancelled, now: now)
        }
    }

    private mutating func feed(_ index: Int) {
        guard var exporter = exporters[index] else { return }
        while exporter.machine.wantsDocument, let delivery = exporter.deliveries.popFirst() {
            exporter.machine.receive(delivery)
        }
        exporters[index] = exporter
        guard exporter.deliveries.isEmpty else { return }
        if exporter.follows, faultsLeft > 0, chance.percent(10) {
            record(into: index, scrapes: 1 + chance.below(3))
            let cursors = Dictionary(
                uniqueKeysWithValues: databases[index].targets.map { ($0, exporter.upToSeq) }
            )
            let deliveries = source(of: index, after: cursors)
            exporters[index]?.deliveries = deliveries[...]
            exporters[index]?.upToSeq = databases[index].lastSeq
        } else {
            exporters[index]?.machine.sourceExhausted()
        }
    }

    private mutating func kill(_ index: Int) {
        kills += 1
        possiblyTwice += exporters[index]?.machine.summary.possiblyTwice ?? 0
        end(index)
    }

    private mutating func finish(_ index: Int, _ end: ReplayEnd) {
        guard let summary = exporters[index]?.machine.summary else { return }
        possiblyTwice += summary.possiblyTwice
        if summary.read != summary.sent + summary.thereBefore + summary.refused + summary.unanswered {
            complaints.append("counts do not add up: \(summary)")
        }
        self.end(index)
        if case .stopped = end { now += 1_000 }
    }

    private mutating func end(_ index: Int) {
        exporters[index] = nil
        agenda.removeAll { if case .event(index, _) = $0.what { true } else { false } }
    }

    // MARK: Time

    /// Moves the clock to whatever comes first, and lets it happen.
    private mutating func advance() {
        let wake = exporters.values.compactMap(\.machine.wakeAt).min()
        let first = agenda.indices.min { agenda[$0].at < agenda[$1].at }
        guard let first, wake.map({ agenda[first].at <= $0 }) ?? true else {
            now = max(now, wake ?? now + 1)
            return
        }
        let entry = agenda.remove(at: first)
        now = max(now, entry.at)
        switch entry.what {
        case .event(let index, let event): exporters[index]?.machine.handle(event, now: now)
        case .apply(let documents): _ = carryOut(documents)
        }
    }

    // MARK: What must hold

    private mutating func check() {
        for database in databases { check(database) }
        var checked: Set<String> = []
        for database in databases {
            for document in database.documents where checked.insert(document.id).inserted {
                documentsTwice += cluster.copies(of: document) > 1 ? 1 : 0
            }
        }
        if documentsTwice > possiblyTwice {
            complaints.append("\(documentsTwice) twice, \(possiblyTwice) counted")
        }
    }

    private mutating func check(_ database: SimulatedDatabase) {
        for document in database.documents {
            let text = String(decoding: document.bytes, as: UTF8.self)
            let isRefused =
                text.contains("refuse") || text.contains("failurestore")
                || (text.contains("large")
                    && BulkRequest.bytes(of: document, namespace: "default") > requestLimit)
                || (text.contains("\"cache\":7") && document.kind == .heap)
            if (database.ledger.rejected[document.id] != nil) != isRefused {
                complaints.append("\(document.id): quarantine of \(database.kind)")
            }
            if !isRefused, cluster.copies(of: document) == 0 { complaints.append("\(document.id) is lost") }
        }
        guard database.kind != .capture else { return }
        for target in database.targets where database.ledger.position.cursors[target] != database.lastSeq {
            complaints.append(
                "cursor of \(target) at \(database.ledger.position.cursors[target] ?? -1), not \(database.lastSeq)"
            )
        }
    }
}
