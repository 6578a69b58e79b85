// SPDX-License-Identifier: Apache-2.0
//
// From a capture into the packet ring and back into a capture: the same packets, those of one
// connection, those before the cutoff, and what alerts say of them.

import Capture
import Foundation
import Records
import Store
import Testing
import Wire

@testable import Sensor

@Suite struct `Kept packets` {
    private struct Seen: Hashable {
        var time: Int64
        var wireLength: UInt32
        var linkType: UInt16
        var octets: [UInt8]
    }

    private func packets(_ path: String) throws -> [Seen] {
        var source = try CaptureSource(paths: [path], options: CaptureOptions())
        var found: [Seen] = []
        let block = PacketBlock()
        while try source.nextBlock(into: block) {
            for packet in block.packets {
                let octets = block.withBytes(of: packet) { bytes in
                    (0..<bytes.byteCount).map { bytes.load($0, as: UInt8.self) }
                }
                found.append(
                    Seen(
                        time: packet.timestampNanoseconds, wireLength: packet.wireLength, linkType: packet.linkType,
                        octets: octets))
            }
        }
        return found
    }

    private func keep(
        _ capture: String, _ folder: TestFolder, workers: Int = 1,
        _ change: (inout PacketRingSettings) -> Void = { _ in }
    ) throws -> Summary {
        var settings = Settings()
        settings.packets.byteCount = 64 << 20
        change(&settings.packets)
        var source = try CaptureSource(paths: [capture], options: CaptureOptions())
        let store = try StoreWriter(folder: folder.path)
        _ = try store.beginSource(identity: "one", again: true)
        var replay = Replay(settings: settings, workerCount: workers)
        replay.ring = try settings.packetRing(store: folder.path, isReplay: true)
        replay.packetRun = 1
        return try replay.run(&source, into: Outputs(logs: nil, store: store, isReplay: true))
    }

    private func export(
        _ folder: TestFolder, _ change: (inout PacketExport) -> Void = { _ in }
    ) throws -> (path: String, outcome: PacketExport.Outcome) {
        var export = PacketExport()
        change(&export)
        var bytes: [UInt8] = []
        let outcome = try export.run(folder: folder.path + "/packets") { bytes += $0 }
        return (try folder.write("out.pcapng", bytes), outcome)
    }

