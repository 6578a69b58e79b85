// SPDX-License-Identifier: Apache-2.0
//
// The incidents of a store as the hand-off takes them.
//
// Reads   the ledger of incidents.
// Writes  plain values; lines into an incident's history.

internal import Foundation
package import Incidents
internal import Records

/// The feed of a store.
package final class LedgerFeed: IncidentFeed {
    private let ledger: IncidentLedger
    private let sensor: String
    private let correlates: Bool

    /// - Parameters:
    ///   - sensor: the sensor's name, the first part of every key at a receiver.
    ///   - settings: how alerts are joined.
    ///   - correlates: whether `refresh` joins alerts; false where somebody else does.
    package init(
        store folder: String, sensor: String, settings: CorrelationSettings = CorrelationSettings(),
        correlates: Bool = true
    ) throws(HandoffError) {
        self.sensor = sensor
        self.correlates = correlates
        do {
            ledger = try IncidentLedger(folder: folder, settings: settings)
        } catch {
            throw HandoffError(error.description)
        }
    }

    package func refresh() throws(HandoffError) {
        guard correlates else { return }
        do {
            if try ledger.isBehind() { _ = try ledger.correlate() }
        } catch {
            throw HandoffError(error.description)
        }
    }

    /// Incidents that were raised, as they stand, in order of their numbers.
    package func incidents(limit: Int = 100_000) throws(HandoffError) -> [HandoffIncident] {
        do {
            let states = IncidentState.allCases.filter { $0 != .watched }
            return try ledger.list(states, limit: limit).map(\.number).sorted().map { incident(try ledger.view($0)) }
        } catch let error as IncidentError {
            throw HandoffError(error.description)
        } catch {
            throw HandoffError("\(error)")
        }
    }

    package func newest() throws(HandoffError) -> Int64 {
        do {
            return try ledger.newestEvent()
        } catch {
            throw HandoffError(error.description)
        }
    }

    package func events(after number: Int64, limit: Int) throws(HandoffError) -> [FeedEvent] {
        do {
            return try ledger.events(after: number, limit: limit).map { event in
                FeedEvent(
                    LedgerFeed.event(event), of: event.incident,
                    isClosing: event.kind == .closed || event.kind == .merged,
                    isAutomatic: event.kind == .alerts || event.kind == .severity)
            }
        } catch {
            throw HandoffError(error.description)
        }
    }

    package func incident(_ number: Int64) throws(HandoffError) -> HandoffIncident? {
        do {
            return incident(try ledger.view(number))
        } catch {
            if error.code == .unknown { return nil }
            throw HandoffError(error.description)
        }
    }

    package func note(_ incident: Int64, _ text: String) throws(HandoffError) {
        do {
            try ledger.act(.note, on: incident, who: handoffAuthor, why: text)
        } catch {
            throw HandoffError(error.description)
        }
    }

    private static func event(_ event: IncidentEvent) -> HandoffEvent {
        HandoffEvent(
            number: event.id, time: microseconds(event.time), kind: event.kind.rawValue, who: event.who,
            why: event.why.cut(2_000))
    }

    private static func microseconds(_ time: Timestamp) -> Int64 { time.nanoseconds / 1_000 }

    private func incident(_ view: IncidentView) -> HandoffIncident {
        let created = view.times.raised ?? view.first
        var incident = HandoffIncident(
            id: view.uid, sensor: sensor, title: view.title, severity: LedgerFeed.severity(view.severity),
            created: LedgerFeed.microseconds(created))
        incident.number = view.number
        incident.summary = view.sentence
        incident.status = view.state.rawValue
        incident.isClosed = view.state == .closed || view.state == .merged
        incident.verdict = view.verdict?.rawValue
        incident.owner = view.owner
        incident.first = LedgerFeed.microseconds(view.first)
        incident.last = LedgerFeed.microseconds(view.last)
        incident.updated = view.events.last.map { LedgerFeed.microseconds($0.time) } ?? incident.last
        for (name, time) in view.times.all {
            if let time { incident.times[name] = LedgerFeed.microseconds(time) }
        }
        incident.entities = view.entities.map { "\($0.kind):\($0.value)" }
        incident.techniques = view.techniques
        incident.alerts = view.alerts.map(LedgerFeed.alert)
        incident.alertCount = Int64(view.alertCount)
        incident.events = view.events.filter { $0.who != handoffAuthor }.map(LedgerFeed.event)
        incident.bound()
        return incident
    }

    private static func severity(_ severity: IncidentSeverity) -> HandoffSeverity {
        switch severity {
        case .critical: .critical
        case .high: .high
        case .medium: .medium
        case .low: .low
        }
    }

    private static func alert(_ alert: IncidentAlert) -> HandoffAlert {
        var own = HandoffAlert(
            time: microseconds(alert.time), source: alert.source, ruleID: alert.rule, title: alert.title.cut(500),
            severity: Int64(alert.severity))
        own.category = alert.stage.rawValue
        own.techniques = alert.techniques
        own.uid = alert.uid
        own.sourceAddress = alert.isFromOriginator ? alert.originator : alert.responder
        own.sourcePort = (alert.isFromOriginator ? alert.originatorPort : alert.responderPort).map(Int64.init)
        own.targetAddress = alert.isFromOriginator ? alert.responder : alert.originator
        own.targetPort = (alert.isFromOriginator ? alert.responderPort : alert.originatorPort).map(Int64.init)
        own.matched = alert.matched.isEmpty ? nil : String(decoding: alert.matched, as: UTF8.self)
        own.count = Int64(alert.count)
        return own
    }
}
