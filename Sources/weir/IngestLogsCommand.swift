// SPDX-License-Identifier: Apache-2.0
//
// weir ingest zeek, weir ingest eve: other sensors' logs become rows of a store.

import ArgumentParser
import Ingest
import Sensor
import Store

/// What both have.
struct IngestLogsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The store to add to; it is made where there is none.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("The name under which rows are written.", valueName: "name"))
    var sensor = "ingest"

    @Option(help: ArgumentHelp("text, or json: one object with what came of the files.", valueName: "form"))
    var format = "text"

    @Argument(help: ArgumentHelp("Files (plain or gzip), or folders of them.", valueName: "path"))
    var paths: [String]

    func validate() throws {
        try OutputForm.check(format)
        guard !paths.isEmpty else { throw ValidationError("name a file or a folder") }
    }

    func run(_ form: IngestForm) throws {
        keepFreedMemory()
        let summary: IngestSummary
        do throws(IngestError) {
            let ingestion = try Ingestion(
                store: store, sensor: sensor, schemas: Schemas.logs, form: form, tell: Console.warn)
            try ingestion.read(paths)
            summary = ingestion.summary
        } catch {
            throw Console.fail(error.description)
        }
        print(format == "json" ? summary.json : summary.text, terminator: "")
        if summary.isDamaged { throw ExitStatus.damaged }
    }
}

struct IngestZeekCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zeek",
        abstract: "Read Zeek's logs (tab-separated or JSON, .gz too) into a store.",
        discussion: """
            Columns go by name; a log is known by its head, its member _path, or its file's name. What was read is
            remembered by content: the same file, renamed or packed, gives no row twice, and one that has grown goes on.

            Examples:
              weir ingest zeek --store hunt /opt/zeek/logs/2026-11-22
              weir ingest zeek --store hunt conn.log dns.log.gz
              weir hunt beacons --store hunt

            Exit status: 0 done; 1 done, but some lines were no records; 2 could not be done; 64 wrong usage.
            """)

    @OptionGroup var options: IngestLogsOptions

    func run() throws { try options.run(.zeek) }
}

struct IngestEVECommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eve",
        abstract: "Read Suricata's events (eve.json, .gz too) into a store.",
        discussion: """
            flow, dns, http, tls, fileinfo, alert, ssh, smtp, ftp, krb5, smb and anomaly become rows of conn, dns, http,
            ssl and x509, files, alert, and so on. What was read is remembered by content.

            Examples:
              weir ingest eve --store hunt /var/log/suricata/eve.json
              weir ingest eve --store hunt /var/log/suricata --format json

            Exit status: 0 done; 1 done, but some lines were no records; 2 could not be done; 64 wrong usage.
            """)

    @OptionGroup var options: IngestLogsOptions

    func run() throws { try options.run(.eve) }
}
