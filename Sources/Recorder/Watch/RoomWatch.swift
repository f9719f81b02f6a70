import Logging
import Model

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Notices when the database's disk runs out, or its WAL grows beyond what a commit explains.
package struct RoomWatch: Sendable {
    /// Below so many free bytes there is a warning; it is over at twice that.
    static let freeBytesLow: Int64 = 256 << 20
    /// A WAL of more bytes is somebody's doing: a reader that never ends.
    ///
    /// Over at half of that.
    static let walBytesHigh: Int64 = 64 << 20
    /// From this size on the database's size is told each time it has doubled.
    static let databaseBytesTold: Int64 = 64 << 20

    /// What there is at a moment.
    struct Reading: Hashable, Sendable {
        var databaseBytes: Int64
        var walBytes: Int64
        var freeBytes: Int64
    }

    private var isLow = false
    private var isWALHigh = false
    private var toldBytes: Int64?

    /// The sizes now; nil where there is no such file.
    static func read(database path: String) -> Reading? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let databaseBytes = Int64(status.st_size)
        let walBytes = stat(path + "-wal", &status) == 0 ? Int64(status.st_size) : 0
        var room = statvfs()
        guard statvfs(path, &room) == 0 else { return nil }
        let freeBytes = Int64(clamping: UInt64(room.f_bavail)).multipliedReportingOverflow(
            by: Int64(clamping: UInt64(room.f_frsize))
        )
        return Reading(
            databaseBytes: databaseBytes,
            walBytes: walBytes,
            freeBytes: freeBytes.overflow ? .max : freeBytes.partialValue
        )
    }

    /// The sizes now in words; nil where there is no such file.
    package static func words(database path: String) -> String? {
        read(database: path).map(words)
    }

    private static func words(_ reading: Reading) -> String {
        let size = SizeText.format(bytes: reading.databaseBytes)
        let wal = SizeText.format(bytes: reading.walBytes)
        return
            "the database has \(size), its WAL \(wal); \(SizeText.format(bytes: reading.freeBytes)) are free on its disk"
    }

    /// What to say of a reading: only what changed.
    mutating func event(_ reading: Reading) -> [(level: Logger.Level, text: String)] {
        var lines: [(level: Logger.Level, text: String)] = []
        let free = SizeText.format(bytes: reading.freeBytes)
        let wal = SizeText.format(bytes: reading.walBytes)
        if toldBytes.map({ reading.databaseBytes / 2 >= max($0, Self.databaseBytesTold / 2) }) ?? true {
            toldBytes = reading.databaseBytes
            lines.append((.info, Self.words(reading)))
        }
        if !isLow, reading.freeBytes < Self.freeBytesLow {
            isLow = true
            lines.append((.warning, "only \(free) are free on the disk of the database"))
        } else if isLow, reading.freeBytes >= 2 * Self.freeBytesLow {
            isLow = false
            lines.append((.notice, "\(free) are free on the disk of the database again"))
        }
        if !isWALHigh, reading.walBytes > Self.walBytesHigh {
            isWALHigh = true
            lines.append(
                (.warning, "the WAL has \(wal); a reader that has run for long keeps it from being cut")
            )
        } else if isWALHigh, reading.walBytes <= Self.walBytesHigh / 2 {
            isWALHigh = false
            lines.append((.notice, "the WAL has \(wal) again"))
        }
        return lines
    }
}
