/// Which module may import which: the drawing in ARCHITECTURE.md as a table.
///
/// A new arrow is a decision: change the drawing, this table and Package.swift together.
enum Layers {
    /// For each directory in Sources: what its files may import, the C library (`platform`) aside.
    static let allowed: [String: Set<String>] = [
        "CSQLite": [], "CZstd": [], "CZlib": [], "CYAML": [], "CPage": [],
        "Model": [],
        "Expvar": ["Model"],
        "JSON": ["Model"],
        "Codec": [],
        "HostFiles": [],
        "SQLite": ["CSQLite", "HostFiles"],
        "Compression": ["CZstd", "CZlib"],
        "HTTPClient": ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL"],
        "Storage": ["Model", "Expvar", "Codec", "HostFiles", "SQLite", "Compression"],
        "Recorder": network.union(["Model", "Expvar", "HostFiles", "Storage", "CYAML"]),
        "Discovery": ["Model", "NIOCore", "NIOPosix", "NIOHTTP1"],
        "Query": ["Model", "Expvar", "Storage"],
        "Export": network.union(["Model", "JSON", "Expvar", "HostFiles", "Storage", "Compression"]),
        "Handover": ["Model", "HostFiles", "SQLite", "Storage", "Query"],
        "Dashboard": [
            "CPage", "Model", "JSON", "Storage", "Query",
            "Logging", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers",
        ],
        "TerminalView": ["Model", "Query"],
        "expvault": [
            "Model", "JSON", "Expvar", "Storage", "Recorder", "Query", "Export", "Handover", "Dashboard",
            "TerminalView", "Discovery", "ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals",
        ],
    ]

    /// Everyone may import these.
    static let platform: Set<String> = ["Swift", "Glibc", "Musl", "Synchronization"]

    /// What those need that speak HTTP.
    static let network: Set<String> = [
        "Logging", "HTTPClient", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "NIOConcurrencyHelpers",
    ]

    /// The same values in give the same values out: no clock, no file, no socket.
    static let pure: Set<String> = ["Model", "Expvar", "JSON", "Codec", "Query", "TerminalView"]

    /// These know no word of the field.
    static let wordless: Set<String> = ["Codec", "HostFiles", "SQLite", "Compression", "HTTPClient"]

    /// Where SQL is spoken.
    static let sqlSpeakers: Set<String> = ["Storage", "SQLite", "Handover"]
}
