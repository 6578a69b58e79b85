// SPDX-License-Identifier: Apache-2.0
//
// Tables of the worker and the collector that strangers make grow: their limits, and the counters that a person sees.

import Flows
import Records
import Testing
import Wire

@testable import Protocols
@testable import Sensor
@testable import Signatures

@Suite("limits of the sensor's tables") struct SensorLimitTests {
    private func candidate(_ set: RuleSet, from host: Int, at seconds: Int64 = 1) -> AlertCandidate {
        var facts = PacketFacts()
        facts.now = Timestamp(seconds: seconds)
        facts.source = Address(v4: UInt32(host))
        facts.target = Address(v4: 0x0A00_0001)
        let id = ConnectionID(
            originator: facts.source, responder: facts.target, originatorPort: 1, responderPort: 2, transport: .tcp,
            protocolNumber: 6)
        let alert = SignatureAlert(
            rule: 0, slot: nil, facts: facts, isToServer: true, transaction: nil, application: .unknown)
        return AlertCandidate(order: 1, ordinal: 1, set: set, alert: alert, uid: nil, id: id)
    }

    private func admits(_ filter: inout AlertFilter, _ candidate: AlertCandidate) -> Bool {
        var candidate = candidate
        return filter.admits(&candidate)
    }

    private func rules(_ text: String) throws -> RuleSet {
        var loader = try RuleLoader()
        loader.load(Array(text.utf8), name: "test", folder: nil)
        let loaded = loader.finished()
        #expect(loaded.rejected.isEmpty)
        return loaded.set
    }

    @Test func `bits of more hosts than there is room for are counted, and find room when others are over`() throws {
        let set = try rules(
            "alert tcp any any -> any any (msg:\"a\"; flags:S; xbits:set,a,track ip_src,expire 10; sid:1;)")
        var filter = AlertFilter(entriesMax: 8)
        for host in 0..<11 { _ = admits(&filter, candidate(set, from: host)) }
        #expect(filter.limits[.bits] == 3)
        for host in 20..<23 { _ = admits(&filter, candidate(set, from: host, at: 60)) }
        #expect(filter.limits[.bits] == 3)
    }

    @Test func `counts of thresholds begin anew where there are too many`() throws {
        let set = try rules(
            "alert tcp any any -> any any (msg:\"a\"; flags:S; "
                + "threshold:type limit,track by_src,count 1,seconds 600; sid:1;)")
        var filter = AlertFilter(entriesMax: 8)
        var count = 0
        for host in [0, 1, 0, 1, 2, 3, 4, 5, 6, 7] where admits(&filter, candidate(set, from: host)) { count += 1 }
        #expect(count == 8 && filter.limits.isEmpty)
        let isAdmitted = admits(&filter, candidate(set, from: 8))
        #expect(isAdmitted)
        #expect(filter.limits[.thresholds] == 8)
    }

    @Test func `events that wait for their acknowledgement have a bound in octets, over all connections`() {
        var flows = EVEFlows(takesMidstream: true)
        var output = RecordOutput(schemas: Schemas.all)
        let text = [UInt8](repeating: 0x61, count: 1 << 20)
        for slot in 0..<UInt32(70) {
            var event = EventRecord()
            event.type = "http"
            event.body.text("text", text[...])
            var events = [event]
            flows.hold(&events, slot, &output)
            #expect(events.isEmpty)
        }
        #expect(flows.heldBytes < EVEFlows.heldBytesMax + (2 << 20))
        let written = output.batches[Int(LogID.eve.rawValue)].count
        #expect(written >= 5 && flows.heldCount == 70 - written)
        #expect(flows.limits[.heldEvents] == UInt64(written))
        for slot in 0..<UInt32(70) { flows.releaseAll(slot, at: Timestamp(seconds: 9), to: &output) }
        #expect(flows.heldCount == 0 && flows.heldBytes == 0)
        #expect(output.batches[Int(LogID.eve.rawValue)].count == 70)
    }

    @Test func `announced connections that never come are forgotten, and counted`() {
        var table = ExpectedConnections()
        var forgotten = 0
        for port in 0..<(ExpectedConnections.countMax + 100) {
            let announcement = Announcement(
                originator: Address(v4: UInt32(port)), responder: Address(v4: 1), port: UInt16(port % 60_000 + 1),
                transport: .tcp, analyzer: AnalyzerKind.ftpData.rawValue, announcer: UID(value: 1),
                announcerID: ConnectionID(
                    originator: Address(v4: 2), responder: Address(v4: 1), originatorPort: 1, responderPort: 21,
                    transport: .tcp, protocolNumber: 6))
            forgotten += table.add(announcement, at: Timestamp(seconds: 1))
        }
        #expect(forgotten == ExpectedConnections.countMax)
    }

    @Test func `the log of counters and the summary tell of every limit that was met`() {
        var stats = StatsRecord()
        stats.counters.limits.met(.heldEvents, 7)
        var output = RecordOutput(schemas: Schemas.all)
        output.emit(stats)
        let schema = Schemas.all[Int(LogID.stats.rawValue)]
        for limit in TableLimit.allCases {
            let index = schema.index(of: "\(limit.column)")
            #expect(index != nil, "stats has no column \(limit.column)")
            guard let index else { continue }
            let value = output.batches[Int(LogID.stats.rawValue)].word(0, schema.columns[index])
            #expect(value == (limit == .heldEvents ? 7 : 0))
        }
        let event = String(decoding: stats.event(uptime: 1).body.buffer.bytes, as: UTF8.self)
        #expect(event.contains("\"limits\":{") && event.contains("\"full_held_events\":7"))
        let summary = Summary(
            counters: stats.counters, rows: [UInt64](repeating: 0, count: LogID.allCases.count), weirds: [:],
            warnings: [], filteredPackets: 0, skippedPackets: 0)
        #expect(summary.lines(seconds: 1).contains("limits: 7 events written before their acknowledgement"))
    }
}
