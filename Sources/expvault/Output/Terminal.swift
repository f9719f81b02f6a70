#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is known of the terminal at the other end, if there is one.
enum Terminal {
    /// Whether standard output is read by a person at a terminal.
    static let isOutput = isatty(STDOUT_FILENO) == 1
    /// Whether standard error is.
    static let isError = isatty(STDERR_FILENO) == 1

    /// Whether colours and bold may be used on standard output; see https://no-color.org.
    static let isStyled =
        isOutput && variable("NO_COLOR").isEmpty && variable("TERM") != "dumb"

    /// The width of the terminal behind a descriptor in columns; 80 where it has none to say.
    static func columns(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// An environment variable; empty where it is not set.
    static func variable(_ name: String) -> String {
        guard let value = getenv(name) else { return "" }
        return String(cString: value)
    }

    /// All environment variables.
    static var environment: [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return result
    }

    /// How many columns a text takes: wide and full-width characters two, combining marks none.
    static func width(of text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.unicodeScalars.reduce(0) { sum, scalar in
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .format: sum
            default: sum + (isWide(scalar.value) ? 2 : 1)
            }
        }
    }

    /// The blocks that Unicode's East Asian Width (UAX #11) counts as wide, coarsely.
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
