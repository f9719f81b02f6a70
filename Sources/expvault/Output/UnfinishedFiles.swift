import Export
import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The paths that the handler removes, as C strings, ended by a nil.
///
/// Unsafe: written while no handler is installed, only read by it.
nonisolated(unsafe) private var unfinishedPaths: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

/// Files that are of no use until they are whole: a signal that ends the program takes them with it.
///
/// What is killed (SIGKILL, a crash, power loss) leaves them; the next run to the same place removes them.
enum UnfinishedFiles {
    /// The file that `options` name, made from `database`, which a signal takes with it until it is whole.
    ///
    /// - Throws: as `OutputFile.create`.
    static func create(_ options: OutputOptions, from database: DatabaseOptions) throws -> OutputFile {
        try OutputFile.create(
            options.out,
            replaces: options.overwriting.force,
            protecting: Vault.files(at: database.resolvedPath),
            isRaw: options.terminal.isRaw,
            begins: removeWhenEnded
        )
    }

    /// From now on a signal that ends the program removes what is at these paths first; there is one such call.
    ///
    /// - Parameter paths: Absolute, or meant from where we are: nobody changes the directory.
    static func removeWhenEnded(_ paths: [String]) {
        guard unfinishedPaths == nil else { return }
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: paths.count + 1)
        for (index, path) in paths.enumerated() { (list + index).initialize(to: strdup(path)) }
        (list + paths.count).initialize(to: nil)
        unfinishedPaths = list
        // Whoever started us may have had them blocked, and what is blocked is inherited (see SignalPipe).
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        for number in SignalPipe.ending {
            let before = signal(number) { number in
                // Only what POSIX calls async-signal-safe.
                if var path = unfinishedPaths {
                    while let name = path.pointee {
                        unlink(name)
                        path += 1
                    }
                }
                // Whoever waits for us sees why we ended: the signal comes again once this handler has returned.
                signal(number, SIG_DFL)
                raise(number)
            }
            // What was to be ignored (nohup) stays so.
            if let before, unsafeBitCast(before, to: Int.self) == 1 { signal(number, before) }
            sigaddset(&unblocked, number)
        }
        pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
    }
}
