#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which processes have which sockets open, as far as we may see it.
///
/// Without CAP_SYS_PTRACE the kernel shows a process's descriptors to its own user alone (proc(5), ptrace(2)).
struct SocketOwners {
    /// More descriptors of a process are not looked at; a server with more than that listens on its first ones.
    private static let descriptorsMax = 65_536

    /// The processes that have a socket open, ascending, by its inode.
    private(set) var processes: [UInt64: [Int32]] = [:]

    /// Looks for the owners of the sockets with these inodes, in our network namespace.
    init(of inodes: Set<UInt64>) {
        let namespace = ProcFile.link("/proc/self/ns/net")
        for process in (ProcFile.names("/proc") ?? []).compactMap(Int32.init).sorted() {
            guard let names = ProcFile.names("/proc/\(process)/fd"),
                ProcFile.link("/proc/\(process)/ns/net") == namespace
            else { continue }
            var found: Set<UInt64> = []
            for name in names.prefix(SocketOwners.descriptorsMax) {
                guard let link = ProcFile.link("/proc/\(process)/fd/\(name)"), link.hasPrefix("socket:["),
                    let inode = UInt64(link.dropFirst("socket:[".count).dropLast()), inodes.contains(inode)
                else { continue }
                found.insert(inode)
            }
            for inode in found { processes[inode, default: []].append(process) }
        }
    }
}
