/// Why an output cannot be written where it was to go.
package enum OutputError: Error, Hashable, Sendable {
    /// It must not, or cannot, go there.
    case cannotCreate(path: String, detail: String)
    /// The operating system lets us not.
    case permissionDenied(path: String)
    /// Writing failed; a full disk too.
    case inputOutput(SystemError)

    /// A file could not be made, or not be given its name.
    init(creating path: String, _ error: SystemError) {
        self =
            error.isPermission
            ? .permissionDenied(path: path) : .cannotCreate(path: path, detail: error.words)
    }
}
