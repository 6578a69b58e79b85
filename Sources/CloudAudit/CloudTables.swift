// SPDX-License-Identifier: Apache-2.0
//
// What the catalogue keeps of audit files: identities, checkpoints, the quarantine.
//
// Reads   and writes the tables cloud_seen, cloud_file, cloud_quarantine.
// Leaves  the rows themselves (the store's segments).

import Foundation
import GRDB
package import Store

/// How far a file has been read.
struct CloudCheckpoint: Equatable {
    var size: Int64 = 0
    var modified: Int64 = 0
    /// Of a plain file, where to go on.
    var offset: Int64 = 0
    /// SHA-256, cut, of the octets before `offset`: whether it is still the same file.
    var tail: [UInt8] = []
    /// Read to its end, whole.
    var isFinished = false
}

/// A stretch of a file that is no record.
package struct QuarantinedRecord: Sendable, Equatable {
    package var file: String
    /// Octets from the start of the unpacked file.
    package var offset: Int64
    package var length: Int64
    package var reason: String
    /// The first octets, `CloudLimits.excerptBytesMax` at most.
    package var excerpt: [UInt8]
    /// When it was found, microseconds since 1970.
    package var found: Int64
    var digest: [UInt8] = []
    var ordinal: Int64 = 0
    var isUnfinished = false
}

package enum CloudTables {
    package static func migrate(_ database: StoreDatabase) throws(StoreError) {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("cloud 1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE cloud_seen (
                        day INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, read_day INTEGER NOT NULL,
                        PRIMARY KEY (day, high, low)) WITHOUT ROWID;
                    CREATE TABLE cloud_file (
                        path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL,
                        next_offset INTEGER NOT NULL, tail BLOB NOT NULL, finished INTEGER NOT NULL,
                        read_day INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE cloud_quarantine (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, file_offset INTEGER NOT NULL,
                        length INTEGER NOT NULL, reason TEXT NOT NULL, excerpt BLOB NOT NULL, found INTEGER NOT NULL,
                        digest BLOB NOT NULL, ordinal INTEGER NOT NULL, unfinished INTEGER NOT NULL,
                        UNIQUE (digest, ordinal));
                    CREATE INDEX cloud_quarantine_file ON cloud_quarantine (file, unfinished);
                    """)
        }
        try database.migrate(migrator)
    }

    static func checkpoint(_ path: String, _ database: Database) throws -> CloudCheckpoint? {
        let row = try Row.fetchOne(
            database, sql: "SELECT size, modified, next_offset, tail, finished FROM cloud_file WHERE path = ?",
            arguments: [path])
        return row.map { row in
            let tail: Data = row[3]
            return CloudCheckpoint(
                size: row[0], modified: row[1], offset: row[2], tail: [UInt8](tail), isFinished: row[4])
        }
    }

    static func keep(_ checkpoint: CloudCheckpoint, _ path: String, day: Int64, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO cloud_file VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                path, checkpoint.size, checkpoint.modified, checkpoint.offset, Data(checkpoint.tail),
                checkpoint.isFinished, day,
            ])
    }

    /// Files that go on are told of no longer as unfinished.
    static func forgetUnfinished(_ path: String, _ database: Database) throws {
        try database.execute(
            sql: "DELETE FROM cloud_quarantine WHERE file = ? AND unfinished", arguments: [path])
    }

    static func keep(_ record: QuarantinedRecord, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT OR IGNORE INTO cloud_quarantine
                (file, file_offset, length, reason, excerpt, found, digest, ordinal, unfinished)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                record.file, record.offset, record.length, record.reason, Data(record.excerpt), record.found,
                Data(record.digest), record.ordinal, record.isUnfinished,
            ])
    }

    /// Forgets what is older than it may be.
    static func prune(today: Int64, _ database: Database) throws {
        let oldest = today - Int64(CloudLimits.rememberedDays)
        try database.execute(sql: "DELETE FROM cloud_seen WHERE read_day < ?", arguments: [oldest])
        try database.execute(sql: "DELETE FROM cloud_file WHERE read_day < ?", arguments: [oldest])
        try database.execute(
            sql: """
                DELETE FROM cloud_quarantine
                WHERE id <= (SELECT max(id) FROM cloud_quarantine) - \(CloudLimits.quarantineMax)
                """)
    }

    /// The quarantine, the newest last; of one file or folder, if given.
    package static func quarantine(
        _ database: StoreDatabase, file: String? = nil, limit: Int = 1000
    ) throws(StoreError) -> [QuarantinedRecord] {
        try database.read { database in
            guard try database.tableExists("cloud_quarantine") else { return [] }
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM (SELECT * FROM cloud_quarantine WHERE ? IS NULL OR file = ? OR file LIKE ? || '/%'
                    ORDER BY id DESC LIMIT ?) ORDER BY id
                    """, arguments: [file, file, file, limit])
            return rows.map { row in
                let excerpt: Data = row["excerpt"]
                return QuarantinedRecord(
                    file: row["file"], offset: row["file_offset"], length: row["length"], reason: row["reason"],
                    excerpt: [UInt8](excerpt), found: row["found"])
            }
        }
    }
}
