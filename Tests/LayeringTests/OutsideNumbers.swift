/// The rule about arithmetic on numbers that come from outside: arguments, addresses, configuration, lines, headers, answers.
///
/// Where such a number is read, and where it is used first, no sign is turned and nothing is multiplied unless a comment
/// on the line or within the two above says why that cannot overflow: `// Bounded: …`. A file in which every number is
/// bounded by how it is read says so once: `// Bounded throughout: …`.
enum OutsideNumbers {
    /// Where numbers from outside are read, or used first; a path that ends in a slash means all in that directory.
    static let places = [
        "Sources/expvault/Arguments/",
        "Sources/Model/DurationText.swift", "Sources/Model/SizeText.swift", "Sources/Model/TimeText.swift",
        "Sources/Model/TimestampText.swift", "Sources/Model/TLSFailure.swift",
        "Sources/JSON/JSONText.swift", "Sources/JSON/JSONValue.swift", "Sources/JSON/JSONReader.swift",
        "Sources/Query/Pauses/DecimalPercentile.swift", "Sources/Query/QueryWindow.swift",
        "Sources/Dashboard/QueryString.swift", "Sources/Dashboard/Route.swift",
        "Sources/Dashboard/RequestGuard.swift", "Sources/Dashboard/StepChoice.swift",
        "Sources/Recorder/Config/ConfigurationFile.swift",
        "Sources/Recorder/Config/ConfigurationResolver.swift",
        "Sources/Recorder/HTTP/HTTPDate.swift", "Sources/Recorder/Config/TargetURL.swift",
        "Sources/Recorder/Watch/SystemdNotifier.swift", "Sources/Recorder/Config/CertificateInspection.swift",
        "Sources/Recorder/RecordingService.swift", "Sources/Recorder/HTTP/Scraper.swift",
        "Sources/Export/Lines/RawLineReader.swift", "Sources/Export/Elasticsearch/Server/RetryAfter.swift",
        "Sources/Export/Elasticsearch/Server/BulkResponse.swift",
        "Sources/Export/Elasticsearch/Server/ServerInfo.swift",
        "Sources/Export/Elasticsearch/Server/ServerGreeting.swift",
        "Sources/Export/Elasticsearch/Server/CloudID.swift",
        "Sources/Export/Elasticsearch/Server/ElasticsearchURL.swift",
        "Sources/Export/Elasticsearch/Server/ElasticsearchClient.swift",
    ]

    /// Finds turned signs and products in those places.
    static func arithmetic(_ file: SourceFile) -> [Violation] {
        guard places.contains(where: { $0 == file.path || $0.hasSuffix("/") && file.path.hasPrefix($0) }),
            !file.text.comments.contains(where: { $0.contains("Bounded throughout: ") })
        else { return [] }
        return file.text.code.enumerated().compactMap { index, line in
            guard let what = unchecked(line) else { return nil }
            let near = file.text.comments[max(0, index - 2)...index]
            guard near.allSatisfy({ !$0.contains("Bounded: ") }) else { return nil }
            return Violation(
                path: file.path,
                line: index + 1,
                message: "\(what) of what may come from outside, without its `// Bounded: …`"
            )
        }
    }

    /// What the line does that may overflow; nil where it does nothing of the kind.
    static func unchecked(_ line: String) -> String? {
        let bytes = Array(line.utf8)
        for (index, byte) in bytes.enumerated() {
            let before = index > 0 ? bytes[index - 1] : UInt8(ascii: " ")
            let after = index + 1 < bytes.count ? bytes[index + 1] : UInt8(ascii: " ")
            if byte == UInt8(ascii: "-"), isWordStart(after), isOpening(before) { return "a turned sign" }
            guard byte == UInt8(ascii: "*"), before == UInt8(ascii: " ") else { continue }
            if after == UInt8(ascii: "=") { return "a product" }
            // Products of constants are the compiler's affair.
            let left = words(bytes[..<index]).last ?? ""
            let right = words(bytes[(index + 1)...]).first ?? ""
            if after == UInt8(ascii: " "), !(isLiteral(left) && isLiteral(right)) { return "a product" }
        }
        return nil
    }

    private static func words(_ bytes: ArraySlice<UInt8>) -> [String] {
        bytes.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func isLiteral(_ word: String) -> Bool {
        let digits = word.filter { !"_()".contains($0) }
        return !digits.isEmpty && digits.allSatisfy(\.isNumber)
    }

    private static func isWordStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: "(") || byte == UInt8(ascii: "$")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isOpening(_ byte: UInt8) -> Bool { " ([{,:;".utf8.contains(byte) }
}
