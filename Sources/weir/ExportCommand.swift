// SPDX-License-Identifier: Apache-2.0
//
// weir export: a store's findings in a form that other systems take.

import ArgumentParser
import Foundation
import Handoff
import Query
import Records
import Sensor

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write rows as Zeek's logs, Suricata's events, CSV or Parquet; findings as OCSF events.",
        discussion: """
            Of OCSF, incidents are events of class 2005, alerts of 2004, cloud audit records of 6003. zeek-tsv and
            zeek-json write FOLDER/TABLE.log, as the sensor does; eve, csv and parquet write one file.

            Examples:
              weir export --format ocsf --store /var/lib/weir > events.ndjson
              weir export --format zeek-tsv --store demo --table conn -o logs
              weir export --format csv --store demo --table http --where "status_code >= 400" -o errors.csv
              weir export --format ocsf --store demo --class incidents --since '2026-11-22' --output incidents.ndjson
            """)

    @Option(help: ArgumentHelp("ocsf, zeek-tsv, zeek-json, eve, csv or parquet.", valueName: "form"))
    var format = "ocsf"

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("Name of the sensor in the events.", valueName: "name"))
    var sensor = "weir"

    @Option(
        name: .customLong("class"), help: ArgumentHelp("Only incidents, findings or cloud.", valueName: "class"))
    var classes: [String] = []

    @Option(help: ArgumentHelp("Only from this time on.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only before this time.", valueName: "time"))
    var until: String?

    @Option(name: [.short, .long], help: ArgumentHelp("Write here.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("The log to write (not with ocsf).", valueName: "log"))
    var table: String?

    @Option(help: ArgumentHelp("A condition of SQL on its rows.", valueName: "sql"))
    var `where`: String?

    func validate() throws {
        guard format == "ocsf" || LogExport.forms.contains(format) else {
            let forms = LogExport.forms.joined(separator: ", ")
            throw ValidationError("--format \(format): choose ocsf or one of \(forms)")
        }
        guard format == "ocsf" || table != nil && output != nil else {
            throw ValidationError("--format \(format) needs --table LOG and --output PATH")
        }
        for name in classes where OCSFExport.EventClass(rawValue: name) == nil {
            throw ValidationError("--class \(name): choose incidents, findings or cloud")
        }
    }

    func run() throws {
        if format != "ocsf", let table, let output {
            return try LogExport(
                store: store, table: table, format: format, output: output, since: since, until: until, where: `where`
            ).run()
        }
        var export = OCSFExport(store: store, sensor: sensor)
        let chosen = classes.compactMap { OCSFExport.EventClass(rawValue: $0) }
        if !chosen.isEmpty { export.classes = chosen }
        export.since = try time("--since", since)
        export.until = try time("--until", until)
        do {
            let sink = try LineSink(output)
            let count = try export.write { try sink.add($0) }
            try sink.finish()
            Console.say("\(count) event\(count == 1 ? "" : "s") written")
        } catch let error as QueryError {
            throw Console.fail(error.description)
        } catch let error as HandoffError {
            throw Console.fail(error.description)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw Console.fail("\(output ?? "standard output"): it cannot be written to the end: \(error)")
        }
    }

    private func time(_ option: String, _ text: String?) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(text: text) else {
            throw Console.fail("\(option) \(text): this is not a time such as '2026-11-22 13:00'")
        }
        return time
    }
}

/// Lines into a file or to standard output, some at once.
private final class LineSink {
    private static let bytesMax = 1 << 20
    private let file: FileHandle
    private var waiting = Data()

    init(_ path: String?) throws {
        guard let path else {
            file = .standardOutput
            return
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let opened = FileHandle(forWritingAtPath: path)
        else {
            throw Console.fail("\(path): the file cannot be made; check the path and its permissions")
        }
        file = opened
    }

    func add(_ line: [UInt8]) throws {
        waiting.append(contentsOf: line)
        waiting.append(0x0A)
        if waiting.count >= LineSink.bytesMax { try finish() }
    }

    func finish() throws {
        try file.write(contentsOf: waiting)
        waiting.removeAll(keepingCapacity: true)
    }
}
