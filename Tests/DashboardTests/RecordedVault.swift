import Model
import Storage
import TestBasics
import TestSupport

/// A small database that was made by hand: an hour of a process that restarts halfway, in a directory of its own.
final class RecordedVault: Sendable {
    /// 2026-01-02T03:00:00Z; the first scrape's time.
    static let start: Int64 = 1_767_322_800_000
    /// A scrape every ten seconds.
    static let interval: Int64 = 10_000
    static let count = 360
    static let end = start + Int64(count) * interval

    /// Names that would do harm wherever a name is taken for HTML, for SVG or for a script.
    static let hostileNames = [
        "<script>document.title='taken'</script>",
        "<img src=x onerror=\"document.title='taken'\">",
        "\"><svg onload=document.title='taken'>",
        "' onfocus='document.title=1' autofocus='",
        "javascript:alert(1)//</title></style></textarea>",
        "\u{202E}desrever\u{0007}\u{001B}[31m",
        "a*b\\c.d",
    ]

    /// The series of those keys.
    static let hostileSeries = hostileNames.map { key in
        key.reduce(into: "") { name, character in
            if character == "." || character == "\\" { name.append("\\") }
            name.append(character)
        }
    }

    private let directory: TemporaryDirectory
    var path: String { directory.file("recorded.db") }

    init(targets: [String] = ["api"]) async throws {
        directory = try TemporaryDirectory()
        let writer = try await VaultWriter.open(path: path, create: true)
        for target in targets {
            let scrapes = (0..<Self.count).map { index in
                ImportedScrape(
                    target: target,
                    epoch: 0,
                    origin: Origin(url: "http://localhost/debug/vars"),
                    scrape: Self.scrape(index)
                )
            }
            _ = try await writer.insert(scrapes)
        }
        try await writer.close()
    }

    /// Scrape number `index`: every hundredth fails, and the process is another from the half on.
    private static func scrape(_ index: Int) -> Scrape {
        let time = Timestamp(milliseconds: start + Int64(index) * interval)
        guard index % 100 != 99 else {
            return Scrape(time: time, outcome: .failure(reason: "connection <b>refused</b>", body: []))
        }
        return Scrape(
            time: time,
            durationNanoseconds: 1_000_000 + Int64(index % 7) * 100_000,
            outcome: .document(Array(body(index).utf8))
        )
    }

    private static func body(_ index: Int) -> String {
        let isSecond = index >= count / 2
        let age = isSecond ? index - count / 2 : index
        // A collection each scrape, at its time; number 100 of the first process is a long one.
        let collections = UInt64(age + 1)
        var pauses = [UInt64](repeating: 0, count: 256)
        var ends = pauses
        let first = Int64(isSecond ? count / 2 : 0)
        for number in max(1, Int64(collections) - 255)...Int64(collections) {
            let slot = Int((number + 255) % 256)
            pauses[slot] = pause(UInt64(number), isSecond)
            ends[slot] = UInt64(start + (first + number - 1) * interval) * 1_000_000
        }
        let total = (1...collections).reduce(0) { $0 + pause($1, isSecond) }
        let classes = [8, 16, 32].map {
            "{\"Size\":\($0),\"Mallocs\":\(age * 30),\"Frees\":\(age * 20)}"
        }.joined(separator: ",")
        let names = hostileNames.enumerated().map { "\(quoted($0.element)): \($0.offset + age)" }
        return """
            {
            "cmdline": ["\(isSecond ? "second" : "first")"],
            "memstats": {"TotalAlloc":\(age * 5000),"Mallocs":\(age * 50),"Frees":\(age * 40),"Lookups":0,\
            "HeapAlloc":\(1_000_000 + age % 13 * 1000),"HeapSys":4000000,"HeapInuse":2000000,"HeapIdle":2000000,\
            "HeapReleased":0,"NextGC":3000000,"Sys":8000000,"HeapObjects":\(age * 10),"GCCPUFraction":0.01,\
            "StackSys":100000,"MSpanSys":50000,"MCacheSys":9600,"GCSys":900000,"BuckHashSys":4000,"OtherSys":70000,\
            "PauseTotalNs":\(total),"PauseNs":\(pauses),"PauseEnd":\(ends),"NumGC":\(collections),"NumForcedGC":0,\
            "BySize":[\(classes)]},
            "requests_total": \(age * 70),
            \(names.joined(separator: ",\n"))
            }

            """
    }

    private static func pause(_ number: UInt64, _ isSecond: Bool) -> UInt64 {
        number == 100 && !isSecond ? 25_000_000 : 50_000 + number % 17 * 1000
    }

    private static func quoted(_ name: String) -> String {
        var text = "\""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\" + String(scalar)
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
