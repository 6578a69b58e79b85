// SPDX-License-Identifier: Apache-2.0
//
// Alerts join: to the incident that has an entity in common with them and is near in time, or to a new one.
//
// Reads   alerts in order of time; the tables of incidents.
// Writes  alerts, entities and incidents, inside the caller's transaction.
// Leaves  which alerts there are (IncidentLedger+Correlation.swift), what the evidence is worth (Evidence.swift).

import Foundation
import GRDB
import JSON
import Records

/// Choices of correlation.
package struct CorrelationSettings: Sendable {
    /// Alerts join over so much time without a sign, in seconds.
    package var windowSeconds: Int64 = 24 * 3600
    /// Networks that are ours beside the private ones.
    package var own = OwnNetworks()
    /// What so many incidents have in common joins none of them.
    package var sharedMax = 8
    /// Alerts of an incident that are kept with all that they say; of more only the number.
    package var alertsMax = 2000
    package var entitiesMax = 500

    package init() {}
}

/// One run over new alerts, within one transaction.
struct Correlation {
    private let database: Database
    private let settings: CorrelationSettings
    private let keys: [UInt64]
    private let now: Timestamp
    /// Incidents whose evidence has changed, with the number of alerts that came.
    private(set) var touched: [Int64: Int] = [:]
    private(set) var newAlertCount = 0

    /// The same rule twice within so much time, on both sides of a resolver or a proxy, is one thing seen twice.
    private static let echoNanoseconds: Int64 = 60 * 1_000_000_000

    private struct Candidate {
        var id: Int64
        var state: IncidentState
        var shared = 0
        var first: Int64
        var isRaised: Bool { state != .watched }
    }

    init(_ database: Database, _ settings: CorrelationSettings, now: Timestamp) throws {
        self.database = database
        self.settings = settings
        self.now = now
        keys = try Int64.fetchAll(
            database, sql: "SELECT value FROM incident_state WHERE key LIKE 'key _' ORDER BY key"
        ).map { UInt64(bitPattern: $0) }
        precondition(keys.count == 4, "the migration makes four keys")
    }

    mutating func take(_ alert: StoredAlert) throws {
        let key = Data(alert.identity(keys))
        if try refresh(key, alert) { return }
        let facts = AlertFacts(alert, own: settings.own)
        let candidates = try candidates(alert, facts)
        let incident = try candidates.first.map { try join($0, candidates.dropFirst(), facts) } ?? open(key, alert)
        try insert(key, alert, facts, incident)
        touched[incident, default: 0] += 1
        newAlertCount += 1
    }

    /// An alert that is known may have grown: a beacon that goes on. False where it is not known.
    private mutating func refresh(_ key: Data, _ alert: StoredAlert) throws -> Bool {
        guard
            let row = try Row.fetchOne(
                database.cachedStatement(sql: "SELECT incident, last, count FROM incident_alerts WHERE key = ?"),
                arguments: [key])
        else { return false }
        let known: (incident: Int64, last: Int64, count: Int) = (row["incident"], row["last"], row["count"])
        guard alert.last.nanoseconds > known.last || alert.count > known.count else { return true }
        try database.execute(
            sql: """
                UPDATE incident_alerts SET last = max(last, ?), count = max(count, ?),
                evidence = CASE WHEN rule IS NULL THEN NULL ELSE ? END WHERE key = ?
                """,
            arguments: [alert.last.nanoseconds, alert.count, alert.evidence, key])
        try database.execute(
            sql: "UPDATE incidents SET last = max(last, ?) WHERE id = ?",
            arguments: [alert.last.nanoseconds, known.incident])
        touched[known.incident, default: 0] += 0
        return true
    }

    // MARK: finding

