// SPDX-License-Identifier: Apache-2.0
//
// Incidents as values: lists of them, and one with all that belongs to it.
//
// Reads   the tables of incidents.
// Writes  nothing.
// Leaves  what the store knows around them (ContextReading.swift).

import Foundation
import GRDB
package import Records

/// An incident in a list.
package struct IncidentSummary: Sendable, Equatable {
    package var number: Int64
    package var uid: String
    package var state: IncidentState
    package var severity: IncidentSeverity
    package var score: Double
    package var title: String
    package var owner: String?
    package var verdict: IncidentVerdict?
    package var first: Timestamp
    package var last: Timestamp
    package var alertCount: Int
}

extension IncidentLedger {
    /// Alerts of a view, at most.
    private static let viewAlertsMax = 500

    /// Incidents in these states, the most urgent first, then the newest.
    package func list(_ states: [IncidentState], limit: Int = 1000) throws(IncidentError) -> [IncidentSummary] {
        let marks = states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM incidents WHERE state IN (\(marks))
                    ORDER BY state IN ('closed', 'merged', 'watched'), severity, last DESC, id LIMIT ?
                    """, arguments: [limit]
            ).map(IncidentSummary.init)
        }
    }

    /// Everything that is known of an incident without asking the store's records.
    package func view(_ number: Int64) throws(IncidentError) -> IncidentView {
        try read { database in
            _ = try IncidentLedger.state(number, database)
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM incidents WHERE id = ?", arguments: [number])
            else { throw IncidentError(.unknown, "incident \(number) is gone", advice: "list them again") }
            return try IncidentLedger.view(row, database)
        }
    }

    /// The incident of this identity; nil where there is none.
    package func view(uid: String) throws(IncidentError) -> IncidentView? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM incidents WHERE uid = ?", arguments: [uid]).map {
                try IncidentLedger.view($0, database)
            }
        }
    }

    private static func view(_ row: Row, _ database: Database) throws -> IncidentView {
        let summary = IncidentSummary(row)
        var view = IncidentView(
            number: summary.number, uid: summary.uid, revision: 0, state: summary.state, severity: summary.severity,
            score: summary.score, title: summary.title, sentence: row["sentence"], owner: summary.owner,
            verdict: summary.verdict, mergedInto: row["merged_into"], isFoundOutside: row["found_outside"],
            times: IncidentTimes(row), first: summary.first, last: summary.last, alertCount: summary.alertCount)
        view.events = try IncidentEvent.fetch(database, "WHERE incident = ? ORDER BY id", [summary.number])
        view.revision = view.events.last?.id ?? 0
        view.stages = stages(try rules(summary.number, database))
        view.entities = try Row.fetchAll(
            database, sql: "SELECT * FROM entities WHERE incident = ? ORDER BY first, kind, value",
            arguments: [summary.number]
        ).map(IncidentEntity.init)
        view.alerts = try Row.fetchAll(
            database,
            sql: "SELECT * FROM incident_alerts WHERE incident = ? AND rule IS NOT NULL ORDER BY first, key LIMIT ?",
            arguments: [summary.number, viewAlertsMax]
        ).map(IncidentAlert.init)
        return view
    }

    private static func stages(_ rules: [RuleEvidence]) -> [IncidentStage] {
        Dictionary(grouping: rules, by: \.stage).map { stage, rules in
            IncidentStage(
                stage: stage, first: rules.map(\.first).min() ?? .zero, last: rules.map(\.last).max() ?? .zero,
                alertCount: rules.reduce(0) { $0 + $1.alertCount },
                titles: rules.sorted { ($1.weight, $0.title) < ($0.weight, $1.title) }.map(\.title))
        }.sorted { left, right in left.first != right.first ? left.first < right.first : left.stage < right.stage }
    }
}

extension IncidentSummary {
    fileprivate init(_ row: Row) {
        self.init(
            number: row["id"], uid: row["uid"], state: IncidentState(rawValue: row["state"]) ?? .watched,
            severity: IncidentSeverity(rawValue: row["severity"]) ?? .low, score: row["score"], title: row["title"],
            owner: row["owner"], verdict: (row["verdict"] as String?).flatMap { IncidentVerdict(rawValue: $0) },
            first: Timestamp(nanoseconds: row["first"]), last: Timestamp(nanoseconds: row["last"]),
            alertCount: row["alerts"])
    }
}

extension IncidentTimes {
    fileprivate init(_ row: Row) {
        func time(_ column: String) -> Timestamp? { (row[column] as Int64?).map { Timestamp(nanoseconds: $0) } }
        (began, alerted, raised, taken) = (time("t0"), time("t1"), time("t2"), time("t3"))
        (judged, escalated, contained, closed) = (time("t4"), time("t5"), time("t6"), time("t7"))
    }
}

extension IncidentEntity {
    fileprivate init(_ row: Row) {
        self.init(
            kind: row["kind"], value: row["value"], role: Role(rawValue: row["role"]) ?? .involved,
            first: Timestamp(nanoseconds: row["first"]), last: Timestamp(nanoseconds: row["last"]),
            alertCount: row["alerts"])
    }
}

extension IncidentAlert {
    fileprivate init(_ row: Row) {
        self.init(
            time: Timestamp(nanoseconds: row["ts"]), first: Timestamp(nanoseconds: row["first"]),
            last: Timestamp(nanoseconds: row["last"]), source: row["source"], rule: row["rule"], title: row["title"],
            severity: row["severity"], confidence: row["confidence"], stage: Stage(rawValue: row["stage"]) ?? .other,
            techniques: IncidentAlert.parts(row["techniques"], " "), uid: row["uid"], originator: row["orig_h"],
            originatorPort: row["orig_p"], responder: row["resp_h"], responderPort: row["resp_p"],
            isFromOriginator: row["is_from_orig"], application: row["application"], buffer: row["buffer"],
            matched: Array(row["matched"] as Data? ?? Data()), count: row["count"],
            entities: IncidentAlert.parts(row["entities"], "\n"), evidence: row["evidence"])
    }

    private static func parts(_ text: String?, _ separator: Character) -> [String] {
        (text ?? "").split(separator: separator).map(String.init)
    }
}
