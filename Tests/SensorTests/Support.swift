// SPDX-License-Identifier: Apache-2.0
//
// What the end-to-end tests share: folders, captures of the repository, runs in this process,
// and runs of the built command.
//
// Leaves  hand-made packets (Packets.swift).

import Capture
import Foundation
import Logs
import Records
import Sensor
import Signatures
import Store
import Testing

/// The repository that the tests were built from.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static let office = root + "/pcaps/office.pcap"
    static let intrusion = root + "/pcaps/intrusion.pcap"

    /// Whether the tests write what they otherwise compare with.
    static func updates(_ what: String) -> Bool { ProcessInfo.processInfo.environment["WEIR_UPDATE_\(what)"] == "1" }
}

/// A new folder that goes with its owner.
final class TestFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/weir-sensor-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A file in the folder with these octets.
    func write(_ name: String, _ octets: [UInt8]) throws -> String {
        let place = "\(path)/\(name)"
        try Data(octets).write(to: URL(filePath: place))
        return place
    }

    /// Every file below, by its path in the folder.
    func contents(of folder: String = "") throws -> [String: Data] {
        try filesBelow("\(path)/\(folder)")
    }
}

/// Every file below a folder, by its path there.
func filesBelow(_ folder: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    for name in names {
        let path = "\(folder)/\(name)"
        let kind = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        guard kind == .typeRegular else { continue }
        files[name] = try Data(contentsOf: URL(filePath: path))
    }
    return files
}

/// The octets of a file.
func octets(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

/// Lines of a log as JSON objects, in the file's order.
struct LogLines {
    let rows: [[String: Any]]

    init(_ path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            rows = []
            return
        }
        rows = try data.split(separator: 0x0A).map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        }
    }

    func texts(_ column: String) -> [String] { rows.compactMap { $0[column] as? String } }
    func numbers(_ column: String) -> [Double] { LogLines.numbers(rows, column) }
    static func numbers(_ rows: [[String: Any]], _ column: String) -> [Double] {
        rows.compactMap { ($0[column] as? NSNumber)?.doubleValue }
    }
}

/// One replay inside this process.
struct TestRun {
    var settings = Settings()
    var workers = 1
    var isLenient = false
    var again = false

    /// Replays into `folder/logs`, and into `folder/store` where `stores` says so. Nil where the store had it.
    @discardableResult
    func replay(
        _ paths: [String], into folder: String, stores: Bool = false, rules: RuleIndex? = nil
    ) throws -> Summary? {
        var source = try CaptureSource(
            paths: paths, options: CaptureOptions(isLenient: isLenient, filter: settings.filter))
        var store: StoreWriter?
        if stores {
            let writer = try StoreWriter(folder: folder + "/store")
            let identity = try ReplayIdentity.make(source, settings: settings)
            guard try writer.beginSource(identity: identity, again: again) == .fresh else { return nil }
            store = writer
        }
        let logs = try LogWriter(directory: folder + "/logs", format: .zeekJSON, schemas: Schemas.all)
        return try Replay(settings: settings, workerCount: workers, rules: rules)
            .run(&source, into: Outputs(logs: logs, store: store, isReplay: stores))
    }
}

/// The built `weir`, beside the bundle of the tests.
struct WeirCommand {
    struct Result {
        var status: Int32
        var output: String
        var errors: String
        /// Lines on standard error.
        var lines: [String] { errors.split(separator: "\n").map(String.init) }
    }

    static let path: String? = {
        guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let path = URL(filePath: own).deletingLastPathComponent().appending(path: "weir").path
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static var isBuilt: Bool { path != nil }

    /// Runs it to its end, and ends it after `seconds`. A signal that ended it is the status plus 1000.
    static func run(_ arguments: [String], in folder: String? = nil, seconds: Double = 120) throws -> Result {
        try program(try #require(path), arguments, in: folder, seconds: seconds)
    }

    static func program(
        _ path: String, _ arguments: [String], in folder: String? = nil, seconds: Double = 120
    ) throws -> Result {
        let scratch = try TestFolder()
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(filePath: folder) }
        // Files, not pipes: a pipe that nobody empties would stop the command.
        let output = try scratch.write("output", [])
        let errors = try scratch.write("errors", [])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        let limit = Date().addingTimeInterval(seconds)
        while process.isRunning, Date() < limit { Thread.sleep(forTimeInterval: 0.01) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        let signal: Int32 = process.terminationReason == .uncaughtSignal ? 1000 : 0
        return Result(
            status: process.terminationStatus + signal, output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
}
