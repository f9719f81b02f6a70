/// The version of this program, as `--version`, documents and requests give it.
package enum ProductVersion {
    /// Major, minor, patch; see CHANGELOG.md.
    package static let text = "0.1.0"
}
