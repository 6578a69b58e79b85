// SPDX-License-Identifier: Apache-2.0
//
// weir ingest cloudtrail|azure|gcp|auto: audit logs of clouds into a store; weir ingest quarantine.

import ArgumentParser
import CloudAudit
import Foundation
import Intel
import JSON
import Records
import Sensor
import Store

/// What all of them take.
struct CloudIngestOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Files; folders, of which *.json, *.ndjson, *.jsonl, *.log, *.csv, *.gz, *.zip.", valueName: "path"))
    var paths: [String]

    @Option(name: .customLong("store"), help: ArgumentHelp("The store; made where there is none.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("Sigma rules, files or folders, that look at each new record.", valueName: "path"))
    var sigma: [String] = []

    @OptionGroup var sigmaOptions: SigmaOptions

    @Option(
        help: ArgumentHelp(
            "Seconds in which alerts of one rule about the same become one; 0 for one each.", valueName: "n"))
    var fold = AlertSettings().foldSeconds

    @Option(help: ArgumentHelp("Name of this sensor in the segments.", valueName: "name"))
    var sensor = "weir"

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
        guard fold >= 0 else { throw ValidationError("--fold \(fold): choose 0 or more seconds") }
        guard !paths.isEmpty else { throw ValidationError("name a file or a folder") }
    }

    func run(_ selection: CloudSelection) throws {
        // A path that is not there is a typing error: nothing is made for it.
        for path in paths where !FileManager.default.fileExists(atPath: path) {
            throw Console.fail("\(path): there is no such file or folder; check the path")
        }
        var settings = CloudIngest.Settings()
        settings.selection = selection
        settings.sensorName = sensor
        settings.foldSeconds = fold
        settings.observer = try SigmaGlue.cloudObserver(sigma, sigmaOptions.values())
        settings.onlookers = try onlookers()
        if Console.isTerminal {
            settings.progress = { done, total in
                Console.write("\r\(done) of \(total) files" + (done == total ? "\r\u{1B}[K" : ""))
            }
        }
        let summary: CloudSummary
        do throws(StoreError) {
            let ingest = try CloudIngest(store: folder, settings: settings)
            try ingest.read(paths)
            summary = ingest.summary
        } catch {
            throw Console.fail(error.description)
        }
        report(summary)
        if !summary.isClean { throw ExitStatus.damaged }
    }

    /// The indicators that the store keeps look on, too.
    private func onlookers() throws -> [any RowObserver] {
        var sensor = Settings()
        sensor.alerts.foldSeconds = fold
        do throws(IntelError) {
            let index = try sensor.loadIndicators(store: folder) { Console.warn($0) }
            return index.count > 0 ? [sensor.matcher(IndicatorShelf(index))] : []
        } catch {
            throw Console.fail(error.description)
        }
    }

    private func report(_ summary: CloudSummary) {
        for line in summary.damagedFiles { Console.warn(line) }
        let more = summary.damagedFileCount - summary.damagedFiles.count
        if more > 0 { Console.warn("… and \(more) more files that could not be read to their end") }
        guard format == "json" else {
            print(
                """
                \(summary.files) \(summary.files == 1 ? "file" : "files") read, \
                \(summary.unchangedFiles) unchanged; \(summary.records) records, \
                \(summary.rows) new, \(summary.duplicates) known, \(summary.quarantined) in quarantine; \
                \(summary.alerts) alerts
                """)
            if summary.files + summary.unchangedFiles == 0 {
                Console.say("no file below is named as audit logs are; see weir ingest auto --help")
            }
            if summary.quarantined > 0 { Console.say("weir ingest quarantine --store \(folder) lists what is wrong") }
            return
        }
        var json = JSONWriter()
        json.object {
            $0.member("files", summary.files)
            $0.member("unchanged_files", summary.unchangedFiles)
            $0.member("records", summary.records)
            $0.member("rows", summary.rows)
            $0.member("duplicates", summary.duplicates)
            $0.member("quarantined", summary.quarantined)
            $0.member("alerts", summary.alerts)
            $0.member("damaged_file_count", summary.damagedFileCount)
            $0.member("damaged_files", summary.damagedFiles)
        }
        print(json.text)
    }
}

private func about(_ name: String, _ abstract: String, _ discussion: String) -> CommandConfiguration {
    CommandConfiguration(
        commandName: name, abstract: abstract,
        discussion: discussion + "\n\nA record is kept once, by its provider's own identity, however often it is read. "
            + "What is no record goes to the quarantine and stops nothing.")
}

struct IngestCloudTrailCommand: ParsableCommand {
    static let configuration = about(
        "cloudtrail", "Read AWS CloudTrail logs: S3 objects, arrays, JSON lines, EventBridge events.",
        "Example:\n  weir ingest cloudtrail --store demo AWSLogs/")
    @OptionGroup var options: CloudIngestOptions
    func run() throws { try options.run(.cloudtrail) }
}

struct IngestAzureCommand: ParsableCommand {
    static let configuration = about(
        "azure", "Read Azure, Entra and Microsoft 365 logs: diagnostic settings, activity log, Graph, Log Analytics.",
        "Example:\n  weir ingest azure --store demo insights-activity-logs/")
    @OptionGroup var options: CloudIngestOptions
    func run() throws { try options.run(.azure) }
}

struct IngestGCPCommand: ParsableCommand {
    static let configuration = about(
        "gcp", "Read Google Cloud audit logs: LogEntry lines and arrays, Workspace activities.",
        "Example:\n  weir ingest gcp --store demo cloudaudit.googleapis.com/")
    @OptionGroup var options: CloudIngestOptions
    func run() throws { try options.run(.gcp) }
}

struct IngestAutoCommand: ParsableCommand {
    static let configuration = about(
        "auto", "Read audit logs of any provider, told apart record by record.",
        "Example:\n  weir ingest auto --store demo /data/audit --sigma rules/")
    @OptionGroup var options: CloudIngestOptions
    func run() throws { try options.run(.auto) }
}

struct IngestQuarantineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine", abstract: "What could not be read: file, place, reason, the first octets.",
        discussion: "Example:\n  weir ingest quarantine --store demo --format json")

    @OptionGroup var choice: StoreChoice

    @Option(help: ArgumentHelp("Of this file or folder only.", valueName: "path"))
    var file: String?

    @Option(help: ArgumentHelp("The newest so many.", valueName: "n"))
    var limit = 1000

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit \(limit): at least 1") }
    }

    func run() throws {
        let records = try choice.attempt { () throws(StoreError) in
            let database = try StoreDatabase(folder: choice.folder, isReadOnly: true)
            return try CloudTables.quarantine(database, file: file, limit: limit)
        }
        for record in records {
            guard choice.isJSON else {
                let excerpt = String(decoding: record.excerpt.prefix(60), as: UTF8.self)
                    .replacingOccurrences(of: "\n", with: " ")
                print("\(record.file):\(record.offset): \(record.reason) (\(record.length) octets): \(excerpt)")
                continue
            }
            var json = JSONWriter()
            json.object {
                $0.member("file", record.file)
                $0.member("offset", record.offset)
                $0.member("length", record.length)
                $0.member("reason", record.reason)
                $0.member("found", Double(record.found) / 1e6)
                $0.key("excerpt")
                $0.string(record.excerpt[...])
            }
            print(json.text)
        }
    }
}
