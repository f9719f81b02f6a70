/// What can go wrong with a database. `description` is one sentence: what is wrong, and what would mend it.
package enum StorageError: Error, Sendable {
    case notFound(path: String)
    case notOurs(path: String)
    case newer(path: String, version: Int64)
    case damaged(path: String, detail: String)
    case locked(path: String, holder: String)
    case permissionDenied(path: String)
    case cannotCreate(path: String, detail: String)
    case diskFull(path: String)
    case inputOutput(path: String, detail: String)
    case unknownTarget(String)
    case targetExists(String)
}