    @Test(arguments: [1, 3]) func `every packet comes back as it was, whatever the number of workers`(
        _ workers: Int
    ) throws {
        for capture in [Repository.office, Repository.intrusion] {
            let folder = try TestFolder()
            let summary = try keep(capture, folder, workers: workers)
            let original = try packets(capture)
            #expect(summary.counters.ring.stored >= UInt64(original.count))
            let (path, outcome) = try export(folder)
            let found = try packets(path)
            #expect(outcome.packets == original.count)
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.time <= $1.time })
            #expect(Set(found) == Set(original) && found.count == original.count)
        }
    }

    @Test func `the packets of a connection are as many as its row says`() throws {
        let folder = try TestFolder()
        _ = try keep(Repository.office, folder, workers: 2)
        let reader = try StoreReader.open(folder.path)
        var checked = 0
        for segment in try reader.segments(log: "conn") {
            let segment = try SegmentReader.open(segment.path)
            func column(_ name: String) throws -> ColumnVector {
                try segment.read(column: try #require(segment.index(of: name)), rowGroup: 0)
            }
            let (uid, orig, resp) = (try column("uid"), try column("orig_pkts"), try column("resp_pkts"))
            for row in stride(from: 0, to: segment.rowCount(rowGroup: 0), by: 9) {
                let identity = try #require(UID(octets: Array(uid.text(row))[...]))
                let (_, outcome) = try export(folder) { $0.question.uids = [identity] }
                #expect(UInt64(outcome.packets) == orig.words[row] + resp.words[row], "\(identity)")
                checked += 1
            }
        }
        #expect(checked > 20)
    }

    @Test func `a cutoff keeps the beginning of each connection and counts the rest`() throws {
        let folder = try TestFolder()
        let whole = try packets(Repository.office).count
        let summary = try keep(Repository.office, folder) { $0.cutoff = 4000 }
        let ring = summary.counters.ring
        #expect(ring.cut > 500 && ring.elephants > 3)
        #expect(ring.stored + ring.cut == UInt64(whole))
        // No connection has more than the cutoff and the packet that reaches it.
        var octets: [UID: Int] = [:]
        _ = try PacketRingReader(folder: folder.path + "/packets").read(PacketQuestion()) { packet in
            for flow in packet.flows { octets[flow.uid, default: 0] += packet.octets.count - 14 }
            return true
        }
        #expect(octets.values.allSatisfy { $0 < 4000 + 1500 } && octets.count > 300)
    }

    @Test func `long packets are cut to the snap length and keep their length on the wire`() throws {
        let folder = try TestFolder()
        _ = try keep(Repository.office, folder) { $0.snapLength = 96 }
        let original = try packets(Repository.office)
        let found = try packets(try export(folder).path)
        #expect(found.map(\.wireLength).sorted() == original.map(\.wireLength).sorted())
        #expect(found.allSatisfy { $0.octets.count <= 96 } && found.contains { $0.wireLength > 1000 })
    }

    @Test func `a filter holds too, and a wrong one is told`() throws {
        let folder = try TestFolder()
        _ = try keep(Repository.office, folder)
        let (path, outcome) = try export(folder) { $0.filter = "udp port 53" }
        let filtered = try packets(path)
        var source = try CaptureSource(
            paths: [Repository.office], options: CaptureOptions(isLenient: false, filter: "udp port 53"))
        var wanted = 0
        let block = PacketBlock()
        while try source.nextBlock(into: block) { wanted += block.packets.count }
        #expect(filtered.count == wanted && outcome.packets == wanted && wanted > 100)
        #expect(throws: CaptureError.self) { _ = try export(folder) { $0.filter = "no such thing" } }
    }

    @Test func `packets of a connection with alerts say so`() throws {
        let folder = try TestFolder()
        _ = try keep(Repository.office, folder)
        var flow: PacketFlow?
        _ = try PacketRingReader(folder: folder.path + "/packets").read(PacketQuestion()) { packet in
            flow = packet.flows.first { $0.id.transport == .tcp }
            return flow == nil
        }
        let named = try #require(flow)
        let appender = try StoreAppender(folder: folder.path, sensorName: "hunt")
        var alert = AlertRecord()
        alert.uid = named.uid
        alert.id = named.id
        alert.source = "hunt"
        alert.ruleID = alert.text.add("beacons")
        alert.title = alert.text.add("A host that calls home")
        appender.append(alert)
        try appender.commit()
        let names = try StoreReader.open(folder.path).alertNames()
        let name = AlertName(rule: "beacons", title: "A host that calls home", source: "hunt")
        #expect(names == [named.uid: [name]])
        #expect(try StoreReader.open(folder.path).alertNames(rule: "other").isEmpty)
        let (path, outcome) = try export(folder) { $0.names = names }
        let bytes = try Data(contentsOf: URL(filePath: path))
        let (_, own) = try export(folder) { $0.question.uids = [named.uid] }
        #expect(outcome.commented == own.packets && own.packets > 0)
        let comment = Data("alert beacons: A host that calls home (hunt); uid \(named.uid)".utf8)
        #expect(bytes.range(of: comment) != nil)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tshark")))
    func `tshark reads times, lengths and comments`() throws {
        let folder = try TestFolder()
        _ = try keep(Repository.office, folder)
        let path = try export(folder) { export in
            let every = try? PacketRingReader(folder: folder.path + "/packets")
            _ = every?.read(PacketQuestion()) { packet in
                for flow in packet.flows { export.names[flow.uid] = [AlertName(rule: "r", title: "t", source: "s")] }
                return true
            }
        }.path
        func fields(_ path: String, _ names: [String]) throws -> [String] {
            let arguments = ["-r", path, "-T", "fields"] + names.flatMap { ["-e", $0] }
            let result = try WeirCommand.program("/usr/bin/tshark", arguments)
            try #require(result.status == 0, "\(result.errors)")
            return result.output.split(separator: "\n").map(String.init)
        }
        let columns = ["frame.time_epoch", "frame.len", "frame.cap_len", "ip.src", "tcp.seq_raw"]
        #expect(try fields(path, columns).sorted() == fields(Repository.office, columns).sorted())
        let comments = try fields(path, ["frame.comment"])
        #expect(comments.contains { $0.hasPrefix("alert r: t (s); uid C") })
    }
}
