// SPDX-License-Identifier: Apache-2.0
//
// The durable outbox: one row for each incident, event and connector, in the store's catalogue.
//
// Reads   and writes its tables, through GRDB; several processes may do so at once.
// Leaves  sending (the connectors), what is sent to whom (`Dispatcher`).

internal import Foundation
package import GRDB
internal import Store

/// A delivery that is to be made, as a worker has claimed it.
package struct Delivery: Sendable {
    package var id: Int64
    package var connector: String
    package var incident: HandoffIncident
    package var event: HandoffEvent
    package var kind: HandoffKind
    /// Attempts before this one.
    package var attempts: Int
    /// An earlier attempt may have arrived, although its answer was lost.
    package var isUnsure: Bool
    /// What the receiver keeps of the incident, once it has said so.
    package var remote: RemoteRecord?
    package var enqueued: Int64

    /// The identity of this delivery, the same in every attempt: sensor/incident/revision.
    package var key: String { incident.key + "/\(event.number)" }
}

/// A delivery that is to be put into the outbox.
package struct NewDelivery: Sendable {
    package var incident: HandoffIncident
    package var event: HandoffEvent
    package var kind: HandoffKind
}

/// The outbox of one store.
///
/// A row is `waiting` until its time has come, `claimed` while a worker is at it, then `delivered`, or `dead`
/// when it was refused or tried too long. Of one incident and connector only the oldest row that is not
/// delivered can be claimed, so that order is kept; behind a creation that is dead everything waits, behind a
/// dead update the later ones go on.
package final class Outbox: Sendable {
    private let database: any DatabaseWriter

    /// Delivered rows that are kept as evidence of each connector; older ones go, and are counted.
    static let deliveredMax = 1_000_000

    /// The outbox of the store in `folder`, which must be there.
    package convenience init(store folder: String) throws(HandoffError) {
        do {
            // Reading first: a wrong path must not make a store.
            _ = try StoreDatabase(folder: folder, isReadOnly: true)
            let database = try StoreDatabase(folder: folder)
            try self.init(database.queue)
        } catch let error as StoreError {
            throw HandoffError(error.description)
        } catch {
            throw HandoffError("\(error)")
        }
    }

    /// Makes the tables where they are missing.
    package init(_ database: any DatabaseWriter) throws(HandoffError) {
        self.database = database
        try Outbox.attempt("the outbox cannot be made") { try Outbox.migrator.migrate(database) }
    }

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("handoff 1") { database in
            try database.execute(
                sql: """
                    -- Times in microseconds since 1970. payload is JSON of the incident as it stood, event that of what
                    -- happened; both go when the row is delivered.
                    CREATE TABLE handoff_outbox (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, connector TEXT NOT NULL, incident TEXT NOT NULL,
                        number INTEGER NOT NULL, event INTEGER NOT NULL, kind TEXT NOT NULL,
                        payload BLOB, what BLOB, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
                        enqueued INTEGER NOT NULL, due INTEGER NOT NULL, owner TEXT, lease INTEGER,
                        unsure INTEGER NOT NULL DEFAULT 0, finished INTEGER, status INTEGER, reason TEXT, answer TEXT,
                        remote TEXT, UNIQUE (connector, incident, event));
                    CREATE INDEX handoff_open ON handoff_outbox (connector, state, due)
                        WHERE state IN ('waiting', 'claimed', 'dead');
                    CREATE INDEX handoff_order ON handoff_outbox (connector, incident, id);
                    CREATE INDEX handoff_done ON handoff_outbox (connector, id) WHERE state = 'delivered';
                    CREATE TABLE handoff_remote (
                        connector TEXT NOT NULL, incident TEXT NOT NULL, record BLOB NOT NULL,
                        PRIMARY KEY (connector, incident)) WITHOUT ROWID;
                    -- position: the newest event that was put in. A connector that nobody can get past stops.
                    CREATE TABLE handoff_connector (
                        name TEXT PRIMARY KEY, position INTEGER NOT NULL, stopped_until INTEGER,
                        stops INTEGER NOT NULL DEFAULT 0, reason TEXT, forgotten INTEGER NOT NULL DEFAULT 0)
                        WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    static func attempt<Value>(_ what: String, _ body: () throws -> Value) throws(HandoffError) -> Value {
        do {
            return try body()
        } catch let error as HandoffError {
            throw error
        } catch {
            let reason = (error as? DatabaseError)?.message ?? "\(error)"
            throw HandoffError("\(what): \(reason); see that the store's disk is in order and not full")
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(HandoffError) -> Value {
        try Outbox.attempt("the outbox cannot be read") { try database.read(body) }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws(HandoffError) -> Value {
        try Outbox.attempt("the outbox cannot be written") { try database.write(body) }
    }

    // MARK: filling

    /// The newest event that a connector has taken; nil for one that is new here.
    func position(_ connector: String) throws(HandoffError) -> Int64? {
        try read {
            try Int64.fetchOne($0, sql: "SELECT position FROM handoff_connector WHERE name = ?", arguments: [connector])
        }
    }

    /// Puts deliveries in and moves the connector's position, in one transaction.
    ///
    /// - Returns: how many rows are new; those that were there already stay as they are.
    @discardableResult
    func fill(_ connector: String, _ deliveries: [NewDelivery], position: Int64, now: Int64) throws(HandoffError) -> Int
    {
        try write { database in
            var count = 0
            for delivery in deliveries {
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO handoff_outbox
                            (connector, incident, number, event, kind, payload, what, state, enqueued, due)
                        VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)
                        """,
                    arguments: [
                        connector, delivery.incident.id, delivery.incident.number, delivery.event.number,
                        delivery.kind.rawValue, try delivery.incident.encoded(),
                        try JSONEncoder().encode(delivery.event), now, now,
                    ])
                count += database.changesCount
            }
            try database.execute(
                sql: """
                    INSERT INTO handoff_connector (name, position) VALUES (?, ?)
                    ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)
                    """, arguments: [connector, position])
            return count
        }
    }

    /// Whether the connector was ever told of the incident.
    func knows(_ connector: String, _ incident: String) throws(HandoffError) -> Bool {
        try read {
            try Bool.fetchOne(
                $0, sql: "SELECT 1 FROM handoff_outbox WHERE connector = ? AND incident = ? LIMIT 1",
                arguments: [connector, incident]) ?? false
        }
    }

    /// Rows that are not delivered, dead letters among them.
    func openCount(_ connector: String) throws(HandoffError) -> Int {
        try read {
            try Int.fetchOne(
                $0,
                sql: """
                    SELECT count(*) FROM handoff_outbox
                    WHERE connector = ? AND state IN ('waiting', 'claimed', 'dead')
                    """, arguments: [connector]) ?? 0
        }
    }

    // MARK: working

    /// Claims the oldest delivery whose time has come, for `lease` microseconds.
    ///
    /// A claim whose lease has run out is taken over; whoever held it may have sent, so that it is unsure. One's own
    /// claims are not: who holds them is still at work, however long it takes.
    func claim(_ connector: String, owner: String, now: Int64, lease: Int64) throws(HandoffError) -> Delivery? {
        try write { database in
            let stopped = try Int64.fetchOne(
                database, sql: "SELECT stopped_until FROM handoff_connector WHERE name = ?", arguments: [connector])
            if let stopped, stopped > now { return nil }
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT * FROM handoff_outbox AS o
                        WHERE connector = :connector
                            AND (state = 'waiting' AND due <= :now
                                OR state = 'claimed' AND lease <= :now AND owner <> :owner)
                            AND NOT EXISTS (
                                SELECT 1 FROM handoff_outbox AS p
                                WHERE p.connector = o.connector AND p.incident = o.incident AND p.id < o.id
                                    AND (p.state IN ('waiting', 'claimed') OR p.state = 'dead' AND p.kind = 'created'))
                        ORDER BY due, id LIMIT 1
                        """, arguments: ["connector": connector, "now": now, "owner": owner])
            else { return nil }
            let id: Int64 = row["id"]
            let wasClaimed = row["state"] == "claimed"
            let isUnsure: Bool = row["unsure"] || wasClaimed
            try database.execute(
                sql: """
                    UPDATE handoff_outbox
                    SET state = 'claimed', owner = ?, lease = ?, attempts = attempts + 1, unsure = ? WHERE id = ?
                    """, arguments: [owner, now + lease, isUnsure, id])
            return try Outbox.delivery(row, isUnsure: isUnsure, database)
        }
    }

    private static func delivery(_ row: Row, isUnsure: Bool, _ database: Database) throws -> Delivery {
        let connector: String = row["connector"]
        let incident: String = row["incident"]
        let payload: Data = row["payload"]
        let what: Data = row["what"]
        let kind: String = row["kind"]
        let record = try Data.fetchOne(
            database, sql: "SELECT record FROM handoff_remote WHERE connector = ? AND incident = ?",
            arguments: [connector, incident])
        return Delivery(
            id: row["id"], connector: connector, incident: try HandoffIncident.decoded(payload),
            event: try JSONDecoder().decode(HandoffEvent.self, from: what),
            kind: HandoffKind(rawValue: kind) ?? .updated, attempts: row["attempts"], isUnsure: isUnsure,
            remote: try record.map { try JSONDecoder().decode(RemoteRecord.self, from: $0) },
            enqueued: row["enqueued"])
    }

    /// Keeps the receiver's own identity of an incident as soon as it is known, before anything else is asked of it.
    func remember(_ remote: RemoteRecord, _ connector: String, _ incident: String) throws(HandoffError) {
        try write { database in
            try Outbox.remember(remote, connector, incident, database)
        }
    }

    private static func remember(
        _ remote: RemoteRecord, _ connector: String, _ incident: String, _ database: Database
    ) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO handoff_remote (connector, incident, record) VALUES (?, ?, ?)",
            arguments: [connector, incident, try JSONEncoder().encode(remote)])
    }

    /// What follows from an attempt; nothing where another worker has the row by now.
    ///
    /// - Parameter retryAt: when a passing fault is tried again; nil where it has been tried long enough.
    func settle(
        _ delivery: Delivery, owner: String, _ outcome: DeliveryOutcome, now: Int64, retryAt: Int64?
    ) throws(HandoffError) {
        try write { database in
            let isOurs = try Bool.fetchOne(
                database, sql: "SELECT 1 FROM handoff_outbox WHERE id = ? AND state = 'claimed' AND owner = ?",
                arguments: [delivery.id, owner])
            guard isOurs == true else { return }
            switch outcome {
            case .delivered(let remote, let status, let note):
                if let remote { try Outbox.remember(remote, delivery.connector, delivery.incident.id, database) }
                try database.execute(
                    sql: """
                        UPDATE handoff_outbox SET state = 'delivered', owner = NULL, lease = NULL, finished = ?,
                            status = ?, reason = ?, answer = NULL, payload = NULL, what = NULL, unsure = 0,
                            remote = (SELECT record FROM handoff_remote WHERE connector = ? AND incident = ?)
                        WHERE id = ?
                        """,
                    arguments: [now, status, note, delivery.connector, delivery.incident.id, delivery.id])
                try database.execute(
                    sql: """
                        UPDATE handoff_connector SET stopped_until = NULL, stops = 0, reason = NULL
                        WHERE name = ? AND stops > 0
                        """, arguments: [delivery.connector])
                try Outbox.forgetOldest(delivery, database)
            case .passing(let fault, _), .stopped(let fault):
                let state = retryAt == nil ? "dead" : "waiting"
                try Outbox.keep(fault, of: delivery, state: state, due: retryAt ?? now, now: now, database)
            case .refused(let fault):
                try Outbox.keep(fault, of: delivery, state: "dead", due: now, now: now, database)
            }
        }
    }

    private static func keep(
        _ fault: DeliveryFault, of delivery: Delivery, state: String, due: Int64, now: Int64, _ database: Database
    ) throws {
        try database.execute(
            sql: """
                UPDATE handoff_outbox SET state = ?, owner = NULL, lease = NULL, due = ?, status = ?, reason = ?,
                    answer = ?, unsure = (unsure OR ?), finished = ? WHERE id = ?
                """,
            arguments: [
                state, due, fault.status, fault.reason, fault.answer, fault.isUnsure, state == "dead" ? now : nil,
                delivery.id,
            ])
    }

    private static func forgetOldest(_ delivery: Delivery, _ database: Database) throws {
        guard delivery.id % 1_024 == 0 else { return }
        try database.execute(
            sql: """
                DELETE FROM handoff_outbox WHERE connector = :name AND state = 'delivered' AND id IN (
                    SELECT id FROM handoff_outbox WHERE connector = :name AND state = 'delivered'
                    ORDER BY id DESC LIMIT -1 OFFSET :count)
                """, arguments: ["name": delivery.connector, "count": deliveredMax])
        try database.execute(
            sql: "UPDATE handoff_connector SET forgotten = forgotten + ? WHERE name = ?",
            arguments: [database.changesCount, delivery.connector])
    }

    /// Takes no delivery of a connector before `until`: its credentials were refused.
    func stop(_ connector: String, until: (Int) -> Int64, reason: String) throws(HandoffError) {
        try write { database in
            let stops = try Int.fetchOne(
                database, sql: "SELECT stops FROM handoff_connector WHERE name = ?", arguments: [connector]) ?? 0
            try database.execute(
                sql: "UPDATE handoff_connector SET stopped_until = ?, stops = stops + 1, reason = ? WHERE name = ?",
                arguments: [until(stops + 1), reason, connector])
        }
    }

    /// Lets a stopped connector try again: a new worker has read its credentials anew.
    func start(_ connector: String, now: Int64) throws(HandoffError) {
        try write { database in
            try database.execute(
                sql: """
                    UPDATE handoff_outbox SET due = min(due, ?) WHERE connector = ? AND state = 'waiting'
                        AND EXISTS (SELECT 1 FROM handoff_connector WHERE name = ? AND stopped_until IS NOT NULL)
                    """, arguments: [now, connector, connector])
            try database.execute(
                sql: "UPDATE handoff_connector SET stopped_until = NULL WHERE name = ?", arguments: [connector])
        }
    }

    /// Takes up again what workers held that are no longer alive.
    ///
    /// - Returns: how many rows that were.
    @discardableResult
    func recover(now: Int64, isAlive: (String) -> Bool) throws(HandoffError) -> Int {
        try write { database in
            let owners = try String.fetchAll(
                database,
                sql: "SELECT DISTINCT owner FROM handoff_outbox WHERE state = 'claimed' AND owner IS NOT NULL")
            var count = 0
            for owner in owners where !isAlive(owner) {
                try database.execute(
                    sql: """
                        UPDATE handoff_outbox SET state = 'waiting', owner = NULL, lease = NULL, unsure = 1, due = ?
                        WHERE state = 'claimed' AND owner = ?
                        """, arguments: [now, owner])
                count += database.changesCount
            }
            return count
        }
    }
}
