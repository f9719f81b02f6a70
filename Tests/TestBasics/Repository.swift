/// The repository that these tests were compiled from.
package enum Repository {
    /// Its root, without a slash at the end.
    package static let root =
        #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
}
