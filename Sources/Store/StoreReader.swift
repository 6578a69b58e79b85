// SPDX-License-Identifier: Apache-2.0
//
// What a store holds: its logs and their visible segments, out of the catalogue.
//
// Reads   catalogue.sqlite; any number of readers beside one writer.
// Writes  nothing.
// Leaves  the segments' contents (`SegmentReader`).

internal import Foundation
internal import GRDB
package import Records

/// A visible segment, as the catalogue knows it.
package struct SegmentInfo: Sendable {
    package let id: Int64
    package let log: String
    /// Absolute, or relative to the working folder where the store's path was.
    package let path: String
    package let rowCount: Int
    package let byteCount: Int
    /// Smallest and greatest `ts`; nil where no row has one.
    package let times: ClosedRange<Timestamp>?
    package let fingerprint: String
    /// Bounds over the segment for columns that prune, by name in SQL; lists have none.
    package internal(set) var bounds: [String: ColumnBounds] = [:]
}

/// A store, open for reading.
package final class StoreReader: Sendable {
    let folder: String
    let catalogue: Catalogue

    private init(folder: String, catalogue: Catalogue) {
        self.folder = folder
        self.catalogue = catalogue
    }

    /// Throws `.missing`, `.newer`, `.unreadable`, `.catalogue`.
    package static func open(_ folder: String) throws(StoreError) -> StoreReader {
        let folder = StoreFile.plain(folder)
        return StoreReader(folder: folder, catalogue: try Catalogue(folder: folder, isReadOnly: true))
    }

    /// The logs that have visible segments, in order of their names.
    package func logs() throws(StoreError) -> [String] {
        try catalogue.read {
            try String.fetchAll($0, sql: "SELECT DISTINCT log FROM segments WHERE state = 'live' ORDER BY log")
        }
    }

    /// The columns of every log that has visible segments, as `columns(log:)` gives them.
    package func columns() throws(StoreError) -> [String: [SegmentColumn]] {
        try catalogue.read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT log, name, kind FROM columns
                    WHERE log IN (SELECT log FROM segments WHERE state = 'live') ORDER BY log, position, name
                    """)
            var columns: [String: [SegmentColumn]] = [:]
            while let row = try rows.next() {
                guard let kind = ColumnKind(storedName: row[2]) else { continue }
                columns[row[0], default: []].append(SegmentColumn(name: row[1], kind: kind))
            }
            return columns
        }
    }

    /// The columns of a log: those of all its segments together, in stored order.
    package func columns(log: String) throws(StoreError) -> [SegmentColumn] {
        try catalogue.read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT name, kind FROM columns WHERE log = ? ORDER BY position, name", arguments: [log])
            return rows.compactMap { row in
                ColumnKind(storedName: row["kind"]).map { SegmentColumn(name: row["name"], kind: $0) }
            }
        }
    }

    /// The visible segments with a row whose `ts` may lie in the range (both ends included, nil is open), oldest
    /// first. Segments in which no row has a `ts` are among them only when both ends are open. `bounds` names
    /// the columns whose bounds are wanted; nil is all.
    package func segments(
        log: String, since: Timestamp? = nil, until: Timestamp? = nil, bounds: [String]? = nil
    ) throws(StoreError) -> [SegmentInfo] {
        let columns = try columns(log: log)
        return try catalogue.read { database in
            var condition = "log = ? AND state = 'live'"
            var arguments: StatementArguments = [log]
            if let since {
                condition += " AND max_ts >= ?"
                arguments += [StoreReader.microseconds(since)]
            }
            if let until {
                condition += " AND min_ts <= ?"
                arguments += [StoreReader.microseconds(until)]
            }
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM segments WHERE \(condition) ORDER BY min_ts, id", arguments: arguments)
            var segments = rows.map(info)
            let places = Dictionary(uniqueKeysWithValues: segments.enumerated().map { ($1.id, $0) })
            let wanted = columns.filter { !$0.kind.isList && bounds?.contains($0.name) ?? true }
            guard !wanted.isEmpty else { return segments }
            let kinds = Dictionary(uniqueKeysWithValues: wanted.map { ($0.name, $0.kind) })
            let names = wanted.map { _ in "?" }.joined(separator: ", ")
            let found = try Row.fetchCursor(
                database,
                sql: """
                    SELECT segment, name, rows, nulls, min, max FROM bounds
                    WHERE segment IN (SELECT id FROM segments WHERE \(condition)) AND name IN (\(names))
                    """, arguments: arguments + StatementArguments(wanted.map(\.name)))
            while let row = try found.next() {
                let name: String = row[1]
                guard let place = places[row[0]], let kind = kinds[name] else { continue }
                segments[place].bounds[name] = StoreReader.bounds(row, kind)
            }
            return segments
        }
    }

    /// Every visible segment of every log, without bounds, in order of log and number.
    func visibleSegments() throws(StoreError) -> [SegmentInfo] {
        try catalogue.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM segments WHERE state = 'live' ORDER BY log, id").map(info)
        }
    }

    /// What SQLite's own check of the catalogue finds; nothing where it is whole.
    func integrity() throws(StoreError) -> [String] {
        try catalogue.read { try String.fetchAll($0, sql: "PRAGMA integrity_check(20)") }.filter { $0 != "ok" }
    }

    private func info(_ row: Row) -> SegmentInfo {
        var times: ClosedRange<Timestamp>?
        if let min: Int64 = row["min_ts"], let max: Int64 = row["max_ts"], min <= max {
            // Microseconds hold every nanosecond up to the next.
            times =
                Timestamp(nanoseconds: min.multipliedReportingOverflow(by: 1000).partialValue)
                ... Timestamp(nanoseconds: max.multipliedReportingOverflow(by: 1000).partialValue).adding(999)
        }
        return SegmentInfo(
            id: row["id"], log: row["log"], path: "\(folder)/\(row["path"] as String)", rowCount: row["rows"],
            byteCount: row["bytes"], times: times, fingerprint: row["fingerprint"])
    }

    private static func bounds(_ row: Row, _ kind: ColumnKind) -> ColumnBounds {
        var bounds = ColumnBounds(values: nil, nullCount: row[3], rowCount: row[2])
        switch kind.elementKind {
        case _ where kind.isStoredAsText:
            if let min: Data = row[4], let max: Data = row[5] {
                bounds.values = .text(min: Array(min), max: Array(max))
            }
        case .real:
            if let min: Double = row[4], let max: Double = row[5] { bounds.values = .real(min: min, max: max) }
        case .count, .port, .boolean:
            if let min: Int64 = row[4], let max: Int64 = row[5] {
                bounds.values = .unsigned(min: UInt64(bitPattern: min), max: UInt64(bitPattern: max))
            }
        default:
            if let min: Int64 = row[4], let max: Int64 = row[5] { bounds.values = .signed(min: min, max: max) }
        }
        return bounds
    }

    private static func microseconds(_ time: Timestamp) -> Int64 { time.nanoseconds / 1000 }
}
