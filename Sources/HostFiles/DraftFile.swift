#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What becomes an output once it is whole: written under a name of its own beside the place where it goes, made durable,
/// and only then given the final name.
///
/// The draft is `PATH.partial-` and eight random digits, so two that write to one place never meet; whoever is first there
/// wins, unless the other is to replace it. Further files that are needed meanwhile have the draft's name with something
/// behind it. The draft is held by a `flock` for as long as its maker lives: what one that was killed left is told from one
/// at work by trying that lock, and removed by the next that writes to the same place. Owned by one task.
package final class DraftFile {
    /// Where it goes.
    package let place: OutputPlace
    /// Where it is meanwhile.
    package let path: String
    /// The draft, open for writing.
    package private(set) var descriptor: Int32 = -1
    private let further: [String]

    private static let marker = ".partial-"
    private static let digits = 8
    /// So often a draft is made anew that another took for one that a killed process left, in the moment before it was held.
    private static let attemptsMax = 100

    /// Makes an empty draft, 0600, for an output that may go to `place`.
    ///
    /// `further` is what the names of other files add to the draft's. `begins` is told of all these paths, right before
    /// the first of them is there, for whoever is ended by a signal.
    package init(
        for place: OutputPlace,
        further: [String] = [],
        begins: ([String]) -> Void = { _ in }
    ) throws(OutputError) {
        try place.admit()
        self.place = place
        self.further = further
        path = place.realPath + Self.marker + Self.randomDigits()
        Self.removeLeftovers(of: place)
        begins(further.map { [path] in path + $0 } + [path])
        do throws(SystemError) {
            for _ in 0..<Self.attemptsMax {
                descriptor = try FileAccess.ownerOnly.makeFile(path)
                if hold() { return }
                close(descriptor)
                descriptor = -1
            }
        } catch {
            throw OutputError(creating: place.path, error)
        }
        throw place.refusal("others remove what is begun there")
    }

    deinit { abandon() }

    /// Whether the draft is ours; where the file system knows no such locks, nobody else asks for one either.
    private func hold() -> Bool {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else { return false }
        return FileIdentity.of(path: path) == FileIdentity.of(descriptor: descriptor)
    }

    /// Gives the draft, or the further file of that suffix, its final name; whole and durable when this returns.
    ///
    /// - Returns: Its size in bytes.
    /// - Throws: `OutputError`, also where a file stands there by now that is not to be replaced. The draft is gone then.
    @discardableResult
    package func publish(_ suffix: String = "") throws(OutputError) -> Int64 {
        defer { abandon() }
        let source = path + suffix
        let size = try sync(source, isDraft: suffix.isEmpty)
        try place.admit()
        do throws(SystemError) {
            try name(source)
            try Self.syncDirectory(place.directory)
        } catch {
            throw OutputError(creating: place.path, error)
        }
        return size
    }

    private func sync(_ source: String, isDraft: Bool) throws(OutputError) -> Int64 {
        let file = isDraft ? descriptor : open(source, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
        defer { if !isDraft, file >= 0 { close(file) } }
        var status = stat()
        guard file >= 0, fsync(file) == 0, fstat(file, &status) == 0 else {
            throw .inputOutput(SystemError(path: place.path))
        }
        return Int64(status.st_size)
    }

    private func name(_ source: String) throws(SystemError) {
        if !place.replaces {
            // Unlike rename, a link never takes the place of a file that came in the meantime.
            if link(source, place.realPath) == 0 { return }
            // A file system without hard links: then that moment is open.
            guard [EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno) else {
                throw SystemError(path: place.path)
            }
        }
        guard rename(source, place.realPath) == 0 else { throw SystemError(path: place.path) }
    }

    /// Gives up: removes what was written; harmless after `publish`.
    package func abandon() {
        guard descriptor >= 0 else { return }
        for suffix in further { unlink(path + suffix) }
        // Last, since without it the others count as left by somebody.
        unlink(path)
        close(descriptor)
        descriptor = -1
    }

    /// Makes what was done to the names in a directory durable (fsync(2)).
    package static func syncDirectory(_ directory: String) throws(SystemError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(path: directory) }
        defer { close(descriptor) }
        // Some file systems cannot sync a directory, and say EINVAL; they have nothing to sync then.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw SystemError(path: directory) }
    }

    // MARK: What killed processes left

    private static func removeLeftovers(of place: OutputPlace) {
        guard let directory = opendir(place.directory) else { return }
        defer { closedir(directory) }
        let prefix = (PathParts(place.realPath)?.name ?? "") + marker
        var drafts: [String: [String]] = [:]
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(prefix) else { continue }
            let random = name.utf8.dropFirst(prefix.utf8.count).prefix(digits)
            guard random.count == digits, random.allSatisfy(Array(hexadecimal).contains) else { continue }
            drafts[prefix + String(decoding: random, as: UTF8.self), default: []].append(name)
        }
        let base = place.directory == "/" ? "/" : place.directory + "/"
        for (draft, names) in drafts { remove(base + draft, names.map { base + $0 }) }
    }

    private static func remove(_ draft: String, _ paths: [String]) {
        let descriptor = open(draft, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        if descriptor >= 0 {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
        } else {
            guard errno == ENOENT else { return }
        }
        for path in paths where path != draft { unlink(path) }
        unlink(draft)
    }

    private static let hexadecimal = "0123456789abcdef".utf8

    private static func randomDigits() -> String {
        let all = Array(hexadecimal)
        var generator = SystemRandomNumberGenerator()
        let random = (0..<digits).map { _ in all[Int.random(in: 0..<all.count, using: &generator)] }
        return String(decoding: random, as: UTF8.self)
    }
}
