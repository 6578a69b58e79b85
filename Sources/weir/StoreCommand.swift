// SPDX-License-Identifier: Apache-2.0
//
// weir store: what a store holds, whether it is whole, mending it, merging it.

import ArgumentParser
import Foundation
import Records
import Sensor
import Store

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Look after a store: what it holds, whether it is whole, mending, merging.",
        discussion: """
            Examples:
              weir store status --store /var/lib/weir
              weir store check --store /var/lib/weir --format json
              weir store repair --store /var/lib/weir
            """,
        subcommands: [StoreStatusCommand.self, StoreCheckCommand.self, StoreRepairCommand.self, StoreMergeCommand.self])
}

/// Which store, and in which form to answer.
struct StoreChoice: ParsableArguments {
    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String

    @Option(help: ArgumentHelp("text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
    }

    var isJSON: Bool { format == "json" }

    /// Runs `work` and turns its refusal into one line and the exit status.
    func attempt<Value>(_ work: () throws(StoreError) -> Value) throws -> Value {
        do { return try work() } catch { throw Console.fail(error.description) }
    }
}

/// Prints a value as JSON.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// How far a long walk through segments is; shown on terminals only.
private func segmentProgress() -> ((Int, Int) -> Void)? {
    guard Console.isTerminal else { return nil }
    return { done, total in Console.write("\r\(done) of \(total) segments" + (done == total ? "\r\u{1B}[K" : "")) }
}

/// A time for people, UTC.
func timeText(_ time: Timestamp) -> String {
    let seconds = Double(time.nanoseconds) / 1e9
    let style = Date.ISO8601FormatStyle().dateTimeSeparator(.space)
    return Date(timeIntervalSince1970: seconds).formatted(style)
}

private func byteText(_ count: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var value = Double(count)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
        value /= 1000
        unit += 1
    }
    return unit == 0 ? "\(count) B" : String(format: "%.1f %@", value, units[unit])
}

struct StoreStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Of each log: rows, octets, octets a row, oldest, newest, gaps.",
        discussion: "Example:\n  weir store status --store demo")

    @OptionGroup var choice: StoreChoice

    private struct Line: Encodable {
        var log: String
        var rows: Int
        var bytes: Int
        var bytes_per_row: Double
        var segments: Int
        var oldest: String?
        var newest: String?
        var gaps: [[String]]
    }

    func run() throws {
        let logs = try choice.attempt { () throws(StoreError) in try StoreReader.open(choice.folder).status() }
        let lines = logs.map { status in
            Line(
                log: status.log, rows: status.rowCount, bytes: status.byteCount,
                bytes_per_row: (status.bytesPerRow * 10).rounded() / 10, segments: status.segmentCount,
                oldest: status.times.map { timeText($0.lowerBound) },
                newest: status.times.map { timeText($0.upperBound) },
                gaps: status.gaps.map { [timeText($0.lowerBound), timeText($0.upperBound)] })
        }
        if choice.isJSON { return try printJSON(lines) }
        guard !lines.isEmpty else { return print("the store is empty") }
        print(
            "log".padded(16) + "rows".leading(12) + "size".leading(11) + "B/row".leading(8) + "segments".leading(10)
                + "  oldest".padded(23) + "newest".padded(21) + "gaps")
        for line in lines {
            print(
                line.log.padded(16) + "\(line.rows)".leading(12) + byteText(line.bytes).leading(11)
                    + String(format: "%.1f", line.bytes_per_row).leading(8) + "\(line.segments)".leading(10) + "  "
                    + (line.oldest ?? "-").padded(21) + (line.newest ?? "-").padded(21)
                    + (line.gaps.isEmpty ? "none" : "\(line.gaps.count)"))
        }
        print(
            "all".padded(16) + "\(lines.reduce(0) { $0 + $1.rows })".leading(12)
                + byteText(lines.reduce(0) { $0 + $1.bytes }).leading(11))
    }
}

