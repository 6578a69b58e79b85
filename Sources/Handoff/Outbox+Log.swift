// SPDX-License-Identifier: Apache-2.0
//
// What the outbox tells people: deliveries, dead letters, how each connector stands; and putting letters back.

internal import Foundation
internal import GRDB

/// One row of the delivery log.
package struct DeliveryLine: Sendable, Encodable, Equatable {
    package var id: Int64
    package var connector: String
    /// The incident's number in the store, and its identity for receivers.
    package var incident: Int64
    package var uid: String
    /// Number of the incident's event.
    package var event: Int64
    package var kind: String
    /// waiting, claimed, delivered or dead.
    package var state: String
    package var attempts: Int
    /// RFC 3339, UTC.
    package var enqueued: String
    package var finished: String?
    package var due: String?
    package var status: Int?
    package var reason: String?
    package var answer: String?
    package var remote_id: String?
    package var remote_number: String?
}

/// How a connector stands.
package struct ConnectorLine: Sendable, Encodable, Equatable {
    package var name: String
    package var waiting: Int
    package var claimed: Int
    package var delivered: Int
    package var dead: Int
    /// Delivered rows that are no longer kept.
    package var forgotten: Int
    package var stopped_until: String?
    package var reason: String?
}

extension Outbox {
    /// The newest rows, oldest first.
    package func lines(
        connector: String? = nil, states: [String] = [], limit: Int = 100
    ) throws(HandoffError) -> [DeliveryLine] {
        try read { database in
            let marks = states.map { _ in "?" }.joined(separator: ", ")
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT * FROM handoff_outbox WHERE (? IS NULL OR connector = ?)"
                    + (states.isEmpty ? "" : " AND state IN (\(marks))") + " ORDER BY id DESC LIMIT ?",
                arguments: StatementArguments([connector, connector] as [String?]) + StatementArguments(states)
                    + [limit])
            return try rows.reversed().map { try Outbox.line($0) }
        }
    }

    private static func line(_ row: Row) throws -> DeliveryLine {
        let state: String = row["state"]
        let record: Data? = row["remote"]
        let remote = try record.map { try JSONDecoder().decode(RemoteRecord.self, from: $0) }
        let finished: Int64? = row["finished"]
        let due: Int64 = row["due"]
        let reason: String? = row["reason"]
        return DeliveryLine(
            id: row["id"], connector: row["connector"], incident: row["number"], uid: row["incident"],
            event: row["event"], kind: row["kind"], state: state, attempts: row["attempts"],
            enqueued: UTC.text(row["enqueued"]), finished: finished.map(UTC.text),
            due: state == "waiting" ? UTC.text(due) : nil, status: row["status"],
            reason: reason == "" ? nil : reason, answer: row["answer"], remote_id: remote?.id,
            remote_number: remote?.number)
    }

    package func connectors() throws(HandoffError) -> [ConnectorLine] {
        try read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT * FROM handoff_connector ORDER BY name")
            var lines: [ConnectorLine] = []
            for row in rows {
                let name: String = row["name"]
                let stopped: Int64? = row["stopped_until"]
                var line = ConnectorLine(
                    name: name, waiting: 0, claimed: 0, delivered: 0, dead: 0, forgotten: row["forgotten"],
                    stopped_until: stopped.map(UTC.text), reason: row["reason"])
                let counts = try Row.fetchAll(
                    database, sql: "SELECT state, count(*) AS n FROM handoff_outbox WHERE connector = ? GROUP BY state",
                    arguments: [name])
                for count in counts {
                    switch count["state"] as String {
                    case "waiting": line.waiting = count["n"]
                    case "claimed": line.claimed = count["n"]
                    case "delivered": line.delivered = count["n"]
                    default: line.dead = count["n"]
                    }
                }
                lines.append(line)
            }
            return lines
        }
    }

    /// When the next delivery of a connector can be made, in microseconds; nil where nothing waits that could be.
    func nextDue(_ connector: String) throws(HandoffError) -> Int64? {
        try read { database in
            let due = try Int64.fetchOne(
                database,
                sql: """
                    SELECT min(CASE state WHEN 'claimed' THEN lease ELSE due END) FROM handoff_outbox AS o
                    WHERE connector = ? AND state IN ('waiting', 'claimed') AND NOT EXISTS (
                        SELECT 1 FROM handoff_outbox AS p
                        WHERE p.connector = o.connector AND p.incident = o.incident AND p.id < o.id
                            AND (p.state IN ('waiting', 'claimed') OR p.state = 'dead' AND p.kind = 'created'))
                    """, arguments: [connector])
            let stopped = try Int64.fetchOne(
                database, sql: "SELECT stopped_until FROM handoff_connector WHERE name = ?", arguments: [connector])
            return due.map { max($0, stopped ?? $0) }
        }
    }

    func isStopped(_ connector: String, now: Int64) throws(HandoffError) -> Bool {
        try read {
            try Bool.fetchOne(
                $0, sql: "SELECT 1 FROM handoff_connector WHERE name = ? AND stopped_until > ?",
                arguments: [connector, now]) ?? false
        }
    }

    /// Puts dead letters back, and lets what waits be tried at once.
    ///
    /// - Parameter id: one row; nil for all, of one connector or of every one.
    /// - Returns: dead letters that are no longer dead.
    package func retry(connector: String? = nil, id: Int64? = nil, now: Int64? = nil) throws(HandoffError) -> Int {
        let now = now ?? UTC.now
        return try write { database in
            // What was refused was not taken; what was tried too long may have been, and keeps its mark.
            try database.execute(
                sql: """
                    UPDATE handoff_outbox
                    SET state = 'waiting', attempts = 0, due = :now, enqueued = :now, finished = NULL
                    WHERE state = 'dead' AND (:connector IS NULL OR connector = :connector)
                        AND (:id IS NULL OR id = :id)
                    """, arguments: ["now": now, "connector": connector, "id": id])
            let count = database.changesCount
            guard id == nil else { return count }
            try database.execute(
                sql: """
                    UPDATE handoff_outbox SET due = min(due, :now)
                    WHERE state = 'waiting' AND (:connector IS NULL OR connector = :connector)
                    """, arguments: ["now": now, "connector": connector])
            try database.execute(
                sql: """
                    UPDATE handoff_connector SET stopped_until = NULL, stops = 0, reason = NULL
                    WHERE :connector IS NULL OR name = :connector
                    """, arguments: ["connector": connector])
            return count
        }
    }
}
