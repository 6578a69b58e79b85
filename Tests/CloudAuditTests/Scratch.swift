// SPDX-License-Identifier: Apache-2.0
//
// What the tests of this folder share: a folder with a store, events, packed files.

import Foundation
import Query
import Records
import Store
import Testing

@testable import CloudAudit

/// A folder of its own that goes with the test.
final class Scratch {
    let path = FileManager.default.temporaryDirectory.appending(path: "cloud-\(UUID().uuidString)").path
    var store: String { path + "/store" }

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ octets: some Sequence<UInt8>) throws -> String {
        let file = path + "/" + name
        try Data(octets).write(to: URL(filePath: file))
        return file
    }

    /// Runs a command of the system in the folder.
    func shell(_ command: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-ec", command]
        process.currentDirectoryURL = URL(filePath: path)
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
    }

    func ingest(_ paths: [String], _ selection: CloudSelection = .auto) throws -> CloudSummary {
        var settings = CloudIngest.Settings()
        settings.selection = selection
        let ingest = try CloudIngest(store: store, settings: settings)
        try ingest.read(paths)
        return ingest.summary
    }

    func quarantine() throws -> [QuarantinedRecord] {
        try CloudTables.quarantine(StoreDatabase(folder: store))
    }

    /// The raw records of the store.
    func raws() throws -> [String] {
        let answer = try StoreQuery(store: store, schemas: [CloudAuditRecord.makeSchema()])
        return try answer.rows("SELECT raw FROM cloud_audit").all().compactMap { $0.text("raw") }
    }
}

func event(_ number: Int, _ more: String = "") -> String {
    """
    {"eventVersion":"1.08","eventID":"id-\(number)","eventTime":"2024-10-17T20:0\(number % 10):52Z",\
    "eventSource":"s3.amazonaws.com",\
    "eventName":"GetObject","resources":[{"ARN":"arn:aws:s3:::b\(number)"},{"ARN":"a2","type":"T"}]\(more)}
    """
}

/// The text as one member of a gzip file.
func gzip(_ text: String) throws -> [UInt8] {
    let scratch = try Scratch()
    let plain = try scratch.write("plain", text.utf8)
    try scratch.shell("gzip -k plain")
    return [UInt8](try Data(contentsOf: URL(filePath: plain + ".gz")))
}
