// SPDX-License-Identifier: Apache-2.0
//
// weir packets: packets of the ring as a capture file.

import ArgumentParser
import Capture
import Foundation
import Incidents
import Query
import Records
import Sensor
import Store

struct PacketsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packets",
        abstract: "Write packets that a sensor has kept to a capture file.",
        discussion: """
            The packets are those of connections that are named, in a time that is named, or both; packets of a
            connection with alerts have a comment for each. A connection that was in a tunnel comes with the packets
            of the tunnel around it. What was sent beyond the sensor's cutoff is not there.

            Examples:
              weir packets --store demo --uid CUM0KZ3MLUfNB0cl11a -w out.pcapng
              weir packets --store demo --ip 10.0.0.5 --since 2h -w - | tshark -r -
              weir packets --store demo --since 2026-11-22T10:00:00Z --until 2026-11-22T10:05:00Z -w out.pcapng
              weir packets --store demo --incident 7 -w incident-7.pcapng
              weir packets --store demo --alert 1:2019401:3 --bpf "tcp port 80" -w out.pcapng
            """)

    @Option(name: .customLong("store"), help: ArgumentHelp("The store.", valueName: "dir"))
    var folder: String?

    @Option(help: ArgumentHelp("The packet ring, where it is not in the store.", valueName: "dir"))
    var packetsDir: String?

    @Option(help: ArgumentHelp("Packets of this connection; may be given again.", valueName: "uid"))
    var uid: [String] = []

    @Option(help: ArgumentHelp("Packets of connections from or to this address.", valueName: "address"))
    var ip: [String] = []

    @Option(name: .customLong("community-id"), help: ArgumentHelp("Packets of this flow, 1:….", valueName: "id"))
    var communityID: [String] = []

    @Option(help: ArgumentHelp("Packets of connections with alerts of this rule_id.", valueName: "rule"))
    var alert: [String] = []

    @Option(help: ArgumentHelp("Packets of the connections that an incident's alerts are about.", valueName: "number"))
    var incident: Int64?

    @Option(help: ArgumentHelp("Packets not before this time (ISO 8601, or 2h for two hours ago).", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Packets not after this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Packets that this pcap filter takes.", valueName: "filter"))
    var bpf: String?

    @Option(name: [.customShort("w"), .customLong("write")], help: ArgumentHelp("The file; - is standard output."))
    var output: String

    @Option(help: ArgumentHelp("Form of the summary on standard error: text or json.", valueName: "form"))
    var format = "text"

    func validate() throws {
        try OutputForm.check(format)
        guard folder != nil || packetsDir != nil else {
            throw ValidationError("say where the packets are, with --store DIR")
        }
        guard folder != nil || alert.isEmpty && incident == nil else {
            throw ValidationError("--alert and --incident ask the store: name it with --store DIR")
        }
        let isNamed = !(uid.isEmpty && ip.isEmpty && communityID.isEmpty && alert.isEmpty) || incident != nil
        guard isNamed || since != nil || until != nil || bpf != nil else {
            throw ValidationError(
                "say which packets: --uid, --ip, --community-id, --alert, --incident, --since, --until, --bpf")
        }
    }

    func run() throws {
        do {
            try export()
        } catch let error as CaptureError {
            throw Console.fail(error.description)
        } catch let error as StoreError {
            throw Console.fail(error.description)
        }
    }

    private func export() throws {
        var export = PacketExport()
        export.filter = bpf
        export.application = "weir \(WeirVersion.text)"
        try ask(&export)
        let sink = try PacketSink(output)
        let outcome = try export.run(folder: packetsDir ?? Settings.packetFolder(store: folder ?? "")) { bytes in
            try sink.write(bytes)
        }
        sink.close()
        report(outcome)
        if outcome.reading.damagedBlocks > 0 { throw ExitStatus.damaged }
    }

    private func ask(_ export: inout PacketExport) throws {
        export.question.since = try since.map { try TimeArgument.parse($0, "--since") }
        export.question.until = try until.map { try TimeArgument.parse($0, "--until") }
        for text in uid {
            guard let known = UID(octets: Array(text.utf8)[...]), text.hasPrefix("C") else {
                throw Console.fail("--uid \(text): a uid is C and 11 letters or digits")
            }
            export.question.uids.insert(known)
        }
        for text in ip {
            guard let address = Address(text) else {
                throw Console.fail("--ip \(text): this is no address, such as 10.0.0.5 or 2001:db8::1")
            }
            export.question.addresses.insert(address)
        }
        export.question.communityIDs = Set(communityID)
        guard let folder else { return }
        let store = try StoreReader.open(folder)
        export.names = try store.alertNames()
        for rule in alert {
            let found = try store.alertNames(rule: rule).keys
            guard !found.isEmpty else {
                throw Console.fail("--alert \(rule): no alert of a connection has this rule_id; see the table alert")
            }
            export.question.uids.formUnion(found)
        }
        guard let incident else { return }
        let named: Set<String>
        do {
            let records = try StoreQuery(store: folder, schemas: Schemas.logs)
            named = try IncidentLedger(folder: folder).connections(of: incident, in: records)
        } catch {
            throw Console.fail("\(error)")
        }
        guard !named.isEmpty else {
            throw Console.fail("--incident \(incident): none of its alerts names a connection; try --ip with its hosts")
        }
        export.question.uids.formUnion(named.compactMap { UID(octets: Array($0.utf8)[...]) })
    }

    private func report(_ outcome: PacketExport.Outcome) {
        func text(_ time: Timestamp?) -> String? { time.map { TimeArgument.text($0) } }
        if format == "json" {
            let line: [String: Any] = [
                "packets": outcome.packets, "bytes": outcome.octets, "commented": outcome.commented,
                "damaged_blocks": outcome.reading.damagedBlocks, "oldest": text(outcome.oldest) ?? NSNull(),
                "newest": text(outcome.newest) ?? NSNull(),
            ]
            let data = try? JSONSerialization.data(withJSONObject: line, options: [.sortedKeys])
            return Console.say(data.map { String(decoding: $0, as: UTF8.self) } ?? "{}")
        }
        if outcome.reading.damagedBlocks > 0 {
            Console.warn("\(outcome.reading.damagedBlocks) blocks of the ring are damaged and were left out")
        }
        guard outcome.packets > 0 else {
            return Console.say(
                "no packets: the ring has none of these any more, or has not yet (capture hands over once a second)")
        }
        Console.say(
            "\(outcome.packets) packets, \(outcome.octets) octets, \(text(outcome.oldest) ?? "") to "
                + "\(text(outcome.newest) ?? ""); \(outcome.commented) with the name of an alert")
    }
}

/// Where a capture file goes.
private struct PacketSink {
    private let handle: FileHandle
    private let path: String

    init(_ path: String) throws {
        self.path = path
        guard path != "-" else {
            handle = .standardOutput
            return
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw Console.fail("\(path): the file cannot be made; check the path and its permissions") }
        handle = file
    }

    func write(_ bytes: [UInt8]) throws {
        do { try handle.write(contentsOf: bytes) } catch {
            throw Console.fail("\(path): cannot be written; see that the disk has room")
        }
    }

    func close() { if path != "-" { try? handle.close() } }
}

/// Times on the command line.
enum TimeArgument {
    /// ISO 8601, a date, seconds since 1970, or a duration before now such as 90m, 2h, 7d.
    static func parse(_ text: String, _ option: String) throws -> Timestamp {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        if let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()), count >= 0, count < 1e6 {
            return Timestamp(nanoseconds: Int64((Date().timeIntervalSince1970 - count * unit) * 1e9))
        }
        if let seconds = Double(text), abs(seconds) < 9e9 { return Timestamp(nanoseconds: Int64(seconds * 1e9)) }
        let spaced = text.replacing(" ", with: "T")
        let full = spaced.contains("T") ? spaced : spaced + "T00:00:00Z"
        let hasZone = full.last == "Z" || full.dropFirst(11).contains { $0 == "+" || $0 == "-" }
        let zoned = hasZone ? full : full + "Z"
        for style in [Date.ISO8601FormatStyle(includingFractionalSeconds: true), Date.ISO8601FormatStyle()] {
            if let date = try? style.parse(zoned), abs(date.timeIntervalSince1970) < 9e9 {
                return Timestamp(nanoseconds: Int64((date.timeIntervalSince1970 * 1e6).rounded()) * 1000)
            }
        }
        throw Console.fail("\(option) \(text): this is no time; write 2026-11-22T10:00:00Z, 2026-11-22 or 2h")
    }

    /// ISO 8601 with microseconds.
    static func text(_ time: Timestamp) -> String {
        let date = Date(timeIntervalSince1970: Double(time.nanoseconds) / 1e9)
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
