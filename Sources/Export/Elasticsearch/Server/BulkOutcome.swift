/// What one item of a bulk answer means for its document.
///
/// The rules are the answer table of docs/elasticsearch.md. The type of an error decides before its status: a
/// security exception under a 400 is about the key, not about the document.
package enum BulkOutcome: Hashable, Sendable {
    /// It is in the stream now.
    case delivered
    /// A document of that id was in the stream's index before; ours, since the id is made from the content.
    case thereBefore
    /// Not now: send it again.
    case retry(isCertainlyNotStored: Bool)
    /// The document itself is refused.
    case refused
    /// Nothing will be taken before somebody mends something.
    case stop(ReplayStop)
}

/// Why an export stops although there is more to send.
package struct ReplayStop: Hashable, Sendable, Error, CustomStringConvertible {
    /// What kind of thing must be mended; decides the exit status.
    package enum Kind: Hashable, Sendable {
        /// Key, user or privilege: exit 77.
        case forbidden
        /// No index, a blocked or closed one, not the server that was meant, or no server in time: exit 69.
        case unavailable
        /// An answer that nobody foresaw: exit 1.
        case unexpected
    }

    /// Whether it may be over by itself.
    package enum Passing: Hashable, Sendable {
        /// Only once somebody mends something.
        case no
        /// Perhaps some day: worth waiting for to one who follows.
        case whenPatient
        /// Soon, as a rule.
        case yes
    }

    package var kind: Kind
    /// One sentence: what is wrong, and what would mend it.
    package var description: String
    package var passing = Passing.no
    /// What the server asked to wait, in milliseconds.
    package var retryAfter: Int64?

    /// A reason to stop.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The exit status in the manner of sysexits.
    package var exitStatus: Int32 {
        switch kind {
        case .forbidden: 77
        case .unavailable: 69
        case .unexpected: 1
        }
    }
}

extension BulkOutcome {
    /// The prefixes of error types that speak of an index, and not of the document.
    static let indexErrorPrefixes = [
        "cluster_block_", "index_closed_", "index_not_found_", "resource_not_found_exception",
    ]

    /// Classifies one item; `usedFailureStore` says that it was put aside in the failure store, which is not delivery.
    package static func of(
        status: Int,
        type: String?,
        reason: String?,
        usedFailureStore: Bool,
        stream: String
    ) -> BulkOutcome {
        if let stop = stop(status: status, type: type, reason: reason, on: stream) { return .stop(stop) }
        if usedFailureStore { return .refused }
        switch status {
        case 200...299: return .delivered
        case 409: return .thereBefore
        case 429: return .retry(isCertainlyNotStored: true)
        case 408, 500...599: return .retry(isCertainlyNotStored: false)
        // 413 is what newer servers answer for one item that is over the limit of a document.
        case 400, 413: return .refused
        default:
            return .stop(
                ReplayStop(.unexpected, "\(stream) answered a document with \(words(status, type, reason))")
            )
        }
    }

    /// The reason to stop that lies in an item's error, or in a whole answer's; nil where there is none.
    static func stop(status: Int, type: String?, reason: String?, on place: String) -> ReplayStop? {
        // A block that a server sets by itself (a disk past its flood stage), it lifts by itself.
        guard status != 429 else { return nil }
        let type = type ?? ""
        let said = words(status, type, reason)
        if type.hasPrefix("security_") { return forbidden(said, on: place) }
        if indexErrorPrefixes.contains(where: type.hasPrefix) {
            return unavailable(said, type: type, on: place)
        }
        // A stream whose default pipeline is gone refuses every document with a 400: that is no document's fault.
        if let reason, reason.hasPrefix("pipeline with id ["), reason.contains("does not exist") {
            return ReplayStop(
                .unavailable,
                "\(place): \(said); install the pipeline, or send without --via-pipeline"
            )
        }
        switch status {
        case 401, 403: return forbidden(said, on: place)
        case 404: return unavailable(said, type: type, on: place)
        default: return nil
        }
    }

    private static func forbidden(_ said: String, on place: String) -> ReplayStop {
        let remedy =
            said.hasPrefix("401")
            ? "the key or password is wrong or has expired"
            : "the key needs create_doc, auto_configure and monitor"
        return ReplayStop(.forbidden, "\(place) refuses us: \(said); \(remedy)")
    }

    private static func unavailable(_ said: String, type: String, on place: String) -> ReplayStop {
        let remedy =
            switch type {
            case _ where type.hasPrefix("cluster_block_"): "lift the block on the index or cluster"
            case _ where type.hasPrefix("index_closed_"): "open the index"
            default: "install the Golang integration's templates, or check the URL and the namespace"
            }
        return ReplayStop(.unavailable, "\(place): \(said); \(remedy)")
    }

    /// Status, type and reason as far as they are known.
    static func words(_ status: Int, _ type: String?, _ reason: String?) -> String {
        var text = String(status)
        if let type, !type.isEmpty { text += " \(type)" }
        if let reason, !reason.isEmpty { text += " (\(reason))" }
        return text
    }
}

/// What the answer to a whole bulk request means, where it is not the 200 with one item for each document.
package enum BulkFailure: Hashable, Sendable {
    /// Back off and send again.
    ///
    /// - Parameters:
    ///   - isCertainlyNotStored: no document of it can have been stored, now or later.
    ///   - retryAfter: what the server asked for, in milliseconds.
    case retry(reason: String, isCertainlyNotStored: Bool, retryAfter: Int64?)
    /// The request is too large: 413.
    case tooLarge(reason: String)
    /// The answer is longer than we read: ask for less at a time.
    case answerTooLarge(reason: String)
    case stop(ReplayStop)

    /// Classifies a whole answer that is not 200.
    package static func of(
        status: Int,
        type: String?,
        reason: String?,
        retryAfter: Int64?,
        on place: String
    ) -> BulkFailure {
        if let stop = BulkOutcome.stop(status: status, type: type, reason: reason, on: place) {
            return .stop(stop)
        }
        let said = BulkOutcome.words(status, type, reason)
        switch status {
        case 429: return .retry(reason: said, isCertainlyNotStored: true, retryAfter: retryAfter)
        // A proxy answers 502 to 504 also for what the server behind it has taken or will take yet.
        case 408, 500...599: return .retry(reason: said, isCertainlyNotStored: false, retryAfter: retryAfter)
        case 413: return .tooLarge(reason: said)
        default: return .stop(ReplayStop(.unexpected, "\(place) answered \(said)"))
        }
    }
}
