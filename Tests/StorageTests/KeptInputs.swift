import TestBasics

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The inputs that are kept for a fuzz target, in Fuzz/Corpus/NAME: where it begins, and what it once found.
enum KeptInputs {
    private static func directory(_ target: String) -> String {
        Repository.root + "/Fuzz/Corpus/" + target
    }

    /// All of them, by name.
    static func all(of target: String) -> [[UInt8]] {
        let directory = directory(target)
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            names.append(
                withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
            )
        }
        return names.filter { !$0.hasPrefix(".") }.sorted().compactMap { read(directory + "/" + $0) }
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&part, 1, part.count, file)
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    }

    /// Keeps an input that is not there yet, where `EXPVAULT_WRITE_FIXTURES` is set.
    static func write(_ bytes: [UInt8], as name: String, of target: String) {
        guard getenv("EXPVAULT_WRITE_FIXTURES") != nil else { return }
        mkdir(directory(target), 0o755)
        guard let file = fopen(directory(target) + "/" + name, "wx") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}
