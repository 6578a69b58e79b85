// SPDX-License-Identifier: Apache-2.0
//
// weir ship: finished segments of a store into a lake.

import ArgumentParser
import Foundation
import Lake

struct ShipCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ship",
        abstract: "Put a store's finished segments into a lake that several sensors fill, each once.",
        discussion: """
            The lake is a folder that all machines see, or a bucket: LAKE/log=NAME/day=DATE/SENSOR-….parquet. What was
            shipped is listed in the store; a run that was cut off is gone on with by the next. Of a store that a
            sensor writes, the hours that are over and merged are shipped: run it from time to time.

            Credentials for s3:// come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials, the
            region from AWS_REGION, another address than Amazon's from --endpoint or AWS_ENDPOINT_URL.

            Examples:
              weir ship --store /var/lib/weir --to /mnt/lake
              weir ship --store /var/lib/weir --to s3://lake/weir --endpoint https://minio.example:9000
            """)

    @Option(help: ArgumentHelp("The store.", valueName: "dir"))
    var store: String

    @Option(help: ArgumentHelp("The lake: a folder, or s3://bucket/prefix.", valueName: "place"))
    var to: String

    @Option(help: ArgumentHelp("Address of the object store.", valueName: "url"))
    var endpoint: String?

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
    }

    private struct Report: Encodable {
        var shipped: Int
        var rows: Int
        var bytes: Int
        var already_there: Int
        var gone: Int
        var total: Int
    }

    func run() throws {
        do {
            let place: any LakePlace
            if LakePlaces.isObjectStore(to) {
                let settings = try ObjectStoreSettings.find(ProcessInfo.processInfo.environment, endpoint: endpoint)
                place = try ObjectPlace(to, settings)
            } else {
                place = FolderPlace(path: to)
            }
            var shipper = try Shipper(store: store, place: place)
            if Console.isTerminal {
                shipper.progress = { done, total in
                    Console.write("\r\(done) of \(total) segments" + (done == total ? "\r\u{1B}[K" : ""))
                }
            }
            try report(shipper.run(), place.name)
        } catch let error as LakeError {
            throw Console.fail(error.description)
        }
    }

    private func report(_ report: ShippingReport, _ place: String) throws {
        if format == "json" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let line = Report(
                shipped: report.written, rows: report.rows, bytes: report.bytes, already_there: report.alreadyThere,
                gone: report.gone, total: report.total)
            return print(String(decoding: try encoder.encode(line), as: UTF8.self))
        }
        print(
            "\(report.written) segments (\(report.rows) rows, \(report.bytes) octets) shipped to \(place); "
                + "\(report.total) in all")
        if report.alreadyThere > 0 { print("\(report.alreadyThere) were there already, from a run that was cut off") }
        if report.gone > 0 { Console.warn("\(report.gone) segments were gone before they could be shipped") }
    }
}
