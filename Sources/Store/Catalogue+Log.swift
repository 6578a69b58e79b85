// SPDX-License-Identifier: Apache-2.0
//
// SQLite's write-ahead log stays beside the catalogue when the writer ends: without it a user who may read the
// folder but not write there could not open the catalogue at all (SQLite, "WAL-mode: read-only databases").

internal import GRDB
internal import GRDBSQLite

extension Catalogue {
    /// Keeps the log when the connection is closed.
    static func keepLog(_ database: Database) throws {
        var keeps: CInt = 1
        // Safe: SQLite reads and writes one integer during the call; the connection is open.
        let code = unsafe sqlite3_file_control(database.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &keeps)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    /// Moves what is in the log into the catalogue itself, so that the one file may be copied. A reader at work
    /// puts this off, which is no error.
    func emptyLog() {
        _ = try? queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }
}
