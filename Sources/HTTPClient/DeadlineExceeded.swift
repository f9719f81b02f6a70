/// A deadline passed.
package struct DeadlineExceeded: Error {
    /// That it passed is all there is to say.
    package init() {}
}