struct StoreCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read everything and compare it with the catalogue; status 1 where something is wrong.",
        discussion: "Example:\n  weir store check --store demo")

    @OptionGroup var choice: StoreChoice

    private struct Report: Encodable {
        struct Fault: Encodable {
            var kind: String
            var path: String
            var reason: String
        }
        var segments: Int
        var rows: Int
        var bytes: Int
        var checksums: Int
        var packets: Int
        var faults: [Fault]
    }

    func run() throws {
        var report = try choice.attempt { () throws(StoreError) in
            try StoreReader.open(choice.folder).check(progress: segmentProgress())
        }
        // A ring in another folder has no store beside it that knows of it.
        let ring = try? PacketRingReader(folder: Settings.packetFolder(store: choice.folder)).check()
        report.faults += ring?.faults ?? []
        if choice.isJSON {
            try printJSON(
                Report(
                    segments: report.segmentCount, rows: report.rowCount, bytes: report.byteCount,
                    checksums: report.checksumCount, packets: ring?.reading.packets ?? 0,
                    faults: report.faults.map { .init(kind: $0.kind.rawValue, path: $0.path, reason: $0.reason) }))
        } else {
            for fault in report.faults { print(fault.description) }
            let faults = report.faults.count
            let verdict = faults == 0 ? "the store is whole" : "\(faults) faults; see weir store repair"
            print(
                "\(report.segmentCount) segments, \(report.rowCount) rows, \(byteText(report.byteCount)), "
                    + "\(report.checksumCount) checksums"
                    + (ring.map { ", \($0.reading.packets) packets" } ?? "") + ": " + verdict)
        }
        if !report.faults.isEmpty { throw ExitStatus.damaged }
    }
}

struct StoreRepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Put damaged segments aside, make a lost catalogue anew; deletes no rows.",
        discussion: """
            Damaged segments go to DIR/.damaged. A catalogue made anew no longer knows which captures were read.

            Example:
              weir store repair --store demo
            """)

    @OptionGroup var choice: StoreChoice

    private struct Report: Encodable {
        var new_catalogue: Bool
        var adopted: [String]
        var lost: [String]
        var removed: [String]
    }

    func run() throws {
        let report = try choice.attempt { () throws(StoreError) in
            try StoreRepair.run(choice.folder, progress: segmentProgress())
        }
        if choice.isJSON {
            try printJSON(
                Report(
                    new_catalogue: report.hasNewCatalogue, adopted: report.adopted,
                    lost: report.lost.map(\.description), removed: report.removed))
        } else {
            if report.hasNewCatalogue { print("the catalogue was made anew from the segments") }
            for path in report.adopted where !report.hasNewCatalogue { print("\(path): entered again") }
            if report.hasNewCatalogue { print("\(report.adopted.count) segments entered") }
            for fault in report.lost { print("put aside: \(fault.description)") }
            for path in report.removed { print("removed, never finished: \(path)") }
            if report.isNothing { print("nothing to mend") }
        }
        if !report.lost.isEmpty { throw ExitStatus.damaged }
    }
}

struct StoreMergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Merge small segments now, as the sensor does beside its writing.",
        discussion: "Example:\n  weir store merge --store demo --zstd")

    @OptionGroup var choice: StoreChoice

    @Flag(help: "Compress merged segments with Zstandard.")
    var zstd = false

    func run() throws {
        var settings = StoreWriter.Settings()
        settings.version = WeirVersion.text
        settings.merge.version = WeirVersion.text
        settings.merge.compressesMore = zstd
        let chosen = settings
        let count = try choice.attempt { () throws(StoreError) in
            try StoreWriter(folder: choice.folder, settings: chosen).mergeNow()
        }
        if choice.isJSON { return try printJSON(["merged_segments": count]) }
        print(count == 0 ? "nothing to merge" : "\(count) segments merged")
    }
}

extension String {
    /// Blanks in front, up to `width` columns.
    func leading(_ width: Int) -> String {
        count >= width ? " " + self : String(repeating: " ", count: width - count) + self
    }
}
