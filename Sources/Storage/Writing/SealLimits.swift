/// How much goes into a chunk, and when.
enum SealLimits {
    /// So many scrapes of a target are enough for a chunk.
    static let rowsMin = 240
    /// A tail of so many is sealed by the next `append`, whether or not somebody looks after the file.
    static let rowsMax = 512
    /// The oldest scrape of a tail is no older than this, in milliseconds of the scrapes' own time.
    static let ageMax: Int64 = 3_600_000
    /// Bodies together, in bytes, which are in memory while they are sealed.
    static let bytesMax = 16 << 20
    /// One call of `maintain` seals no more scrapes than this: some 200 ms.
    ///
    /// Of 10 targets at 1 s all go at once.
    static let rowsPerCall = 4096
}
