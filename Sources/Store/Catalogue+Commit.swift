// SPDX-License-Identifier: Apache-2.0
//
// The moment in which segments become visible: one transaction of the catalogue.
//
// Reads   finished segments in their owner's folder.
// Writes  the catalogue; gives the files their places and names.
// Leaves  writing them (`OpenSegments`), taking away what is dead (`Merger.settle`).
//
// Octets are on the disk first. Inside the transaction, which one process holds at a time, numbers are given and
// the files go to their folders under hidden names; after it they get their names. Whoever reads through the
// catalogue finds a visible segment under either (`SegmentReader.open`). A crash before the end of the transaction
// leaves hidden files that nobody knows of, one after it a visible segment that `settle` names. Other engines, which
// read the folders, never see a row that was not committed.

internal import GRDB
internal import Records

/// Segments that are to become visible together.
struct Arrivals {
    /// One segment and where it goes: `date=…/hour=…`, and the ordinal of its flush; segments of one flush share a
    /// number.
    struct Item {
        var segment: FinishedSegment
        var folder: String
        var flush: Int
    }

    enum Kind: String {
        /// A replay, whose earlier segments go.
        case replay = "done"
        /// An interface.
        case live
        /// Rows that another command adds.
        case append
        /// A catalogue that was made anew.
        case repair
    }

    var items: [Item] = []
    var kind: Kind
    var identity: String
    /// As the footer has it.
    var sensor: String
    /// Packet time up to which the rows of an interface are here.
    var checkpoint: Timestamp?
}

extension Catalogue {
    /// Makes segments visible, all together. `also` runs inside the transaction. Where anything fails nothing of it is
    /// visible and the files are gone.
    func commit(
        _ arrivals: Arrivals, in folder: String, also: (Database) throws -> Void = { _ in }
    ) throws(StoreError) {
        if !arrivals.items.isEmpty { try StoreFile.syncAll(folder) }
        var paths: [String] = []
        var gone: [String] = []
        do {
            try write { database in
                let source = try Catalogue.source(of: arrivals, database)
                if arrivals.kind == .replay {
                    gone = try String.fetchAll(
                        database, sql: "SELECT path FROM segments WHERE source = ? AND state = 'live'",
                        arguments: [source])
                    try database.execute(
                        sql: "UPDATE segments SET state = 'dead' WHERE source = ? AND state = 'live'",
                        arguments: [source])
                }
                try place(arrivals, source, folder, &paths, database)
                try also(database)
            }
        } catch {
            for path in paths { StoreFile.remove("\(folder)/\(Merger.hiddenPath(path))") }
            for item in arrivals.items { StoreFile.remove(item.segment.temporaryPath) }
            throw error
        }
        for path in paths { Merger.giveName(path, folder) }
        for path in gone { StoreFile.remove("\(folder)/\(path)") }
        try forgetDead(gone)
    }

    static func source(of arrivals: Arrivals, _ database: Database) throws -> Int64? {
        try database.execute(
            sql: """
                INSERT INTO sources (identity, sensor, state, checkpoint) VALUES (?, ?, ?, ?)
                ON CONFLICT (identity) DO UPDATE SET checkpoint = excluded.checkpoint, state = excluded.state
                """,
            arguments: [
                arrivals.identity, arrivals.sensor, arrivals.kind.rawValue, arrivals.checkpoint?.nanoseconds,
            ])
        return try Int64.fetchOne(
            database, sql: "SELECT id FROM sources WHERE identity = ?", arguments: [arrivals.identity])
    }

    /// Numbers the segments and moves them to their folders, under hidden names.
    private func place(
        _ arrivals: Arrivals, _ source: Int64?, _ folder: String, _ paths: inout [String], _ database: Database
    ) throws {
        guard let last = arrivals.items.map(\.flush).max() else { return }
        let next = try Int.fetchOne(database, sql: "SELECT value FROM meta WHERE key = 'next_segment'") ?? 1
        let sensor = StoreWriter.fileName(arrivals.sensor)
        var folders = Set<String>()
        for item in arrivals.items {
            let name = "\(sensor)-\(StoreWriter.digits(Int64(next + item.flush), 6)).parquet"
            let path = "\(item.segment.log)/\(item.folder)/\(name)"
            let place = "\(folder)/\(item.segment.log)/\(item.folder)"
            if folders.insert(place).inserted { try StoreFile.makeFolder(place) }
            try StoreFile.rename(item.segment.temporaryPath, to: "\(folder)/\(Merger.hiddenPath(path))")
            paths.append(path)
            try Catalogue.insert(CatalogueEntry(segment: item.segment, path: path), source, database)
        }
        for place in folders { try StoreFile.syncFolder(place) }
        try database.execute(
            sql: "UPDATE meta SET value = ? WHERE key = 'next_segment'", arguments: [next + last + 1])
    }
}
