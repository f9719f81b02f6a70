/// A file of the page.
struct Asset: Sendable {
    let contentType: String
    let bytes: [UInt8]

    private init(_ contentType: String, _ text: String) {
        self.contentType = contentType + "; charset=utf-8"
        bytes = Array(text.utf8)
    }

    /// The files by their path; the page itself is `/`.
    static let all: [String: Asset] = [
        "/": Asset("text/html", indexHTML),
        "/style.css": Asset("text/css", styleCSS),
        "/app.js": Asset("text/javascript", appJS),
        "/view.js": Asset("text/javascript", viewJS),
        "/format.js": Asset("text/javascript", formatJS),
        "/chart.js": Asset("text/javascript", chartJS),
        "/pauses.js": Asset("text/javascript", pausesJS),
        "/panels.js": Asset("text/javascript", panelsJS),
        "/changes.js": Asset("text/javascript", changesJS),
    ]
}
