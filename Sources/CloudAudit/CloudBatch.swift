// SPDX-License-Identifier: Apache-2.0
//
// What waits to become visible in one transaction.
//
// Reads   records and damaged stretches.
// Writes  rows, and what the catalogue says of them.
// Leaves  when to write (CloudIngest.swift).

import Crypto
import Foundation
import GRDB
import Records

struct CloudBatch {
    static let schema = CloudAuditRecord.makeSchema()

    private(set) var rows = RowBatch(schema)
    private var keys: [CloudKey] = []
    /// Of each row the day of its event, which keeps identities of one time together.
    private var days: [Int64] = []
    private var inBatch: Set<CloudKey> = []
    private(set) var alerts: [(row: Int, alert: AlertRecord)] = []
    private var quarantined: [QuarantinedRecord] = []
    private var checkpoints: [String: CloudCheckpoint] = [:]
    /// How often the same damaged octets came in the file that is read.
    private var ordinals: [[UInt8]: Int64] = [:]
    /// Where an unfinished record begins in the file that is read.
    private(set) var unfinishedOffset: Int?
    private(set) var now = CloudBatch.clock()

    private static func clock() -> Timestamp {
        Timestamp(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e6) * 1000)
    }

    var isEmpty: Bool { rows.isEmpty && quarantined.isEmpty && checkpoints.isEmpty }
    var isFull: Bool {
        rows.count >= CloudLimits.batchRowsMax || rows.byteCount >= CloudLimits.batchBytesMax
            || quarantined.count >= CloudLimits.batchRowsMax || checkpoints.count >= CloudLimits.batchRowsMax
    }
    private var today: Int64 { now.nanoseconds / 86_400_000_000_000 }

    mutating func begin(_ path: String) {
        ordinals.removeAll(keepingCapacity: true)
        unfinishedOffset = nil
    }

    mutating func keep(_ path: String, _ checkpoint: CloudCheckpoint) { checkpoints[path] = checkpoint }

    /// Adds a row; false where the batch holds the record already.
    mutating func append(_ record: borrowing CloudAuditRecord, _ key: CloudKey, _ alerts: [AlertRecord]) -> Bool {
        guard inBatch.insert(key).inserted else { return false }
        let row = rows.count
        rows.append(record, order: 0, ordinal: 0)
        keys.append(key)
        days.append(record.ts == now ? 0 : record.ts.nanoseconds / 86_400_000_000_000)
        for alert in alerts { self.alerts.append((row, alert)) }
        return true
    }

    mutating func quarantine(_ stretch: DamagedStretch, _ path: String) {
        // What separates records is no part of the damage: elsewhere the same record may stand last in its array.
        var end = stretch.octets.count
        while end > 0, [0x20, 0x09, 0x0A, 0x0D, 0x2C, 0x5D, 0x7D].contains(stretch.octets[end - 1]) { end -= 1 }
        var digest = [UInt8](SHA256.hash(data: stretch.octets[..<end]).prefix(16))
        if stretch.isUnfinished {
            digest = [UInt8](SHA256.hash(data: Array("unfinished \(path)".utf8)).prefix(16))
            unfinishedOffset = stretch.offset
        }
        let ordinal = ordinals[digest, default: 0]
        if ordinals.count < CloudLimits.batchRowsMax { ordinals[digest] = ordinal + 1 }
        quarantined.append(
            QuarantinedRecord(
                file: path, offset: Int64(stretch.offset), length: Int64(stretch.length), reason: stretch.reason,
                excerpt: Array(stretch.octets.prefix(CloudLimits.excerptBytesMax)), found: now.nanoseconds / 1000,
                digest: digest, ordinal: ordinal, isUnfinished: stretch.isUnfinished))
    }

    /// Identities of one statement: as literals, which are quicker to bind than arguments, and bounded in length.
    private static let literalsMax = 256

    /// The rows in the order of the table's key, cut into statements of one day each.
    private func groups(_ isLeftOut: (Int) -> Bool) -> [[Int]] {
        let order = keys.indices.filter { !isLeftOut($0) }
            .sorted { (days[$0], Int64(bitPattern: keys[$0].high)) < (days[$1], Int64(bitPattern: keys[$1].high)) }
        var groups: [[Int]] = []
        for row in order {
            if let first = groups.last?.first, days[first] == days[row],
                groups[groups.count - 1].count < CloudBatch.literalsMax
            {
                groups[groups.count - 1].append(row)
            } else {
                groups.append([row])
            }
        }
        return groups
    }

    /// Of each row whether the store has it.
    func known(_ database: Database) throws -> [Bool] {
        var isKnown = [Bool](repeating: false, count: keys.count)
        for rows in groups({ _ in false }) {
            let highs = rows.map { "\(Int64(bitPattern: keys[$0].high))" }.joined(separator: ",")
            var found: Set<CloudKey> = []
            let cursor = try Row.fetchCursor(
                database, sql: "SELECT high, low FROM cloud_seen WHERE day = \(days[rows[0]]) AND high IN (\(highs))")
            while let row = try cursor.next() {
                let (high, low): (Int64, Int64) = (row[0], row[1])
                found.insert(CloudKey(high: UInt64(bitPattern: high), low: UInt64(bitPattern: low)))
            }
            guard !found.isEmpty else { continue }
            for row in rows where found.contains(keys[row]) { isKnown[row] = true }
        }
        return isKnown
    }

    /// What the catalogue must say once the rows are there.
    func write(_ database: Database, _ isKnown: [Bool]) throws {
        for rows in groups({ isKnown[$0] }) {
            let values = rows.map { row in
                let (high, low) = (Int64(bitPattern: keys[row].high), Int64(bitPattern: keys[row].low))
                return "(\(days[row]),\(high),\(low),\(today))"
            }
            try database.execute(sql: "INSERT INTO cloud_seen VALUES " + values.joined(separator: ","))
        }
        for (path, checkpoint) in checkpoints.sorted(by: { $0.key < $1.key }) {
            try CloudTables.forgetUnfinished(path, database)
            try CloudTables.keep(checkpoint, path, day: today, database)
        }
        for record in quarantined { try CloudTables.keep(record, database) }
        let last = try Int64.fetchOne(database, sql: "SELECT max(read_day) FROM cloud_file WHERE read_day < ?",
            arguments: [today])
        if let last, today - last >= 1 { try CloudTables.prune(today: today, database) }
    }

    mutating func clear() {
        rows.clear()
        keys.removeAll(keepingCapacity: true)
        days.removeAll(keepingCapacity: true)
        inBatch.removeAll(keepingCapacity: true)
        alerts.removeAll()
        quarantined.removeAll()
        checkpoints.removeAll()
        now = CloudBatch.clock()
    }
}
