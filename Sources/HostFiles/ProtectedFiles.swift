#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A file with others beside it, none of which an output may ever take the place of.
package struct ProtectedFiles: Hashable, Sendable {
    /// The first of them; empty where there is none.
    let base: String
    /// What the others' names add to it.
    let suffixes: [String]
    /// What the names of further ones begin with, after its name.
    let prefixes: [String]

    /// The file at `base`, and what stands beside it under its name with one of `suffixes`, or with anything that begins with
    /// one of `prefixes`.
    package init(base: String, suffixes: [String], prefixes: [String] = []) {
        self.base = base
        self.suffixes = suffixes
        self.prefixes = prefixes
    }

    /// No file at all.
    package static let none = ProtectedFiles(base: "", suffixes: [])

    /// Whether an output at `realPath` would take the place of one of them, be it there or not.
    func contains(realPath: String) -> Bool {
        guard !base.isEmpty, let own = PathParts(base), let other = PathParts(realPath),
            own.directoryIdentity == other.directoryIdentity, other.name.hasPrefix(own.name)
        else { return false }
        let rest = other.name.dropFirst(own.name.count)
        return rest.isEmpty || suffixes.contains(String(rest)) || prefixes.contains(where: rest.hasPrefix)
    }

    /// Whether it is one of them under another name: a hard link, or a mount.
    func contains(_ identity: FileIdentity) -> Bool {
        guard !base.isEmpty else { return false }
        return ([""] + suffixes).contains {
            FileIdentity.of(path: base + $0, followingLinks: true) == identity
        }
    }
}

/// A path, cut before its last name.
struct PathParts {
    let directory: String
    let name: String

    /// nil where it ends in a slash.
    init?(_ path: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            guard !path.isEmpty else { return nil }
            (directory, name) = (".", path)
            return
        }
        name = String(path[path.utf8.index(after: slash)...])
        directory = slash == path.startIndex ? "/" : String(path[..<slash])
        if name.isEmpty { return nil }
    }

    var directoryIdentity: FileIdentity? { FileIdentity.of(path: directory, followingLinks: true) }
}
