#if canImport(Glibc)
import CYAML
#endif

/// Keeps the memory of large blocks (bodies, requests) from staying with the process.
package enum LargeBlocks {
    /// Blocks of this size and more are mapped for themselves and given back when freed, in bytes.
    static let bytesMin: Int32 = 256 * 1024

    /// Tells glibc so, for the whole process.
    ///
    /// By itself it raises its threshold up to 32 MiB with the first large block that is freed (mallopt(3),
    /// M_MMAP_THRESHOLD), and then each thread's arena keeps one: ten hostile targets grew the process by 55 MiB
    /// so, and by less than half of that with a fixed threshold.
    static func returnAtOnce() {
        #if canImport(Glibc)
        // It refuses only values that are no threshold.
        _ = mallopt(M_MMAP_THRESHOLD, bytesMin)
        #endif
    }

    /// Keeps some megabytes that were freed, for a command that decodes columns again and again.
    ///
    /// By itself glibc gives them back with each answer and gets them anew, zeroed, page by page, with the next: a tenth
    /// of the CPU of a day's page.
    package static func keepFreed() {
        #if canImport(Glibc)
        // It refuses only values that are no threshold.
        _ = mallopt(M_MMAP_THRESHOLD, keptBlockMax)
        _ = mallopt(M_TRIM_THRESHOLD, keptFreeMax)
        _ = mallopt(M_TOP_PAD, keptBlockMax)
        #endif
    }

    /// Gives what is free back to the system, page by page, where it lies between what is used too.
    package static func giveBack() {
        #if canImport(Glibc)
        _ = malloc_trim(0)
        #endif
    }

    /// Larger blocks are mapped for themselves, in bytes; a column of a day takes 70 kB.
    private static let keptBlockMax: Int32 = 1 << 20
    /// So many free bytes stay with the process.
    private static let keptFreeMax: Int32 = 8 << 20

    /// Has all threads allocate from one arena, for a command whose blocks wander from thread to thread.
    ///
    /// With an arena for each thread every one of them keeps what it once held: a replay of 52 000 documents had 136 MB
    /// resident so, and 91 MB with one arena, in less time. To be called before other threads begin.
    package static func shareOneArena() {
        #if canImport(Glibc)
        // It refuses only values that are no count.
        _ = mallopt(M_ARENA_MAX, 1)
        #endif
    }
}
