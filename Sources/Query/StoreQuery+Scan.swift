// SPDX-License-Identifier: Apache-2.0
//
// Columns of a log, page by page and on all cores, for analyses that are not SQL.
//
//     let shares = (0..<StoreQuery.workersMax).map { _ in Mutex(Pairs()) }
//     try store.scan("conn", columns: ["id_orig_h", "id_resp_h", "ts"], where: "proto = 'tcp'") { page in
//         shares[page.worker].withLock { $0.add(page) }
//     }
//
// Reads   segments, as a SELECT with the same WHERE would.
// Writes  nothing: what is made of the pages is the caller's.

import Foundation
import Records
package import Store
import Synchronization

/// Some rows of a log, and the columns that were asked for.
package struct ColumnPage {
    /// The worker's number, below `StoreQuery.workersMax`; its pages come one after the other.
    package let worker: Int
    /// The rows that the condition takes, ascending: places in the columns.
    package let rows: [UInt32]
    /// In the order in which they were asked for; nil where these rows are older than the column, and so unset.
    package let columns: [ColumnVector?]
    /// The same for pages whose texts have the same places in the same dictionaries (`isDictionary`): what was found
    /// out of a text of one page holds for the others.
    package let dictionary: Int
}

extension StoreQuery {
    /// Workers at most.
    package static var workersMax: Int { ScanCores.count }

    /// Hands out the columns of every row of a log that a condition takes. Pages come in no order.
    ///
    /// - Parameters:
    ///   - table: a log.
    ///   - columns: names in SQL, such as `id_orig_h`; lists are among them.
    ///   - condition: what stands behind WHERE, with parameters `:name`; nil takes all rows. Only what the vectorised
    ///     path knows (Docs/sql.md).
    ///   - body: runs on several threads.
    /// - Returns: the number of rows.
    /// - Throws: `QueryError`.
    package func scan(
        _ table: String, columns: [String], where condition: String? = nil, _ values: [String: SQLValue] = [:],
        _ body: @Sendable (ColumnPage) -> Void
    ) throws(QueryError) -> Int {
        let text = try bindParameters(
            "SELECT 1 FROM \(table)" + (condition.map { " WHERE (\($0))" } ?? ""), values)
        // SQLite says what is wrong with it.
        _ = try connection.prepare(text)
        guard let known = snapshot.tables.first(where: { $0.name == table }), known.list == nil,
            let tokens = SQLTokens.read(text)
        else {
            throw QueryError(.notAllowed, "\(table) is no log", advice: "name the table of a log")
        }
        var stopped = 0
        var filter: RowFilter? = .all
        if condition != nil {
            let select = SQLParser.parse(tokens, at: 0, stopped: &stopped)?.select
            filter = select?.filter.flatMap { RowFilter.make($0, ColumnNames(known, select?.table)) }
        }
        guard let filter else {
            throw QueryError(
                .notAllowed, "the condition cannot be worked on column by column: \(condition ?? "")",
                advice: "compare columns with values")
        }
        var places: [Int] = []
        for name in columns {
            guard let place = known.columns.firstIndex(where: { $0.name == name }) else {
                throw QueryError(.unknownColumn, "no such column: \(name)", advice: "`weir schema \(table)` lists them")
            }
            places.append(place)
        }
        return try scan(known, filter, places, body)
    }

    private func scan(
        _ table: QueryTable, _ filter: RowFilter, _ places: [Int], _ body: @Sendable (ColumnPage) -> Void
    ) throws(QueryError) -> Int {
        do throws(VectorFailure) {
            let scan = try VectorScan(snapshot, table, filter)
            let count = try scan.run(workers: scan.workerCount, snapshot.control) {
                (worker, _, page, rows) throws(VectorFailure) in
                var vectors: [ColumnVector?] = []
                for place in places { vectors.append(try page.vector(place)) }
                body(ColumnPage(worker: worker, rows: rows, columns: vectors, dictionary: page.identity))
            }
            snapshot.counters.rows += count
            return count
        } catch {
            switch error {
            case .store(let error): throw QueryError(error)
            case .cancelled: throw .cancelled
            case .notOurs:
                throw QueryError(
                    .value, "the condition has a number beyond 64 bits", advice: "compare columns with values")
            }
        }
    }
}
