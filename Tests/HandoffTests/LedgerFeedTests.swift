// SPDX-License-Identifier: Apache-2.0
//
// From alerts to a receiver: the incidents of a store, handed on.

import Foundation
import Incidents
import JSON
import Records
import Store
import Testing

@testable import Handoff

@Suite("hand-off of a store") struct LedgerFeedTests {
    private final class Folder {
        let path = NSTemporaryDirectory() + "/weir-handoff-" + UUID().uuidString
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    /// A rule that saw a host run foreign commands, and one that saw it carry data away.
    private func append(_ store: Folder, _ rule: String, _ technique: String, seconds: Int64) throws {
        let appender = try StoreAppender(folder: store.path, sensorName: "north")
        var record = AlertRecord()
        func add(_ string: String) -> Text {
            let start = record.text.begin()
            record.text.bytes.append(contentsOf: string.utf8)
            return record.text.end(start)
        }
        record.ts = Timestamp(nanoseconds: (august / 1_000_000 + seconds) * 1_000_000_000)
        (record.first, record.last, record.severity) = (record.ts, record.ts, 1)
        (record.ruleID, record.title) = (add(rule), add("Rule " + rule))
        record.techniques = [add(technique)]
        record.id = ConnectionID(
            originator: try #require(Address("10.0.0.5")), responder: try #require(Address("198.51.100.9")),
            originatorPort: 50_123, responderPort: 443, transport: .tcp, protocolNumber: 6)
        record.matched = add("cmd.exe")
        appender.append(record)
        try appender.commit()
    }

    @Test func `alerts of a store are raised, told, taken, closed and told again`() async throws {
        let store = Folder()
        try append(store, "1:1:1", "T1059", seconds: 0)
        try append(store, "1:2:1", "T1041", seconds: 60)
        let receiver = try await LocalReceiver()
        defer { Task { await receiver.close() } }
        func run() async throws -> HandoffSummary {
            let feed = try LedgerFeed(store: store.path, sensor: "north")
            let connector = try makeConnector(makeSettings(.servicenow, url: "http://127.0.0.1:\(receiver.port)"))
            let worker = HandoffWorker(
                outbox: try Outbox(store: store.path), feed: feed, connectors: [connector], clock: MadeClock().clock,
                report: { _ in })
            return await worker.run(.once(wait: 60))
        }
        #expect(try await run().delivered == 1)
        let feed = try LedgerFeed(store: store.path, sensor: "north")
        let incident = try #require(try feed.incidents().first)
        let request = try #require(receiver.products.requests.last?.json().root)
        #expect(request["correlation_id"]?.string == "north/" + incident.id)
        #expect(incident.entities.contains("host:10.0.0.5") && incident.techniques.contains("T1041"))
        let alert = try #require(incident.alerts.first)
        #expect(alert.sourceAddress == "10.0.0.5" && alert.targetPort == 443 && alert.matched == "cmd.exe")
        #expect(incident.created > 0 && incident.first == august / 1_000_000 * 1_000_000)
        // Our own note stands in its history and is not handed on.
        #expect(try feed.events(after: 0, limit: 100).contains { $0.event.who == handoffAuthor })
        #expect(try await run().delivered == 0)

        let ledger = try IncidentLedger(folder: store.path)
        try ledger.act(.take(owner: "alice"), on: incident.number, who: "alice", why: "")
        try ledger.act(
            .verdict(.truePositive, isFoundOutside: false), on: incident.number, who: "alice", why: "seen it")
        try ledger.act(.close, on: incident.number, who: "alice", why: "cleaned")
        #expect(try await run().delivered == 3)
        let closed = try #require(receiver.products.requests.last)
        #expect(closed.method == "PATCH")
        #expect(try closed.json().root["work_notes"]?.string?.hasPrefix("closed by alice: cleaned") == true)
        #expect(receiver.products.records == [incident.key: 1])
        let after = try #require(try feed.incident(incident.number))
        #expect(after.isClosed && after.verdict == "true-positive" && after.times["t7"] != nil)
    }

    @Test func `a folder without a store is said to be one, and none is made`() {
        let path = NSTemporaryDirectory() + "/weir-none-" + UUID().uuidString
        #expect(throws: HandoffError.self) { _ = try Outbox(store: path) }
        #expect(throws: HandoffError.self) { _ = try LedgerFeed(store: path, sensor: "north") }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