    /// Incidents that the alert belongs to, the one that goes on first.
    private func candidates(_ alert: StoredAlert, _ facts: AlertFacts) throws -> [Candidate] {
        let window = settings.windowSeconds * 1_000_000_000
        var found: [Int64: Candidate] = [:]
        for entity in facts.entities {
            // What is closed or merged goes on only for what happened while it did.
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT i.id, i.state, i.first, e.joins FROM entities e JOIN incidents i ON i.id = e.incident
                        WHERE e.kind = ? AND e.value = ? AND i.state != 'merged'
                        AND i.first <= ? AND i.last >= ? LIMIT ?
                        """),
                arguments: [
                    entity.kind, entity.value, alert.last.adding(window).nanoseconds,
                    alert.first.adding(-window).nanoseconds, settings.sharedMax * 4,
                ])
            var joined: [Candidate] = []
            for row in rows {
                guard let state = IncidentState(rawValue: row["state"]) else { continue }
                let candidate = Candidate(id: row["id"], state: state, first: row["first"])
                if state == .closed, try !isInside(candidate.id, alert) { continue }
                if entity.joins, row["joins"] { joined.append(candidate); continue }
                if try isEcho(candidate.id, alert) { joined.append(candidate) }
            }
            guard joined.count <= settings.sharedMax else { continue }
            for candidate in joined { found[candidate.id, default: candidate].shared += 1 }
        }
        return found.values.sorted { left, right in
            if left.isRaised != right.isRaised { return left.isRaised }
            if left.state == .closed || right.state == .closed, left.state != right.state {
                return right.state == .closed
            }
            if left.shared != right.shared { return left.shared > right.shared }
            return left.first != right.first ? left.first < right.first : left.id < right.id
        }
    }

    private func isInside(_ incident: Int64, _ alert: StoredAlert) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT first <= ? AND last >= ? FROM incidents WHERE id = ?",
            arguments: [alert.first.nanoseconds, alert.last.nanoseconds, incident]) ?? false
    }

    private func isEcho(_ incident: Int64, _ alert: StoredAlert) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT 1 FROM incident_alerts WHERE incident = ? AND source = ? AND rule = ?
                    AND first <= ? AND last >= ? LIMIT 1
                    """),
            arguments: [
                incident, alert.source, alert.rule, alert.last.adding(Correlation.echoNanoseconds).nanoseconds,
                alert.first.adding(-Correlation.echoNanoseconds).nanoseconds,
            ]) ?? false
    }

    // MARK: joining

    private mutating func open(_ key: Data, _ alert: StoredAlert) throws -> Int64 {
        let uid = "weir-" + key.prefix(10).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        try database.execute(
            sql: """
                INSERT INTO incidents (uid, state, severity, score, title, sentence, first, last, t0, t1)
                VALUES (?, 'watched', 4, 0, '', '', ?, ?, ?, ?)
                """,
            arguments: [
                uid, alert.first.nanoseconds, alert.last.nanoseconds, alert.first.nanoseconds, alert.ts.nanoseconds,
            ])
        return database.lastInsertedRowID
    }

    /// The alert shows that several incidents are one: those that nobody has taken go into the first.
    private mutating func join(
        _ first: Candidate, _ others: ArraySlice<Candidate>, _ facts: AlertFacts
    ) throws -> Int64 {
        for other in others where other.state == .watched || other.state == .new && first.state != .watched {
            guard first.state != .closed else { continue }
            let shared = facts.entities.first(where: \.joins).map { "\($0.kind) \($0.value)" } ?? "an alert"
            try Correlation.merge(
                database, other.id, into: first.id, who: "weir", why: "\(shared) has to do with both", now: now)
            touched[other.id] = nil
            touched[first.id, default: 0] += 0
        }
        return first.id
    }

    /// Moves everything of an incident into another one. Incidents that were never in the queue leave no trace.
    static func merge(
        _ database: Database, _ other: Int64, into target: Int64, who: String, why: String, now: Timestamp
    ) throws {
        let state = try String.fetchOne(database, sql: "SELECT state FROM incidents WHERE id = ?", arguments: [other])
        try database.execute(
            sql: "UPDATE incident_alerts SET incident = ? WHERE incident = ?", arguments: [target, other])
        try database.execute(
            sql: """
                INSERT INTO entities SELECT ?, kind, value, role, joins, first, last, alerts FROM entities
                WHERE incident = ?
                ON CONFLICT (incident, kind, value) DO UPDATE SET first = min(first, excluded.first),
                last = max(last, excluded.last), alerts = alerts + excluded.alerts, joins = max(joins, excluded.joins)
                """, arguments: [target, other])
        try database.execute(sql: "DELETE FROM entities WHERE incident = ?", arguments: [other])
        try database.execute(
            sql: """
                UPDATE incidents SET (first, last, alerts, t0, t1) = (SELECT min(i.first, o.first), max(i.last, o.last),
                i.alerts + o.alerts, min(i.t0, o.t0), min(i.t1, o.t1) FROM incidents i, incidents o
                WHERE i.id = ? AND o.id = ?) WHERE id = ?
                """, arguments: [target, other, target])
        if state == IncidentState.watched.rawValue, who == "weir" {
            return try database.execute(sql: "DELETE FROM incidents WHERE id = ?", arguments: [other])
        }
        try database.execute(
            sql: "UPDATE incidents SET state = 'merged', merged_into = ?, alerts = 0 WHERE id = ?",
            arguments: [target, other])
        let draft = EventDraft(incident: other, who: who, kind: .merged, why: why) { $0.member("into", target) }
        try draft.insert(database, now)
        try EventDraft(incident: target, who: who, kind: .absorbed, why: why) { $0.member("incident", other) }
            .insert(database, now)
    }

    // MARK: writing

    private func insert(_ key: Data, _ alert: StoredAlert, _ facts: AlertFacts, _ incident: Int64) throws {
        let stored =
            try Int.fetchOne(
                database.cachedStatement(sql: "SELECT alerts FROM incidents WHERE id = ?"), arguments: [incident])
            ?? 0
        let isKept = stored < settings.alertsMax
        try database.cachedStatement(
            sql: """
                INSERT INTO incident_alerts (key, incident, ts, first, last, count, source, rule, title, severity,
                confidence, stage, techniques, uid, orig_h, orig_p, resp_h, resp_p, is_from_orig, application, buffer,
                matched, entities, evidence)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                key, incident, alert.ts.nanoseconds, alert.first.nanoseconds, alert.last.nanoseconds, alert.count,
            ]
                + (isKept
                    ? StatementArguments(
                        [
                            alert.source, alert.rule, alert.title, alert.severity, alert.confidence(facts),
                            facts.stage.rawValue, alert.techniques.joined(separator: " "), alert.uid,
                            facts.source, alert.originatorPort, facts.target, alert.responderPort,
                            alert.isFromOriginator,
                            alert.application, alert.buffer, Data(alert.matched),
                            alert.entities.joined(separator: "\n"), alert.evidence,
                        ] as [(any DatabaseValueConvertible)?])
                    : StatementArguments([(any DatabaseValueConvertible)?](repeating: nil, count: 18))))
        try database.cachedStatement(
            sql: """
                UPDATE incidents SET first = min(first, ?), last = max(last, ?), alerts = alerts + 1,
                t0 = min(t0, ?), t1 = min(t1, ?) WHERE id = ?
                """
        ).execute(arguments: [
            alert.first.nanoseconds, alert.last.nanoseconds, alert.first.nanoseconds, alert.ts.nanoseconds, incident,
        ])
        for entity in facts.entities { try insert(entity, alert, incident) }
    }

    private func insert(_ entity: AlertEntity, _ alert: StoredAlert, _ incident: Int64) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO entities (incident, kind, value, role, joins, first, last, alerts)
                SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1
                WHERE EXISTS (SELECT 1 FROM entities WHERE incident = ?1 AND kind = ?2 AND value = ?3)
                OR (SELECT count(*) FROM entities WHERE incident = ?1) < ?8
                ON CONFLICT (incident, kind, value) DO UPDATE SET first = min(first, excluded.first),
                last = max(last, excluded.last), alerts = alerts + 1, joins = max(joins, excluded.joins)
                """
        ).execute(arguments: [
            incident, entity.kind, entity.value, entity.role.rawValue, entity.joins, alert.first.nanoseconds,
            alert.last.nanoseconds, settings.entitiesMax,
        ])
    }
}
