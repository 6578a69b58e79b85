// SPDX-License-Identifier: Apache-2.0
//
// From new segments of alerts to incidents: which are new, what their evidence comes to, who hears of it.
//
// Reads   the catalogue's segments of `alert` that were not looked at.
// Writes  incidents and their events; segments are remembered in the same transaction.
// Leaves  joining (Correlation.swift), weighing (Evidence.swift).

import Foundation
import GRDB
import JSON
import Records
import Store

/// What one run of correlation came to.
package struct CorrelationOutcome: Sendable, Equatable {
    /// Alerts that were not known.
    package var alertCount = 0
    /// Incidents that came into the queue.
    package var raised: [Int64] = []
    /// Incidents that had more to tell.
    package var changed: [Int64] = []
    /// Segments that could not be read, a line each.
    package var faults: [String] = []

    package init() {}
}

extension IncidentLedger {
    /// Alerts of one transaction: a sensor that writes beside waits no longer than these take, about a second.
    private static let alertsOfOneRun = 5000
    /// What was never worth a person is forgotten after so much time without a sign.
    private static let watchedNanoseconds: Int64 = 30 * 86_400 * 1_000_000_000

    /// Takes in all alerts that the store has and incidents have not. Doing it again changes nothing.
    package func correlate() throws(IncidentError) -> CorrelationOutcome {
        var outcome = CorrelationOutcome()
        var failed: Set<String> = []
        while true {
            let pending = try pendingSegments().filter { !failed.contains($0) }
            guard !pending.isEmpty else { return outcome }
            // Segments are remembered with the last of their alerts; those that were begun are read again.
            var (waiting, complete): ([StoredAlert], [String]) = ([], [])
            for path in pending {
                do {
                    try AlertSegment(path: "\(folder)/\(path)").read { alert in
                        waiting.append(alert)
                        guard waiting.count >= IncidentLedger.alertsOfOneRun else { return }
                        try correlate(waiting, segments: complete, &outcome)
                        (waiting, complete) = ([], [])
                    }
                    complete.append(path)
                } catch let error as IncidentError {
                    throw error
                } catch {
                    // A segment that merging took away stands in another one by now; a damaged one is tried again.
                    failed.insert(path)
                    outcome.faults.append("\(error)")
                }
            }
            try correlate(waiting, segments: complete, &outcome)
        }
    }

    /// Takes in these alerts, in any order.
    package func correlate(_ alerts: [StoredAlert]) throws(IncidentError) -> CorrelationOutcome {
        var outcome = CorrelationOutcome()
        try correlate(alerts, segments: [], &outcome)
        return outcome
    }

    private func correlate(
        _ alerts: [StoredAlert], segments: [String], _ outcome: inout CorrelationOutcome
    ) throws(IncidentError) {
        let sorted = alerts.enumerated().sorted { left, right in
            left.element.first != right.element.first
                ? left.element.first < right.element.first : left.offset < right.offset
        }
        let now = IncidentLedger.now
        let new = try write { database in
            var run = try Correlation(database, settings, now: now)
            for (_, alert) in sorted { try run.take(alert) }
            var new = CorrelationOutcome()
            new.alertCount = run.newAlertCount
            for (incident, count) in run.touched.sorted(by: { $0.key < $1.key }) {
                try weigh(incident, newAlerts: count, database, now, &new)
            }
            for path in segments {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO incident_segments VALUES (?)", arguments: [path])
            }
            try database.execute(
                sql: "DELETE FROM incident_segments WHERE path NOT IN (SELECT path FROM segments WHERE log = 'alert')"
            )
            if let newest = sorted.map(\.element.last).max() { try forget(database, before: min(newest, now)) }
            return new
        }
        outcome.alertCount += new.alertCount
        outcome.raised += new.raised
        outcome.changed += new.changed.filter { !outcome.changed.contains($0) }
    }

    /// Forgets what was only watched and has been silent for long, and identities beyond those that are kept in full.
    private func forget(_ database: Database, before newest: Timestamp) throws {
        let oldest = newest.adding(-IncidentLedger.watchedNanoseconds).nanoseconds
        let gone = try Int64.fetchAll(
            database, sql: "SELECT id FROM incidents WHERE state = 'watched' AND last < ?", arguments: [oldest])
        for incident in gone {
            for table in ["incident_alerts", "entities"] {
                try database.execute(sql: "DELETE FROM \(table) WHERE incident = ?", arguments: [incident])
            }
            try database.execute(sql: "DELETE FROM incidents WHERE id = ?", arguments: [incident])
        }
        try database.execute(
            sql: "DELETE FROM incident_alerts WHERE rule IS NULL AND last < ?", arguments: [oldest])
    }

    /// Whether alerts wait.
    package func isBehind() throws(IncidentError) -> Bool { try !pendingSegments().isEmpty }

