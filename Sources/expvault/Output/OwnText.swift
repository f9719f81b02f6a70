import JSON
import Model

/// What `targets` says of the recorder itself, by its newest own document (`record --self`).
enum OwnText {
    /// A line; empty where the body is no such document.
    static func notes(_ body: [UInt8], of target: String) -> String {
        // A document of ours; of another nothing is said.
        guard let document = try? JSONReader.value(of: body),
            let late = document[path: ["scrapes", "late"]]?.integer,
            let notStored = document[path: ["scrapes", "not_stored"]]?.integer,
            let near = document[path: ["scrapes", "ring_overruns_near"]]?.integer,
            let last = document[path: ["commit", "last_seconds"]]?.double,
            let resident = document[path: ["process", "resident_bytes"]]?.double
        else { return "" }
        return
            "\(Cell.text(target).human): since it started, the recorder left out \(late) ticks and could not store "
            + "\(notStored) scrapes; \(near) times a ring was near its end; a commit takes "
            + "\(HumanText.nanoseconds(last * 1e9)), its memory is \(HumanText.bytes(resident))\n"
    }
}
