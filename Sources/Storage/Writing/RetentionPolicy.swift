package import Model

/// What may be deleted, and when.
package struct RetentionPolicy: Hashable, Sendable {
    /// Scrapes older than this go, in milliseconds; nil: none by age.
    ///
    /// A scrape's age is the time between it and `now`, less what forward clock steps after it took, so that a clock
    /// that jumps forward makes nothing older.
    package var ageMilliseconds: Int64?
    /// The largest size of file and WAL together, in bytes; nil: no limit.
    ///
    /// The oldest go first.
    package var bytesMax: Int64?
    /// The present moment; needed with an age.
    package var now: Timestamp?
    /// Scrapes with a `seq` above this are not exported yet, and go last; nil: all are treated alike.
    package var protectedAfterSeq: Int64?

    /// A policy; without arguments one that deletes nothing.
    package init(
        ageMilliseconds: Int64? = nil,
        bytesMax: Int64? = nil,
        now: Timestamp? = nil,
        protectedAfterSeq: Int64? = nil
    ) {
        self.ageMilliseconds = ageMilliseconds
        self.bytesMax = bytesMax
        self.now = now
        self.protectedAfterSeq = protectedAfterSeq
    }
}

/// What pruning did.
package struct PruneSummary: Hashable, Sendable {
    /// Scrapes that were deleted.
    package var deleted: Int64 = 0
    /// Those among them that were protected: not exported yet.
    package var deletedProtected: Int64 = 0
    /// The size of file and WAL afterwards, in bytes.
    package var bytes: Int64 = 0
    /// Whether there is more to delete: one call does a bounded piece of work.
    ///
    /// Call again, between commits.
    package var isUnfinished = false

    /// One of nothing.
    package init() {}
}
