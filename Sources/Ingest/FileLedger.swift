// SPDX-License-Identifier: Apache-2.0
//
// Which files were read, and how far: by their contents, so that names do not matter.
//
// Reads   and writes the table ingested_files of the store's catalogue.
// Leaves  rows (`RowIdentities`).
//
// A file is known by its first octets, unpacked, and by all octets up to where it was read. One that has grown goes on
// from there; one that was rotated, renamed or packed is the same file.

import GRDB
import Records
import Store

/// A hash of octets that come in pieces.
struct StreamHash {
    private var hash = UID.prefix(sensor: "contents of a file")
    private var word: UInt64 = 0
    private var count: UInt64 = 0

    mutating func absorb(_ octets: ArraySlice<UInt8>) {
        for octet in octets {
            word |= UInt64(octet) << ((count & 7) &* 8)
            count &+= 1
            if count & 7 == 0 {
                hash.absorb(word)
                word = 0
            }
        }
    }

    /// The hash of what was absorbed so far.
    var value: Int64 {
        var whole = hash
        whole.absorb(word)
        whole.absorb(count)
        return Int64(bitPattern: whole.finish())
    }
}

/// How far a file was read.
struct FileProgress: Equatable {
    var id: Int64?
    /// Octets that `head` is the hash of.
    var headCount = 0
    var head: Int64 = 0
    /// Octets that were read, and the hash of them all.
    var offset = 0
    var content: Int64 = 0
    var lines = 0
    /// Lines of the head that is in force there.
    var headLines: [String] = []
    var path = ""
}

struct FileLedger {
    private let database: StoreDatabase

    static let headBytesMax = 64 << 10

    init(folder: String) throws(StoreError) {
        database = try StoreDatabase(folder: folder)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("ingest 1") { database in
            try database.create(table: "ingested_files") { table in
                table.primaryKey("id", .integer)
                table.column("head_count", .integer).notNull()
                table.column("head", .integer).notNull()
                table.column("offset", .integer).notNull()
                table.column("content", .integer).notNull()
                table.column("lines", .integer).notNull()
                table.column("head_lines", .text).notNull()
                table.column("path", .text).notNull()
            }
            try database.create(index: "ingested_files_head", on: "ingested_files", columns: ["head_count", "head"])
        }
        try database.migrate(migrator)
    }

    /// Lengths of heads that files are known by.
    func headCounts() throws(StoreError) -> [Int] {
        try database.read { try Int.fetchAll($0, sql: "SELECT DISTINCT head_count FROM ingested_files") }
    }

    /// Files with such a head, the one that was read furthest first.
    func files(headCount: Int, head: Int64) throws(StoreError) -> [FileProgress] {
        try database.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM ingested_files WHERE head_count = ? AND head = ? ORDER BY \"offset\" DESC",
                arguments: [headCount, head]
            ).map { row in
                FileProgress(
                    id: row["id"], headCount: row["head_count"], head: row["head"], offset: row["offset"],
                    content: row["content"], lines: row["lines"],
                    headLines: (row["head_lines"] as String).split(separator: "\n").map(String.init), path: row["path"])
            }
        }
    }

    /// Enters how far a file was read, in the transaction in which its rows appear.
    static func enter(_ file: inout FileProgress, _ database: Database) throws {
        let arguments: StatementArguments = [
            file.headCount, file.head, file.offset, file.content, file.lines, file.headLines.joined(separator: "\n"),
            file.path,
        ]
        if let id = file.id {
            try database.execute(
                sql: """
                    UPDATE ingested_files SET head_count = ?, head = ?, "offset" = ?, content = ?, lines = ?,
                      head_lines = ?, path = ? WHERE id = ?
                    """, arguments: arguments + [id])
        } else {
            try database.execute(
                sql: """
                    INSERT INTO ingested_files (head_count, head, "offset", content, lines, head_lines, path)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """, arguments: arguments)
            file.id = database.lastInsertedRowID
        }
    }
}
