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

    /// Whether the locale allows for more than ASCII; it does where nothing is said, as for all other commands.
    static var takesUnicode: Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.map(variable).first { !$0.isEmpty } ?? ""
        let name = locale.uppercased()
        return locale.isEmpty || name.contains("UTF-8") || name.contains("UTF8")
    }

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
}
