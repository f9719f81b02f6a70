import HostFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Room that is kept for the way out of a full disk: a file `PATH-reserve` that holds nothing.
///
/// To delete anything SQLite writes first: frames of a WAL, and 32 KiB of shared memory for whoever opens the file. On a
/// disk without a free block neither `compact` nor retention could begin; with this file gone both can.
struct SpaceReserve {
    /// What is kept: twice what the file grows by between two checkpoints on a disk that is nearly full.
    static let bytes: Int64 = 512 << 10
    /// It is taken only where so much is free.
    static let freeMin: Int64 = 4 << 20
    /// Below so many free bytes the disk is nearly full.
    static let freeLow: Int64 = 32 << 20
    /// Whoever opens a database for writing needs about this.
    static let openingBytes: Int64 = 256 << 10
    /// What follows the database's path.
    static let suffix = "-reserve"

    let file: VaultFile
    private var path: String { file.realPath + SpaceReserve.suffix }

    init(file: VaultFile) { self.file = file }

    /// The free bytes of the disk; as if there were no end where that cannot be told.
    func freeBytes() -> Int64 {
        var room = statvfs()
        guard statvfs(file.directory, &room) == 0 else { return .max }
        let bytes = UInt64(room.f_bavail).multipliedReportingOverflow(by: UInt64(room.f_frsize))
        return bytes.overflow ? .max : Int64(clamping: bytes.partialValue)
    }

    /// Takes the room where there is enough; where that fails there is none, and the next try may do.
    func keep() {
        guard file.bytes(of: SpaceReserve.suffix) < SpaceReserve.bytes, freeBytes() >= SpaceReserve.freeMin
        else { return }
        var descriptor: Int32
        do throws(SystemError) {
            descriptor = try (FileAccess.of(path: file.realPath) ?? .ownerOnly).makeFile(path)
        } catch {
            descriptor = SystemCall.retrying { open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        }
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = posix_fallocate(descriptor, 0, off_t(SpaceReserve.bytes))
    }

    /// Gives the room back, all of it or half, where half is to stay for whoever comes next.
    ///
    /// Returns whether there was any.
    @discardableResult
    func release(keepsHalf: Bool = false) -> Bool {
        let bytes = file.bytes(of: SpaceReserve.suffix)
        guard bytes > 0 else { return false }
        // Of less than 128 KiB half would help nobody.
        guard keepsHalf, bytes >= 128 << 10 else { return unlink(path) == 0 }
        return truncate(path, off_t(bytes / 2)) == 0
    }

    /// Makes room for opening the database where there is next to none.
    func releaseForOpening(keepsHalf: Bool) {
        if freeBytes() < SpaceReserve.openingBytes { release(keepsHalf: keepsHalf) }
    }
}
