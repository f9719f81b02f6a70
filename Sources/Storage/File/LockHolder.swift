import HostFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Who holds a `flock`, by the kernel's list of locks (proc_locks(5)).
///
///     1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF
///
/// Processes of another container are not in the list, or have the number 0.
enum LockHolder {
    private static let listBytesMax = 1 << 22

    /// Whether somebody has locked the file at `path`; false where that cannot be told.
    ///
    /// Device and number have to be the list's: some file systems (btrfs, overlayfs) give another device to whoever asks,
    /// and then it cannot be told.
    static func isLocked(_ path: String) -> Bool {
        guard let identity = FileIdentity.of(path: path) else { return false }
        return !processes(locking: identity, comparesDevice: true, in: list()).isEmpty
    }

    /// Who has locked the open file, as words: a process by number and name where it can be seen.
    static func words(of descriptor: Int32) -> String {
        guard let identity = FileIdentity.of(descriptor: descriptor) else { return hidden }
        // Somebody has, so the number alone tells who where the device is another.
        let list = list()
        let exact = processes(locking: identity, comparesDevice: true, in: list)
        let found = exact.isEmpty ? processes(locking: identity, comparesDevice: false, in: list) : exact
        guard let process = found.first(where: { $0 > 0 }) else { return hidden }
        let name = name(of: process).map { " (\($0))" } ?? ""
        return "process \(process)\(name), which has the same file, perhaps under another name"
    }

    private static let hidden = "a process that cannot be seen from here, in another container perhaps"

    /// The processes that have a lock on that file, by the kernel's list; 0 for one that cannot be seen from here.
    static func processes(
        locking identity: FileIdentity,
        comparesDevice: Bool,
        in list: [UInt8]
    ) -> [Int32] {
        // As makedev(3) puts them together.
        let device = identity.device
        let major = UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & ~0xfff)
        let minor = UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & ~0xff)
        return list.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let words = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            guard words.count > 5, words[1] == "FLOCK" else { return nil }
            let place = words[5].split(separator: ":")
            guard place.count == 3, UInt64(place[2]) == identity.inode else { return nil }
            if comparesDevice {
                guard UInt32(place[0], radix: 16) == major, UInt32(place[1], radix: 16) == minor else {
                    return nil
                }
            }
            return Int32(words[4]) ?? 0
        }
    }

    private static func list() -> [UInt8] { contents("/proc/locks", bytesMax: listBytesMax) }

    /// The name of a process, of its first 15 bytes what is printable.
    private static func name(of process: Int32) -> String? {
        let bytes = contents("/proc/\(process)/comm", bytesMax: 64).filter { $0 > 0x20 && $0 < 0x7f }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    private static func contents(_ path: String, bytesMax: Int) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while text.count < bytesMax {
            let count = SystemCall.retrying { read(descriptor, &part, part.count) }
            guard count > 0 else { break }
            text += part[..<count]
        }
        return text
    }
}
