// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Set by Scripts/fuzz: our own modules are then built with libFuzzer's coverage, optimised, and linked to it.
let isFuzzing = Context.environment["WEIR_FUZZ"] != nil

/// One list for every target: strict, and unsafe code is an error unless it is marked.
let settings: [SwiftSetting] = (isFuzzing ? [.unsafeFlags(["-O", "-sanitize=fuzzer", "-parse-as-library"])] : []) + [
    // Checks of exclusive access cost a seventh of the sensor's time. Debug builds, and so the tests, have them.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
/// For the bare AES block of QUIC's header protection.
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

func library(_ name: String, _ dependencies: [Target.Dependency], _ more: [SwiftSetting] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings + more)
}

func system(_ name: String, pkgConfig: String, package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "weir",
    products: [.executable(name: "weir", targets: ["weir"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: [
        system("CPcap", pkgConfig: "libpcap", package: "libpcap-dev"),
        system("CZlib", pkgConfig: "zlib", package: "zlib1g-dev"),
        system("CBrotli", pkgConfig: "libbrotlidec", package: "libbrotli-dev"),
        system("CLZ4", pkgConfig: "liblz4", package: "liblz4-dev"),
        system("CVectorscan", pkgConfig: "libhs", package: "libvectorscan-dev"),
        system("CPCRE2", pkgConfig: "libpcre2-8", package: "libpcre2-dev"),
        system("CZstd", pkgConfig: "libzstd", package: "libzstd-dev"),
        system("CMaxMind", pkgConfig: "libmaxminddb", package: "libmaxminddb-dev"),
        // Lifetimes is experimental, so it stays in the one small module that needs it.
        library("Wire", [], [.enableExperimentalFeature("Lifetimes")]),
        library("Records", []),
        library("Flows", ["Wire", "Records"]),
        library("Files", ["Wire", "Records", "CZlib", "CBrotli", crypto]),
        library("Protocols", ["Wire", "Records", "Files", crypto, cryptoExtras]),
        library("Signatures", ["Wire", "Records", "Files", "JSON", "CVectorscan", "CPCRE2", "CMaxMind", crypto]),
        library("Capture", ["Wire", "CPcap", "CZlib"]),
        library("Logs", ["Records"]),
        library("Store", ["Records", "CLZ4", "CZlib", "CZstd", grdb, sqlite]),
        library("Query", ["Wire", "Records", "Signatures", "Store", grdb, sqlite]),
        library("JSON", []),
        library("Archive", ["CZlib"]),
        library("CloudAudit", ["Records", "JSON", "Archive", "Store", crypto, grdb]),
        library("Sigma", ["Records", "JSON", "Query", "Signatures", "CPCRE2", yams]),
        library("Hunts", ["Records", "Signatures", "Store", "Query", grdb]),
        library("Intel", ["Wire", "Records", "JSON", "Archive", "Signatures", "Store", "Query"]),
        library("Ingest", ["Records", "JSON", "Archive", "Store", grdb]),
        library("Incidents", ["Records", "JSON", "Store", "Query", yams, grdb]),
        library("Handoff", ["Records", "JSON", "Store", "Incidents", crypto, grdb, yams, httpClient] + nio),
        library("Lake", ["Records", "Store", "Query", crypto, httpClient] + nio),
        library(
            "Sensor",
            [
                "Wire", "Records", "JSON", "Flows", "Files", "Protocols", "Signatures", "Capture", "Logs", "Store",
                "CloudAudit", yams,
            ]),
        .executableTarget(
            name: "weir",
            dependencies: [
                "Records", "JSON", "Protocols", "Signatures", "Capture", "Logs", "Store", "Query", "Sensor",
                "CloudAudit", "Sigma", "Intel", "Hunts", "Ingest", "Incidents", "Handoff", "Lake", arguments,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "store-benchmark", dependencies: ["Flows", "Protocols", "Records", "Sensor", "Store"],
            path: "Benchmarks/Store", swiftSettings: settings),
        tests("WireTests", ["Wire"]),
        tests("RecordsTests", ["Records"]),
        tests("FlowsTests", ["Flows", "Wire", "Records"]),
        tests("FilesTests", ["Files", "Wire", "Records"]),
        tests("ProtocolsTests", ["Protocols", "Wire", "Records", "Files", crypto, cryptoExtras]),
        tests("SignaturesTests", ["Signatures", "Wire", "Records"]),
        tests("CaptureTests", ["Capture"]),
        tests("LogsTests", ["Logs", "Records"]),
        tests("StoreTests", ["Store", "Records", grdb]),
        tests("QueryTests", ["Query", "Store", "Records"]),
        tests(
            "SensorTests",
            ["Sensor", "Capture", "Flows", "Wire", "Records", "Protocols", "Signatures", "Store", "Query", "Logs", "weir"]),
        tests("FuzzTests", ["Fuzzing", "Protocols", "Records"]),
        tests("JSONTests", ["JSON"]),
        tests("CloudAuditTests", ["CloudAudit", "Records", "JSON", "Store", "Query"]),
        tests("SigmaTests", ["Sigma", "Records", "JSON", "Store", "Query"]),
        tests("IntelTests", ["Intel", "Records", "JSON", "Store", "Query"]),
        tests(
            "HuntsTests",
            ["Hunts", "Flows", "Protocols", "Records", "Sensor", "Store", "Query", "Ingest", "Capture", "Lake"]),
        tests("IngestTests", ["Ingest", "Records", "JSON", "Logs", "Sensor", "Store", "Query"]),
        tests("HandoffTests", ["Handoff", "Incidents", "Records", "JSON", "Store", crypto, grdb] + nio),
        tests("IncidentsTests", ["Incidents", "Records", "JSON", "Store", "Query", grdb]),
        tests("LakeTests", ["Lake", "Records", "Store", "Sensor", "Capture", "Query"]),
        tests("TidyTests", []),
        .target(
            name: "Fuzzing",
            dependencies: ["Capture", "Files", "Logs", "Protocols", "Records", "Sensor", "Signatures", "Wire"],
            path: "Tests/Fuzzing", swiftSettings: settings),
    ]
)

if isFuzzing {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(
            name: "FuzzMain", dependencies: ["CFuzzer", "Fuzzing"], path: "Tests/FuzzMain", swiftSettings: settings,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]),
    ]
}
