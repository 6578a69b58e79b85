// SPDX-License-Identifier: Apache-2.0
//
// Events in Suricata's form, from captures to lines of eve.json.

import Capture
import Foundation
import Logs
import Protocols
import Records
import Sensor
import Testing

@Suite("eve") struct EVETests {
    /// Replays captures and gives the events, each read by a JSON reader that is not our own.
    private func events(
        _ paths: [String], workers: Int = 1, _ change: (inout Settings) -> Void = { _ in }
    ) throws -> [[String: Any]] {
        let folder = try TestFolder()
        var settings = Settings()
        settings.protocols.wantsEvents = true
        change(&settings)
        var source = try CaptureSource(paths: paths, options: CaptureOptions(isLenient: true))
        let logs = try LogWriter(
            directory: folder.path, format: .eve, schemas: Schemas.all, eve: settings.eve)
        _ = try Replay(settings: settings, workerCount: workers)
            .run(&source, into: Outputs(logs: logs, store: nil, isReplay: false))
        #expect(try folder.contents().keys.allSatisfy { $0 == "eve.json" })
        return try LogLines(folder.path + "/eve.json").rows
    }

    private func count(_ events: [[String: Any]], _ type: String) -> Int {
        events.count { $0["event_type"] as? String == type }
    }

    /// The numbers are those of Suricata 8.0.7 on the same capture.
    @Test(arguments: [("dns", 482), ("http", 62), ("ssh", 4), ("smtp", 6), ("ftp", 56)])
    func `the office capture has the events that Suricata finds`(_ type: String, _ number: Int) throws {
        #expect(count(try events([Repository.office]), type) == number)
    }

    @Test func `every event has the fields common to all`() throws {
        let all = try events([Repository.office])
        #expect(all.count > 1000)
        for event in all {
            let time = try #require(event["timestamp"] as? String)
            #expect(time.count == 31 && time.hasSuffix("+0000"), "\(time)")
            #expect(event["event_type"] is String)
            guard event["event_type"] as? String != "stats", event["flow_id"] != nil else { continue }
            let number = try #require((event["flow_id"] as? NSNumber)?.int64Value)
            #expect(number >= 0 && number < 1 << 53)
            for key in ["src_ip", "dest_ip", "proto", "community_id"] { #expect(event[key] is String, "\(key)") }
        }
    }

    @Test func `a flow has the packets of the capture, each once`() throws {
        let flows = try events([Repository.office]).filter { $0["event_type"] as? String == "flow" }
            .compactMap { $0["flow"] as? [String: Any] }
        func sum(_ key: String) -> Int { flows.reduce(0) { $0 + ((($1[key] as? NSNumber)?.intValue) ?? 0) } }
        // 170 packets of the capture are no IP, 8 carry no transport that has flows.
        #expect(sum("pkts_toserver") + sum("pkts_toclient") <= 4465 - 170)
        #expect(sum("pkts_toserver") + sum("pkts_toclient") > 4200)
        #expect(sum("bytes_toserver") + sum("bytes_toclient") < 2_779_307)
    }

    @Test func `the events are the same with several workers`() throws {
        let one = try events([Repository.intrusion])
        let many = try events([Repository.intrusion], workers: 3)
        #expect(one.count == many.count)
        #expect(NSArray(array: one).isEqual(to: many))
    }

    @Test func `only the types that are asked for are written`() throws {
        let some = try events([Repository.office]) { $0.eve.types = ["dns", "flow"] }
        #expect(Set(some.compactMap { $0["event_type"] as? String }) == ["dns", "flow"])
    }

    @Test func `hardware addresses are added when that is asked for`() throws {
        let plain = try events([Repository.office])
        #expect(plain.allSatisfy { $0["ether"] == nil })
        let more = try events([Repository.office]) { $0.eve.addsEther = true }
        #expect(more.contains { ($0["ether"] as? [String: Any])?["src_mac"] is String })
    }

    /// Changed octets in every packet: what comes out must be JSON all the same, which `events` requires.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `hostile packets give valid JSON`(_ seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        var packets = try TestCapture.packets(Repository.office)
        for index in packets.indices where packets[index].octets.count > 60 {
            for _ in 0..<3 {
                let place = 42 + Int(next() % UInt64(packets[index].octets.count - 42))
                packets[index].octets[place] = UInt8(truncatingIfNeeded: next())
            }
        }
        let folder = try TestFolder()
        let path = try folder.write("hostile.pcap", TestCapture.make(packets, linkType: 1))
        let all = try events([path]) { $0.ignoringChecksums = true }
        #expect(count(all, "flow") > 100)
        #expect(count(all, "dns") > 100)
    }
}
