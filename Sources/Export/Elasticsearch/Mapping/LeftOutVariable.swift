/// A variable that a document goes without, and why.
package struct LeftOutVariable: Hashable, Sendable {
    /// Such as `golang.expvar.custom.cache`; `golang.expvar.custom` where all of them are left out.
    package var path: String
    /// What the server said, or what its mapping says.
    package var reason: String

    /// The variable at that path.
    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}
