// SPDX-License-Identifier: Apache-2.0
//
// catalogue.sqlite: which segments a store has. A segment exists when its row does.
//
// Reads   and writes the tables below, through GRDB, in WAL mode.
// Leaves  the files (`StoreWriter`), incidents, outbox and notes (their own modules).

internal import Foundation
internal import GRDB
internal import Records

/// A segment that is about to become visible.
struct CatalogueEntry {
    var segment: FinishedSegment
    /// Relative to the store's folder.
    var path: String
}

/// The catalogue, open for reading or for writing.
final class Catalogue: Sendable {
    /// Raised when an older Weir could no longer read the store.
    static let version = 1
    static let fileName = "catalogue.sqlite"

    let path: String
    let queue: DatabaseQueue

    /// Opens a catalogue; a writer makes it where there is none. Seconds of `patience` are how long one writer waits
    /// for another.
    init(folder: String, isReadOnly: Bool, patience: Double = 5) throws(StoreError) {
        path = folder + "/" + Catalogue.fileName
        if isReadOnly && !StoreFile.exists(path) {
            throw StoreError(
                .missing, "there is no store here", path: folder,
                advice: "give the folder that was written with --store")
        }
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.busyMode = .timeout(patience)
        if !isReadOnly {
            configuration.journalMode = .wal
            configuration.prepareDatabase { try Catalogue.keepLog($0) }
        }
        do {
            if !isReadOnly, !StoreFile.exists(path) { try Catalogue.make(folder, path) }
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.read { database in try Catalogue.check(database, path) }
            if !isReadOnly {
                try queue.write { database in
                    try Catalogue.create(database)
                    try Catalogue.addLevel(database)
                }
            }
        } catch {
            throw Catalogue.error(error, path)
        }
    }

    /// Makes a catalogue under a name of this process's own first: one that is there always has its tables, whenever
    /// its maker was killed. Where another process was quicker, its catalogue stays.
    private static func make(_ folder: String, _ path: String) throws {
        let files = FileManager.default
        let own = "\(folder)/.\(fileName).\(ProcessInfo.processInfo.processIdentifier)"
        // The log of a catalogue that was lost would be played into the new one.
        for stale in [path + "-wal", path + "-shm", own, own + "-journal"] { try? files.removeItem(atPath: stale) }
        defer { try? files.removeItem(atPath: own) }
        let queue = try DatabaseQueue(path: own)
        try queue.write { database in
            try create(database)
            try addLevel(database)
        }
        try queue.close()
        // A link, not a renaming: it never takes the place of a catalogue that is there.
        do { try files.linkItem(atPath: own, toPath: path) } catch {
            if !StoreFile.exists(path) { try files.moveItem(atPath: own, toPath: path) }
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try queue.read(body) } catch { throw Catalogue.error(error, path) }
    }