    /// Paths in the store's folder, oldest first.
    private func pendingSegments() throws(IncidentError) -> [String] {
        try read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT path FROM segments WHERE log = 'alert' AND state = 'live'
                    AND path NOT IN (SELECT path FROM incident_segments) ORDER BY min_ts, id
                    """)
        }
    }

    // MARK: weighing

    /// Brings an incident's severity and words up to its evidence, and tells of it.
    private func weigh(
        _ number: Int64, newAlerts: Int, _ database: Database, _ now: Timestamp, _ outcome: inout CorrelationOutcome
    ) throws {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT state, severity, score FROM incidents WHERE id = ?", arguments: [number]),
            let state = IncidentState(rawValue: row["state"]), state != .merged
        else { return }
        let rules = try IncidentLedger.rules(number, database)
        let evidence = Evidence(rules)
        let narrative = Narrative(
            rules, try IncidentLedger.pairs(number, database), hosts: try IncidentLedger.hosts(number, database),
            own: settings.own)
        // A verdict of a person stands: evidence may raise the severity, never lower it once it is in the queue.
        let known = IncidentSeverity(rawValue: row["severity"]) ?? .low
        let severity = state == .watched ? evidence.severity : max(known, evidence.severity)
        try database.execute(
            sql: "UPDATE incidents SET severity = ?, score = ?, title = ?, sentence = ? WHERE id = ?",
            arguments: [severity.rawValue, evidence.score, narrative.title, narrative.sentence, number])
        if state == .watched {
            guard evidence.isRaised else { return }
            try raise(number, severity, evidence, narrative, database, now)
            outcome.raised.append(number)
            return
        }
        guard newAlerts > 0 || severity != known else { return }
        outcome.changed.append(number)
        if newAlerts > 0 {
            let stages = evidence.stages.map(\.rawValue)
            let why = newAlerts == 1 ? "an alert joined" : "\(newAlerts) alerts joined"
            try EventDraft(incident: number, who: "weir", kind: .alerts, why: why) {
                $0.member("alerts", newAlerts)
                $0.member("stages", stages)
                $0.member("score", evidence.score)
            }.insert(database, now)
        }
        if severity != known {
            try EventDraft(
                incident: number, who: "weir", kind: .severity,
                why: "the evidence is worth \(Int(evidence.score)) of 100"
            ) {
                $0.member("from", known.name)
                $0.member("to", severity.name)
            }.insert(database, now)
        }
    }

    /// What merging by hand changes in words and severity.
    func weighAfterMerge(_ number: Int64, _ database: Database, _ now: Timestamp) throws {
        var outcome = CorrelationOutcome()
        try weigh(number, newAlerts: 0, database, now, &outcome)
    }

    private func raise(
        _ number: Int64, _ severity: IncidentSeverity, _ evidence: Evidence, _ narrative: Narrative,
        _ database: Database,
        _ now: Timestamp
    ) throws {
        try database.execute(
            sql: "UPDATE incidents SET state = 'new', t2 = ? WHERE id = ?", arguments: [now.nanoseconds, number])
        let times = try Row.fetchOne(database, sql: "SELECT t0, t1 FROM incidents WHERE id = ?", arguments: [number])
        try EventDraft(incident: number, who: "weir", kind: .raised, why: narrative.sentence) {
            $0.member("severity", severity.name)
            $0.member("score", evidence.score)
            $0.member("stages", evidence.stages.map(\.rawValue))
            if let t0: Int64 = times?["t0"], let t1: Int64 = times?["t1"] {
                $0.member("t0", t0)
                $0.member("t1", t1)
            }
            $0.member("t2", now.nanoseconds)
        }.insert(database, now)
    }

    static func rules(_ number: Int64, _ database: Database) throws -> [RuleEvidence] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT source, rule, max(title) AS title, stage, min(severity) AS severity,
                max(confidence) AS confidence, sum(count) AS alerts, min(first) AS first, max(last) AS last
                FROM incident_alerts WHERE incident = ? AND rule IS NOT NULL GROUP BY source, rule, stage
                """, arguments: [number]
        ).map { row in
            RuleEvidence(
                source: row["source"], rule: row["rule"], title: row["title"],
                stage: Stage(rawValue: row["stage"]) ?? .other, severity: row["severity"],
                confidence: row["confidence"],
                alertCount: row["alerts"], first: Timestamp(nanoseconds: row["first"]),
                last: Timestamp(nanoseconds: row["last"]))
        }
    }

    private static func pairs(_ number: Int64, _ database: Database) throws -> [StagePair] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT stage, orig_h, resp_h, sum(count) AS alerts FROM incident_alerts
                WHERE incident = ? AND rule IS NOT NULL GROUP BY stage, orig_h, resp_h ORDER BY alerts DESC LIMIT 500
                """, arguments: [number]
        ).map { row in
            StagePair(
                stage: Stage(rawValue: row["stage"]) ?? .other, originator: row["orig_h"], responder: row["resp_h"],
                alertCount: row["alerts"])
        }
    }

    private static func hosts(_ number: Int64, _ database: Database) throws -> [String] {
        try String.fetchAll(
            database,
            sql: """
                SELECT value FROM entities WHERE incident = ?
                ORDER BY role = 'target' DESC, kind IN ('principal', 'user') DESC, alerts DESC, value LIMIT 20
                """, arguments: [number])
    }
}

extension Evidence {
    /// The points as a share of certainty, 0 to 100, to one decimal place.
    var score: Double { ((1 - exp(-points / 80)) * 1000).rounded() / 10 }
}
