import CPage

/// A file of the page.
struct Asset: Sendable {
    let contentType: String
    let bytes: [UInt8]

    /// The files by their path; the page itself is `/`.
    static let all: [String: Asset] = {
        var all: [String: Asset] = [:]
        while let file = page_asset_at(all.count)?.pointee {
            let name = String(cString: file.name)
            all[name == indexName ? "/" : "/" + name] = Asset(
                contentType: contentType(of: name),
                bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
            )
        }
        return all
    }()

    private static let indexName = "index.html"

    private static func contentType(of name: String) -> String {
        let kind =
            switch name.split(separator: ".").last {
            case "html": "text/html"
            case "css": "text/css"
            case "js": "text/javascript"
            default: preconditionFailure("BUG: a file of the page of no known kind: \(name)")
            }
        return kind + "; charset=utf-8"
    }

    /// What a file of the page says.
    static func text(_ path: String) -> String {
        guard let asset = all[path] else { preconditionFailure("BUG: the page has no \(path)") }
        return String(decoding: asset.bytes, as: UTF8.self)
    }
}
