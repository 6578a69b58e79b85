// SPDX-License-Identifier: Apache-2.0
//
// Which segments were shipped to a lake, and which are to be.
//
// Reads   and writes the catalogue's table of shipments; STORE/.identity.
// Leaves  moving octets (module Lake).
//
// A segment is listed when it is finished: its hour is over, and it was merged or has nothing to be merged with. From
// then on it stays as it is (level 2), so that no row travels twice in two segments.

internal import Foundation
internal import GRDB
internal import Records

/// A segment that is to be shipped.
package struct Shipment: Sendable, Equatable {
    package var log: String
    /// In the store: `conn/date=…/hour=…/north-000017.parquet`.
    package var path: String
    package var rowCount: Int
    package var byteCount: Int
}

package final class ShippingList {
    package enum State: String, Sendable {
        case waiting
        case shipped
        /// Retention took it first.
        case gone
    }

    /// Eight hexadecimal digits that tell this store's segments from those of others.
    package let identity: String
    private let folder: String
    private let lake: String
    private let catalogue: Catalogue

    /// `lake` names the place. Throws as `StoreDatabase` does.
    package init(folder: String, lake: String) throws(StoreError) {
        self.folder = StoreFile.plain(folder)
        self.lake = lake
        guard StoreFile.exists(self.folder + "/" + Catalogue.fileName) else {
            throw StoreError(
                .missing, "there is no store here", path: self.folder,
                advice: "give the folder that was written with --store")
        }
        catalogue = try Catalogue(folder: self.folder, isReadOnly: false, patience: StoreDatabase.patience)
        identity = try ShippingList.identity(self.folder)
        try catalogue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS shipments (
                        lake TEXT NOT NULL, path TEXT NOT NULL, log TEXT NOT NULL, rows INTEGER NOT NULL,
                        bytes INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (lake, path)) WITHOUT ROWID
                    """)
        }
    }

    /// A file beside the catalogue: it outlives one that is made anew.
    private static func identity(_ folder: String) throws(StoreError) -> String {
        let path = folder + "/.identity"
        if let text = try? String(contentsOfFile: path, encoding: .utf8), text.utf8.count >= 8 {
            return String(text.prefix(8))
        }
        let identity = String(UInt64.random(in: .min ... .max).hexadecimal.prefix(8))
        let temporary = "\(path).\(getpid())"
        let file = try OutputFile(path: temporary, replacing: true)
        try file.write(Array("\(identity)\n".utf8))
        file.close()
        try StoreFile.rename(temporary, to: path)
        return identity
    }

    /// Lists what is finished now. Where no sensor writes the store, its segments are merged first, and all are
    /// finished.
    package func claim() throws(StoreError) {
        var isWritten = false
        do {
            let writer = try StoreWriter(folder: folder)
            _ = try writer.mergeNow()
        } catch {
            guard error.code == .locked else { throw error }
            isWritten = true
        }
        let checkpoint = isWritten ? try catalogue.checkpoint() : nil
        let open = checkpoint.map { StoreWriter.folderName(Timestamp(nanoseconds: $0)) }
        try catalogue.write { database in
            let segments = try Catalogue.storedSegments(database)
            // How many could still be merged with one another.
            var alike: [String: Int] = [:]
            func key(_ segment: StoredSegment) -> String {
                "\(segment.log) \(segment.folder) \(segment.source ?? 0) \(segment.fingerprint)"
            }
            for segment in segments where segment.level < 2 { alike[key(segment), default: 0] += 1 }
            for segment in segments {
                let isOpen = open.map { segment.folder >= $0 } ?? false
                let isFinished = segment.level >= 2 || !isOpen && (!isWritten || alike[key(segment)] == 1)
                guard isFinished else { continue }
                try database.execute(
                    sql: "INSERT OR IGNORE INTO shipments VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        lake, segment.path, segment.log, segment.rowCount, segment.byteCount, State.waiting.rawValue,
                    ])
                if segment.level < 2 {
                    try database.execute(sql: "UPDATE segments SET level = 2 WHERE id = ?", arguments: [segment.id])
                }
            }
        }
    }

    /// What is listed and not shipped, in order of paths.
    package func waiting() throws(StoreError) -> [Shipment] {
        try catalogue.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM shipments WHERE lake = ? AND state = 'waiting' ORDER BY path",
                arguments: [lake]
            ).map { Shipment(log: $0["log"], path: $0["path"], rowCount: $0["rows"], byteCount: $0["bytes"]) }
        }
    }

    package func shippedCount() throws(StoreError) -> Int {
        try catalogue.read { database in
            try Int.fetchOne(
                database, sql: "SELECT count(*) FROM shipments WHERE lake = ? AND state = 'shipped'", arguments: [lake])
                ?? 0
        }
    }

    /// Where a segment's file stands; nil where it is gone.
    package func file(of shipment: Shipment) -> String? {
        let place = SegmentReader.place("\(folder)/\(shipment.path)")
        return StoreFile.exists(place) ? place : nil
    }

    package func mark(_ shipment: Shipment, _ state: State) throws(StoreError) {
        try catalogue.write { database in
            try database.execute(
                sql: "UPDATE shipments SET state = ? WHERE lake = ? AND path = ?",
                arguments: [state.rawValue, lake, shipment.path])
        }
    }
}
