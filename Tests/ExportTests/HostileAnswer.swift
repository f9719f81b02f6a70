import JSON
import Model

// The fuzz targets compile the pure files of Export beside this one, since the module brings the network along.
#if canImport(Export)
@testable import Export
#endif

/// What must hold for any bytes as a server's answer to a bulk request.
///
/// The fuzz target hands in any bytes, the tests those that are kept in Fuzz/Corpus. A broken claim is a trap, since
/// that is what libFuzzer sees.
enum HostileAnswer {
    /// Three documents, of which each must have its item and no other.
    private static let documents = (1...3).map { number in
        ReplayDocument(
            id: "id\(number)",
            seq: Int64(number),
            target: TargetID(1),
            targetName: "api",
            time: Timestamp(milliseconds: 1_700_000_000_000),
            kind: number == 2 ? .heap : .expvar,
            bytes: Array("{}".utf8)
        )
    }

    /// Reads the answer; whether it is one.
    @discardableResult
    static func read(_ input: [UInt8]) -> Bool {
        do {
            let items = try BulkResponse.items(of: input, for: documents, namespace: "default") {
                String($0.prefix(10))
            }
            precondition(items.count == documents.count, "an item for each document")
            for item in items {
                precondition(100...599 ~= item.status, "a status")
                precondition(item.reason.map { $0.count <= 10 } ?? true, "a reason that nobody cleaned")
                let outcome = BulkOutcome.of(
                    status: item.status,
                    type: item.type,
                    reason: item.reason,
                    usedFailureStore: item.usedFailureStore,
                    stream: "metrics"
                )
                // Nothing but a success of this very item counts as delivered.
                if case .delivered = outcome {
                    precondition(
                        200...299 ~= item.status && !item.usedFailureStore,
                        "delivered without a success"
                    )
                }
            }
            return true
        } catch {
            precondition(!error.description.isEmpty, "an error says what is wrong")
            return false
        }
    }
}
