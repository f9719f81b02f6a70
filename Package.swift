// swift-tools-version: 6.1
import PackageDescription

// One array for all our targets, so that no module is compiled more leniently than another.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// How the shipped program is linked.
///
/// The Swift runtime's own list asks the linker to export all symbols, for whoever loads libraries into the program;
/// nobody does. Without 32,000 names and what they keep alive, and with relocations packed (glibc 2.36, of Debian 12), a
/// recorder has some 4 MB less resident. Only LLD packs them.
let linking: [LinkerSetting] = [
    .unsafeFlags(
        ["-use-ld=lld"]
            + ["--no-export-dynamic", "-z", "pack-relative-relocs"].flatMap { ["-Xlinker", $0] },
        .when(platforms: [.linux], configuration: .release)
    )
]

/// A library target of ours under `Sources/NAME`.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

/// The tests of one module under `Tests/NAME`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

/// A C library that the system provides, found by pkg-config.
func system(_ name: String, pkgConfig: String, debian: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian])])
}

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "expvault",
    products: [.executable(name: "expvault", targets: ["expvault"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The C libraries: the store's file, its compression, the configuration file's parser.
        system("CSQLite", pkgConfig: "sqlite3", debian: "libsqlite3-dev"),
        system("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),
        system("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
        system("CYAML", pkgConfig: "yaml-0.1", debian: "libyaml-dev"),
        // The vocabulary: plain values, no I/O.
        module("Model"),
        // What a body of /debug/vars means: leaves, names, runs, collections. Pure.
        module("Expvar", ["Model"]),
        // JSON text out, with the one escaper, and JSON answers in.
        module("JSON", ["Model"]),
        // Columns to bytes and back. Pure, knows no word of the field.
        module("Codec"),
        // Files of the host: which one it is, whom it belongs to, and how an output comes to be.
        module("HostFiles"),
        // A thin wrapper of SQLite, one of zstd and zlib. Neither knows a word of the field.
        module("SQLite", ["CSQLite", "HostFiles"]),
        module("Compression", ["CZstd", "CZlib"]),
        // Requests of an HTTP server, on SwiftNIO; knows no word of the field.
        module("HTTPClient", [nioCore, nioPosix, nioHTTP1, nioSSL]),
        // The file: the only place that knows tables, chunks and transactions.
        module("Storage", ["Model", "Expvar", "Codec", "HostFiles", "SQLite", "Compression"]),
        // Time and network into Storage.
        module(
            "Recorder",
            [
                "Model", "Expvar", "HostFiles", "Storage", "HTTPClient", "CYAML", log, nioCore, nioPosix,
                nioHTTP1, nioSSL,
            ]
        ),
        // Storage into answers.
        module("Query", ["Model", "Expvar", "Storage"]),
        // Storage into what other programs read: OpenMetrics, plain SQLite.
        module("Handover", ["Model", "HostFiles", "SQLite", "Storage", "Query"]),
        // Storage into documents and lines, and lines back into Storage.
        module(
            "Export",
            [
                "Model", "JSON", "Expvar", "HostFiles", "Storage", "Compression", "HTTPClient", log, nioCore,
                nioPosix, nioHTTP1, nioSSL,
            ]
        ),
        // The page's files, embedded; Assets are the compiler's to read.
        .target(name: "CPage"),
        // What could be recorded on this host.
        module("Discovery", ["Model", nioCore, nioPosix, nioHTTP1]),
        // Answers as a page on loopback.
        module(
            "Dashboard",
            ["CPage", "Model", "JSON", "Storage", "Query", log, nioCore, nioPosix, nioHTTP1],
            exclude: ["Assets"]
        ),
        // Answers as a picture on a terminal: keys in, cells out. Pure, and sees nothing but Query.
        module("TerminalView", ["Model", "Query"]),
        // Words in, words out.
        .executableTarget(
            name: "expvault",
            dependencies: [
                "Model", "JSON", "Expvar", "Storage", "Recorder", "Query", "Export", "Handover", "Dashboard",
                "TerminalView", "Discovery", argumentParser, log, serviceLifecycle, unixSignals,
            ],
            swiftSettings: settings,
            linkerSettings: linking
        ),
        // A directory and random numbers of a test's own, for all tests below.
        .target(name: "TestBasics", path: "Tests/TestBasics", swiftSettings: settings),
        // Real loopback servers, seeded generators and a naive reference, for the tests below.
        .target(
            name: "TestSupport",
            dependencies: [
                "TestBasics", "Model", "JSON", "Expvar", "Compression", "Storage", nioCore, nioPosix,
                nioHTTP1,
                nioSSL,
            ],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        tests("ModelTests", ["Model"]),
        tests("JSONTests", ["JSON", "Model"]),
        tests("ExpvarTests", ["Expvar", "Model", "TestBasics"]),
        tests("CodecTests", ["Codec", "TestBasics"]),
        tests("HostFilesTests", ["HostFiles", "TestBasics"]),
        tests("SQLiteTests", ["SQLite", "TestBasics"]),
        tests("CompressionTests", ["Compression", "TestBasics"]),
        tests(
            "StorageTests",
            ["Storage", "SQLite", "Expvar", "Model", "Codec", "Compression", "TestBasics"]
        ),
        tests(
            "RecorderTests",
            ["Recorder", "Storage", "Model", "TestBasics", "TestSupport", nioCore, nioHTTP1, nioSSL, log]
        ),
        tests("DiscoveryTests", ["Discovery", "TestBasics", "TestSupport"]),
        tests("QueryTests", ["Query", "Storage", "Expvar", "Model", "TestBasics"]),
        tests(
            "ExportTests",
            [
                "Export", "JSON", "Storage", "Expvar", "Model", "TestBasics", "TestSupport", nioCore,
                nioHTTP1, nioSSL, log,
            ]
        ),
        tests(
            "DashboardTests",
            [
                "Dashboard", "Query", "JSON", "Storage", "Model", "TestBasics", "TestSupport", nioCore,
                nioPosix, nioHTTP1,
                log,
            ]
        ),
        tests(
            "TerminalViewTests",
            ["TerminalView", "Query", "Storage", "Model", "TestBasics", "TestSupport"]
        ),
        tests("EndToEndTests", ["expvault", "TestBasics", "TestSupport", "JSON", "Model"]),
        tests("FaultTests", ["expvault", "TestBasics", "TestSupport", "JSON", "Model", "SQLite"]),
        tests("LayeringTests", []),
    ],
    // For #embed, with which CPage takes the page's files.
    cLanguageStandard: .gnu2x
)
