// SPDX-License-Identifier: Apache-2.0
//
// The vectorised path: the heavy part of a statement column by column, the rest by SQLite.
//
// Reads   a statement that SQLite has accepted.
// Writes  groups, or the places of rows, and the statement that asks them.
// Leaves  statements that it does not understand, and those where it meets what only SQLite does as SQLite does.

import Foundation
import Records
import Store
import Synchronization

enum VectorAnswer {
    /// The statement that answers `text`, with its work done; nil where SQLite is to do it all.
    static func prepare(_ text: String, _ connection: SQLiteConnection) throws(QueryError) -> SQLiteStatement? {
        guard let plan = VectorPlan.make(text, connection.snapshot.tables) else { return nil }
        do throws(VectorFailure) {
            switch plan {
            case .groups(let statement):
                connection.serve(GroupRows(try aggregate(statement, connection.snapshot)))
                return try? connection.prepare(statement.rest)
            case .rows(let statement):
                connection.restrict(statement.table, to: try find(statement, connection.snapshot))
                return try? connection.prepare(text)
            }
        } catch {
            connection.restrictNothing()
            guard case .store(let error) = error else { return nil }
            throw QueryError(error)
        }
    }

    private static func aggregate(
        _ statement: GroupStatement, _ snapshot: Snapshot
    ) throws(VectorFailure) -> Aggregation {
        let scan = try makeScan(snapshot, statement.table, statement.filter)
        let count = scan.workerCount
        let shares = (0..<count).map { _ in GroupShare(statement.plan) }
        snapshot.counters.rows += try scan.run(workers: count, isCancelled: { false }) {
            (worker, _, page, rows) throws(VectorFailure) in
            try shares[worker].add(rows, page)
        }
        var all = shares[0].groups
        for share in shares.dropFirst() { try all.merge(share.groups) }
        return all
    }

    private static func makeScan(
        _ snapshot: Snapshot, _ table: QueryTable, _ filter: RowFilter
    ) throws(VectorFailure) -> VectorScan {
        do { return try VectorScan(snapshot, table, filter) } catch { throw .store(error) }
    }

    private static func find(_ statement: RowStatement, _ snapshot: Snapshot) throws(VectorFailure) -> [FoundPage] {
        let scan = try makeScan(snapshot, statement.table, statement.filter)
        let count = scan.workerCount
        let kind = statement.table.columns[statement.top?.column ?? 0].kind
        let shares = (0..<count).map { _ in FoundShare(statement.top, kind: kind) }
        // They are counted when SQLite asks for them.
        _ = try scan.run(workers: count, isCancelled: { false }) { (worker, unit, page, rows) throws(VectorFailure) in
            try shares[worker].add(unit, page, rows)
        }
        return FoundShare.joined(shares, scan)
    }
}

/// One worker's groups. The worker is alone with them while the scan runs.
private final class GroupShare: Sendable {
    private let aggregation: Mutex<Aggregation>

    init(_ plan: AggregationPlan) { aggregation = Mutex(Aggregation(plan)) }

    func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        try aggregation.withLock { (own) throws(VectorFailure) in try own.add(rows, page) }
    }

    var groups: Aggregation { aggregation.withLock { $0 } }
}
