/// What the stand-in does to one bulk request instead of answering it as it should.
///
/// Each is consumed by one request, in the order in which they were planned; afterwards the server is well.
package enum ElasticsearchFault: Hashable, Sendable {
    /// Answers the whole request with that status, after carrying it out where `applies`.
    case whole(status: Int, body: String = "", retryAfter: String? = nil, applies: Bool = false)
    /// Answers every n-th item with that error, without storing it.
    case items(status: Int, type: String, reason: String, every: Int = 1)
    /// Closes the connection, before or after carrying the request out.
    case cut(applies: Bool)
    /// Never answers.
    case silence(applies: Bool)
    /// Carries the request out and sends an answer that is wrong.
    case half
    case noJSON
    case noItems
    case fewerItems
    case otherOrder
    /// Every n-th document goes to the failure store.
    case failureStore(every: Int = 1)
    /// Carries the request out and sends an answer of more than 16 MiB.
    case long
    /// Closes the connection, before or after carrying the request out, and rolls the streams over.
    case cutAndRollOver(applies: Bool = true)
    /// Answers only after so many milliseconds.
    case slow(milliseconds: Int64)
    /// The streams roll over before the request is carried out.
    case rollOver
    /// Points somewhere else.
    case redirect(to: String)
    /// Nothing: a healthy answer between faults.
    case none
}

/// What the credential may do.
package enum ElasticsearchPrivilege: CaseIterable, Hashable, Sendable {
    case monitor
    case createDoc
    case autoConfigure
    case read
    case viewIndexMetadata
    case maintenance
    case manageIndexTemplates
    case manage
}