    /// Runs `body` in one transaction.
    func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        do { return try queue.write(body) } catch { throw Catalogue.error(error, path) }
    }

    // MARK: the tables

    private static func check(_ database: Database, _ path: String) throws {
        // Not `tableExists`, which reads the whole schema.
        let isMade = try Bool.fetchOne(
            database, sql: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'")
        guard isMade == true else { return }
        let found = try Int.fetchOne(database, sql: "SELECT value FROM meta WHERE key = 'version'") ?? 0
        guard found <= version else {
            throw StoreError(
                .newer, "the store has version \(found), this weir knows version \(version)", path: path,
                advice: "use the later weir that wrote it, or choose another folder with --store")
        }
    }

    private static func create(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                INSERT OR IGNORE INTO meta VALUES ('version', \(version)), ('next_segment', 1);
                -- What was read: a replay (state 'done'), an interface (state 'live', with the packet
                -- time, in nanoseconds, up to which its rows are here), or another command ('append').
                CREATE TABLE IF NOT EXISTS sources (
                    id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, sensor TEXT NOT NULL,
                    state TEXT NOT NULL, checkpoint INTEGER);
                -- Times in microseconds. State 'live' is visible, 'dead' is about to be removed.
                CREATE TABLE IF NOT EXISTS segments (
                    id INTEGER PRIMARY KEY, log TEXT NOT NULL, path TEXT NOT NULL UNIQUE,
                    rows INTEGER NOT NULL, bytes INTEGER NOT NULL, min_ts INTEGER, max_ts INTEGER,
                    source INTEGER REFERENCES sources(id), state TEXT NOT NULL, fingerprint TEXT NOT NULL);
                CREATE INDEX IF NOT EXISTS segments_by_time ON segments (log, state, min_ts);
                CREATE INDEX IF NOT EXISTS segments_by_source ON segments (source);
                -- Integers (unsigned ones by their bits), reals, or octets of texts.
                CREATE TABLE IF NOT EXISTS bounds (
                    segment INTEGER NOT NULL REFERENCES segments(id) ON DELETE CASCADE, name TEXT NOT NULL,
                    rows INTEGER NOT NULL, nulls INTEGER, min, max, PRIMARY KEY (segment, name)) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS columns (
                    log TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, position INTEGER NOT NULL,
                    PRIMARY KEY (log, name)) WITHOUT ROWID;
                """)
    }

    // MARK: writing

    /// Every path that is visible.
    func livePaths() throws(StoreError) -> Set<String> {
        try read { try Set(String.fetchAll($0, sql: "SELECT path FROM segments WHERE state = 'live'")) }
    }

    func isSourceDone(_ identity: String) throws(StoreError) -> Bool {
        try read {
            try Bool.fetchOne(
                $0, sql: "SELECT 1 FROM sources WHERE identity = ? AND state = 'done'", arguments: [identity]) ?? false
        }
    }

    static func insert(_ entry: CatalogueEntry, _ source: Int64?, level: Int = 0, _ database: Database) throws {
        let segment = entry.segment
        let times = segment.times
        try database.cachedStatement(
            sql: """
                INSERT INTO segments (log, path, rows, bytes, min_ts, max_ts, source, state, fingerprint, level)
                VALUES (?, ?, ?, ?, ?, ?, ?, 'live', ?, ?)
                """
        ).execute(arguments: [
            segment.log, entry.path, segment.rowCount, segment.byteCount, times?.min, times?.max, source,
            segment.fingerprint, level,
        ])
        let id = database.lastInsertedRowID
        let statement = try database.cachedStatement(
            sql: "INSERT INTO bounds (segment, name, rows, nulls, min, max) VALUES (?, ?, ?, ?, ?, ?)")
        let columns = try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO columns (log, name, kind, position) VALUES (?, ?, ?, ?)")
        for (position, column) in segment.columns.enumerated() {
            try columns.execute(arguments: [segment.log, column.name, column.kind.storedName, position])
            guard !column.kind.isList else { continue }
            let bounds = segment.bounds[position]
            let (min, max) = databaseValues(bounds.values)
            try statement.execute(arguments: [id, column.name, bounds.rowCount, bounds.nullCount, min, max])
        }
    }

    private static func databaseValues(_ values: ColumnBounds.Values?) -> (DatabaseValue, DatabaseValue) {
        switch values {
        case .signed(let min, let max): (min.databaseValue, max.databaseValue)
        case .unsigned(let min, let max):
            (Int64(bitPattern: min).databaseValue, Int64(bitPattern: max).databaseValue)
        case .real(let min, let max): (min.databaseValue, max.databaseValue)
        case .text(let min, let max): (Data(min).databaseValue, Data(max).databaseValue)
        case nil: (.null, .null)
        }
    }

    /// What SQLite's refusal means to an operator.
    static func error(_ error: any Error, _ path: String) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else {
            return StoreError(.catalogue, "\(error)", path: path, advice: "see that the disk is in order")
        }
        switch error.resultCode {
        case .SQLITE_FULL: return StoreFile.full(path)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return StoreError(
                .locked, "another program holds the catalogue", path: path,
                advice: "end what works on it (sqlite3, a backup), then try again")
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return StoreError(
                .unreadable, "the catalogue cannot be opened", path: path,
                advice: "see that this user may read and write the store's folder")
        case .SQLITE_NOTADB, .SQLITE_CORRUPT:
            return StoreError(
                .catalogue, "this is not a catalogue, or it is damaged", path: path,
                advice: "restore it from a backup, or choose another folder with --store")
        default:
            return StoreError(
                .catalogue, "the catalogue refused: \(error.message ?? "no reason given")", path: path,
                advice: "see that the disk is in order")
        }
    }
}
