// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the hand-off share: incidents, a feed of them, a clock of their own.

import Foundation
import GRDB
import Synchronization
import Testing

@testable import Handoff

/// 2024-08-01T08:13:20.123Z, in microseconds.
let august: Int64 = 1_722_500_000_123_000

func makeIncident(_ id: String = "01J4", number: Int64 = 7) -> HandoffIncident {
    var incident = HandoffIncident(
        id: id, sensor: "north", title: "Beacon of 10.0.0.5", severity: .high, created: august)
    incident.number = number
    incident.summary = "10.0.0.5 calls 198.51.100.9 every minute."
    incident.entities = ["host:10.0.0.5", "host:198.51.100.9", "user:alice", "domain:evil.example"]
    incident.techniques = ["T1071.004", "TA0011"]
    var alert = HandoffAlert(
        time: august, source: "signature", ruleID: "1:2024217:3", title: "C2|beacon=yes", severity: 1)
    (alert.sourceAddress, alert.sourcePort) = ("10.0.0.5", 50_123)
    (alert.targetAddress, alert.targetPort) = ("198.51.100.9", 443)
    alert.transport = "tcp"
    alert.communityID = "1:abc="
    incident.alerts = [alert]
    incident.alertCount = 3
    return incident
}

func makeDelivery(
    _ kind: HandoffKind = .created, incident: HandoffIncident = makeIncident(), event: Int64 = 12,
    isUnsure: Bool = false, remote: RemoteRecord? = nil
) -> Delivery {
    Delivery(
        id: 1, connector: "soc", incident: incident, event: HandoffEvent(number: event, time: august, kind: "raised"),
        kind: kind, attempts: 0, isUnsure: isUnsure, remote: remote, enqueued: august)
}

func makeSettings(_ kind: ConnectorSettings.Kind, url: String = "http://127.0.0.1:9") -> ConnectorSettings {
    var settings = ConnectorSettings(name: "soc", kind: kind)
    settings.url = url
    settings.timeout = 5
    settings.secret = kind == .syslog ? nil : .variable("SECRET")
    settings.options.authID = "9"
    return settings
}

func makeConnector(_ settings: ConnectorSettings) throws -> any Connector {
    try Connectors.make(settings, version: "0.1.0", environment: ["SECRET": "s3cr3t-token"])
}

func makeOutbox() throws -> Outbox { try Outbox(DatabaseQueue()) }

/// Incidents that a test makes up.
final class MadeFeed: IncidentFeed {
    struct State {
        var events: [FeedEvent] = []
        var incidents: [Int64: HandoffIncident] = [:]
        var notes: [String] = []
    }
    let state = Mutex(State())

    /// Adds an event; the first of an incident makes it.
    func add(
        _ kind: String, _ number: Int64, isClosing: Bool = false, isAutomatic: Bool = false, who: String = "weir"
    ) {
        state.withLock { state in
            if state.incidents[number] == nil { state.incidents[number] = makeIncident("I\(number)", number: number) }
            if isClosing { state.incidents[number]?.isClosed = true }
            let event = HandoffEvent(number: Int64(state.events.count + 1), time: august, kind: kind, who: who)
            state.events.append(FeedEvent(event, of: number, isClosing: isClosing, isAutomatic: isAutomatic))
        }
    }

    /// Created, updated, closed.
    func addLife(_ number: Int64) {
        add("raised", number)
        add("taken", number)
        add("closed", number, isClosing: true)
    }

    func change(_ number: Int64, _ body: (inout HandoffIncident) -> Void) {
        state.withLock { state in
            guard var incident = state.incidents[number] else { return }
            body(&incident)
            state.incidents[number] = incident
        }
    }

    var notes: [String] { state.withLock { $0.notes } }

    func refresh() throws(HandoffError) {}
    func events(after number: Int64, limit: Int) throws(HandoffError) -> [FeedEvent] {
        state.withLock { Array($0.events.filter { $0.event.number > number }.prefix(limit)) }
    }
    func incident(_ number: Int64) throws(HandoffError) -> HandoffIncident? { state.withLock { $0.incidents[number] } }
    func newest() throws(HandoffError) -> Int64 { state.withLock { Int64($0.events.count) } }
    func note(_ incident: Int64, _ text: String) throws(HandoffError) {
        state.withLock { $0.notes.append("\(incident) \(text)") }
    }
}

/// A clock that only sleeping moves; chance is always one half.
final class MadeClock: Sendable {
    private let time = Mutex(august)
    var now: Int64 { time.withLock { $0 } }
    func move(seconds: Double) { time.withLock { $0 += Int64(seconds * 1e6) } }

    var clock: HandoffClock {
        HandoffClock(
            now: { self.now },
            sleep: { seconds in
                self.move(seconds: seconds)
                // A twentieth of it passes, so that answers on their way arrive before leases run out.
                try? await Task.sleep(for: .seconds(seconds / 20))
            }, chance: { 0.5 })
    }
}

/// Lines that a worker tells.
final class Told: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    func tell(_ line: String) { kept.withLock { $0.append(line) } }
}

/// Runs a worker once over `feed` into one connector.
@discardableResult
func work(
    _ outbox: Outbox, _ feed: MadeFeed, _ settings: ConnectorSettings, clock: MadeClock = MadeClock(),
    told: Told = Told(), wait: Double = 100_000
) async throws -> HandoffSummary {
    let worker = HandoffWorker(
        outbox: outbox, feed: feed, connectors: [try makeConnector(settings)], clock: clock.clock,
        report: { told.tell($0) })
    return await worker.run(.once(wait: wait))
}
