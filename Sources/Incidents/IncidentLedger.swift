// SPDX-License-Identifier: Apache-2.0
//
// The incidents of a store, in its catalogue.
//
// Reads   and writes the tables of incidents.
// Leaves  correlation, changes and views to the extensions.

import Foundation
import GRDB
import JSON
import Records
import Store

/// The incidents of one store. Usable from any thread, by several processes, beside a sensor.
package final class IncidentLedger: Sendable {
    package let folder: String
    package let settings: CorrelationSettings
    let database: StoreDatabase

    /// Opens the incidents of the store in `folder`, and makes their tables where there are none.
    package init(folder: String, settings: CorrelationSettings = CorrelationSettings()) throws(IncidentError) {
        self.folder = folder
        self.settings = settings
        do {
            // A folder without a store is a typing error, not a store to be made.
            _ = try StoreReader.open(folder)
            database = try StoreDatabase(folder: folder)
            try database.migrate(IncidentTables.migrator)
        } catch { throw IncidentError(error) }
    }

    /// The system's clock: what people do is timed by it, what packets do is not.
    static var now: Timestamp { Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9)) }

    func read<Value>(_ body: (Database) throws -> Value) throws(IncidentError) -> Value {
        var own: IncidentError?
        do {
            return try database.read { database in
                do { return try body(database) } catch let error as IncidentError {
                    own = error
                    throw error
                }
            }
        } catch { throw own ?? IncidentError(error) }
    }

    /// Runs `body` in one transaction.
    func write<Value>(_ body: (Database) throws -> Value) throws(IncidentError) -> Value {
        var own: IncidentError?
        do {
            return try database.write { database in
                do { return try body(database) } catch let error as IncidentError {
                    own = error
                    throw error
                }
            }
        } catch { throw own ?? IncidentError(error) }
    }

    // MARK: following

    /// Events of all incidents after the one of this number, in order; for whoever carries them elsewhere.
    package func events(after id: Int64, limit: Int = 1000) throws(IncidentError) -> [IncidentEvent] {
        try read { database in
            try IncidentEvent.fetch(
                database, "WHERE id > ? ORDER BY id LIMIT ?", [id, min(max(limit, 1), 100_000)])
        }
    }

    /// The number of the newest event of any incident; 0 where there is none.
    package func newestEvent() throws(IncidentError) -> Int64 {
        try read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM incident_events") ?? 0 }
    }

    /// Identities (`C…`) of the connections of an incident's alerts, in order of time, without doubles.
    package func connectionUIDs(of number: Int64) throws(IncidentError) -> [String] {
        try read { database in
            _ = try IncidentLedger.state(number, database)
            return try String.fetchAll(
                database,
                sql: """
                    SELECT uid FROM incident_alerts WHERE incident = ? AND uid IS NOT NULL
                    GROUP BY uid ORDER BY min(ts), uid
                    """, arguments: [number])
        }
    }

    static func state(_ number: Int64, _ database: Database) throws -> IncidentState {
        guard
            let text = try String.fetchOne(
                database, sql: "SELECT state FROM incidents WHERE id = ?", arguments: [number])
        else {
            throw IncidentError(
                .unknown, "there is no incident \(number)",
                advice: "`weir incidents list --state all` shows which there are")
        }
        return IncidentState(rawValue: text) ?? .watched
    }
}

/// An event that is about to be written.
struct EventDraft {
    var incident: Int64
    var who: String
    var kind: IncidentEvent.Kind
    var why: String
    var what: [UInt8]

    /// Longest reason: a person wrote it, or a program that went wrong.
    static let textMax = 16 << 10

    init(
        incident: Int64, who: String, kind: IncidentEvent.Kind, why: String,
        _ what: (inout JSONWriter) -> Void = { _ in }
    ) {
        var writer = JSONWriter()
        writer.object(what)
        self.init(incident: incident, who: who, kind: kind, why: why, json: writer.octets)
    }

    /// - Parameter json: an object.
    init(incident: Int64, who: String, kind: IncidentEvent.Kind, why: String, json: [UInt8]) {
        (self.incident, self.who, self.kind, what) = (incident, who, kind, json)
        self.why = String(why.prefix(EventDraft.textMax))
    }

    func insert(_ database: Database, _ now: Timestamp) throws {
        try database.execute(
            sql: "INSERT INTO incident_events (incident, ts, who, kind, why, what) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                incident, now.nanoseconds, who, kind.rawValue, why, String(decoding: what, as: UTF8.self),
            ])
    }
}

extension IncidentEvent {
    /// Events by the rest of a statement.
    static func fetch(_ database: Database, _ rest: String, _ arguments: StatementArguments) throws -> [IncidentEvent]
    {
        try Row.fetchAll(database, sql: "SELECT * FROM incident_events " + rest, arguments: arguments).compactMap {
            row in
            // A later Weir may have kinds of its own: they are somebody's note to this one.
            IncidentEvent(
                id: row["id"], incident: row["incident"], time: Timestamp(nanoseconds: row["ts"]), who: row["who"],
                kind: Kind(rawValue: row["kind"]) ?? .note, why: row["why"], what: row["what"])
        }
    }
}

extension IncidentError {
    /// The store's word for it.
    init(_ error: StoreError) { self.init(.store, "\(error.path): \(error.reason)", advice: error.advice) }

    init(_ error: any Error) {
        switch error {
        case let error as IncidentError: self = error
        case let error as StoreError: self.init(error)
        default: self.init(.store, "\(error)", advice: "see that the store is in order: weir store check")
        }
    }
}
