// SPDX-License-Identifier: Apache-2.0
//
// Segments after their first flush: which may be merged, which are too old, which are gone.
//
// Reads   and writes the catalogue's table of segments.
// Leaves  the files (`Merging`, `Retention`, `StoreCheck`).

internal import Foundation
internal import GRDB
internal import Records

/// A visible segment with what merging and retention go by.
struct StoredSegment: Sendable {
    let id: Int64
    let log: String
    /// Relative to the store's folder.
    let path: String
    let rowCount: Int
    let byteCount: Int
    /// Greatest `ts` in microseconds; nil where no row has one.
    let newest: Int64?
    let source: Int64?
    let isReplay: Bool
    let fingerprint: String
    /// 0 as flushed, 1 merged within its hour, 2 merged for good.
    let level: Int

    /// `date=…/hour=…`, between the log and the file's name.
    var folder: String {
        let parts = path.split(separator: "/")
        return parts.count == 4 ? "\(parts[1])/\(parts[2])" : ""
    }
}

extension Catalogue {
    /// The column that version 1 did not have at first; a reader of that time does not miss it.
    static func addLevel(_ database: Database) throws {
        guard try !database.columns(in: "segments").contains(where: { $0.name == "level" }) else { return }
        try database.execute(sql: "ALTER TABLE segments ADD COLUMN level INTEGER NOT NULL DEFAULT 0")
    }

    private static let stored = """
        SELECT s.*, coalesce(o.state = 'done', 0) AS is_replay FROM segments s LEFT JOIN sources o ON o.id = s.source
        """

    /// The visible segments, in order of log and number.
    func storedSegments() throws(StoreError) -> [StoredSegment] {
        try read(Catalogue.storedSegments)
    }

    /// The same, inside a transaction.
    static func storedSegments(_ database: Database) throws -> [StoredSegment] {
        let hasLevel = try database.columns(in: "segments").contains { $0.name == "level" }
        let sql = Catalogue.stored + " WHERE s.state = 'live' ORDER BY s.log, s.id"
        return try Row.fetchAll(database, sql: sql).map { row in
            StoredSegment(
                id: row["id"], log: row["log"], path: row["path"], rowCount: row["rows"], byteCount: row["bytes"],
                newest: row["max_ts"], source: row["source"], isReplay: row["is_replay"],
                fingerprint: row["fingerprint"], level: hasLevel ? row["level"] : 0)
        }
    }

    /// Packet time, in nanoseconds, up to which the rows of interfaces are here; nil where there is none.
    func checkpoint() throws(StoreError) -> Int64? {
        try read { try Int64.fetchOne($0, sql: "SELECT max(checkpoint) FROM sources WHERE state = 'live'") }
    }

    /// Puts one segment in the place of several, in one transaction. The old ones are dead: no question that
    /// begins after it sees them.
    ///
    /// `inPlace` where the file is the input's own: then nothing is dead, the input is forgotten. Otherwise the file
    /// goes to `hidden`.
    func replace(
        _ inputs: [StoredSegment], with entry: CatalogueEntry, source: Int64?, level: Int, inPlace: Bool = false,
        hiding hidden: String? = nil
    ) throws(StoreError) {
        // What was merged for good, or is being shipped, goes into no other.
        let retire = inPlace ? "DELETE FROM segments" : "UPDATE segments SET state = 'dead'"
        let condition = " WHERE id = ? AND state = 'live'" + (inPlace ? "" : " AND level < 2")
        try write { database in
            for input in inputs {
                try database.execute(sql: retire + condition, arguments: [input.id])
                guard database.changesCount == 1 else {
                    throw StoreError(
                        .catalogue, "a segment went while it was merged", path: input.path, advice: "merge again")
                }
            }
            try Catalogue.insert(entry, source, level: level, database)
            guard let hidden, let slash = hidden.lastIndex(of: "/") else { return }
            try StoreFile.rename(entry.segment.temporaryPath, to: hidden)
            try StoreFile.syncFolder(String(hidden[..<slash]))
        }
    }

    /// The paths of segments that are not visible any more and whose files may still be there.
    func deadPaths() throws(StoreError) -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT path FROM segments WHERE state = 'dead' ORDER BY id") }
    }

    /// Forgets dead segments whose files are gone.
    func forgetDead(_ paths: [String]) throws(StoreError) {
        guard !paths.isEmpty else { return }
        try write { database in
            for path in paths {
                try database.execute(
                    sql: "DELETE FROM segments WHERE path = ? AND state = 'dead'", arguments: [path])
            }
        }
    }

    /// Makes segments invisible.
    func retire(_ segments: [StoredSegment]) throws(StoreError) {
        guard !segments.isEmpty else { return }
        try write { database in
            for segment in segments {
                try database.execute(
                    sql: "UPDATE segments SET state = 'dead' WHERE id = ?", arguments: [segment.id])
            }
        }
    }

    /// Enters segments that were found under their names; later ones are numbered from `nextNumber` on.
    func adopt(_ entries: [CatalogueEntry], nextNumber: Int) throws(StoreError) {
        try write { database in
            let source = try Catalogue.source(
                of: Arrivals(kind: .repair, identity: "repair", sensor: "repair"), database)
            for entry in entries { try Catalogue.insert(entry, source, database) }
            try database.execute(
                sql: "UPDATE meta SET value = ? WHERE key = 'next_segment'", arguments: [nextNumber])
        }
    }
}
