// SPDX-License-Identifier: Apache-2.0
//
// `weir query`: one question, one answer.
//
// Reads   a store, a statement.
// Writes  the answer as a table, JSON lines, CSV or Parquet.
// Leaves  the command line.

package import Records
import Foundation
import Store

/// The form of an answer.
package enum QueryFormat: String, Sendable, CaseIterable {
    /// Aligned columns for eyes.
    case table
    /// One JSON object a line.
    case json
    /// Comma-separated values (RFC 4180) under a line of names.
    case csv
    /// A Parquet file.
    case parquet
}

/// What `weir query` was asked.
package struct QueryOptions: Sendable {
    /// Folder of the store.
    package var store: String
    /// One SQL statement.
    package var statement: String
    package var format = QueryFormat.table
    /// Where the answer goes; nil is standard output.
    package var outputPath: String?
    /// Logs that have tables even while the store has no row of them.
    package var schemas: [LogSchema] = []
    /// Whether a person looks on: colour and a pager. Nil: whether standard output is a terminal.
    package var isTerminal: Bool?
    /// Whether a table on a terminal goes through `$PAGER` (or `less`).
    package var usesPager = true
    /// Whether filters and aggregates are worked on column by column, on all cores, where they can be.
    package var isVectorised = true
    /// Characters of the widest column of a table; longer values end in `…`.
    package var columnWidthMax = 60

    package init(store: String, statement: String) {
        self.store = store
        self.statement = statement
    }
}

/// What came of a question.
package struct QueryOutcome: Sendable {
    package var rowCount = 0
    /// Whether the heavy part was worked on column by column.
    package var wasVectorised = false
    package var counters = QueryCounters()
}

/// Answers a question.
///
/// Throws `QueryError`: its description is one line for the operator.
package func runQuery(_ options: QueryOptions) throws(QueryError) -> QueryOutcome {
    let snapshot: Snapshot
    do {
        snapshot = try Snapshot(store: StoreReader.open(options.store), schemas: options.schemas)
    } catch {
        throw QueryError(error)
    }
    let connection = try SQLiteConnection(snapshot)
    var outcome = QueryOutcome()
    // SQLite has the word on what is a statement, and on the names and types of its columns.
    var statement = try connection.prepare(options.statement)
    let columns = AnswerColumn.columns(statement)
    if options.isVectorised, let better = try VectorAnswer.prepare(options.statement, connection) {
        statement = better
        outcome.wasVectorised = true
    }
    if options.format == .parquet {
        outcome.rowCount = try ParquetAnswer(columns).write(statement, options)
    } else {
        let sink = try AnswerSink(options)
        outcome.rowCount = try writeRows(statement, columns, options, to: sink)
        try sink.finish()
    }
    outcome.counters = snapshot.counters
    return outcome
}

private func writeRows(
    _ statement: SQLiteStatement, _ columns: [AnswerColumn], _ options: QueryOptions, to sink: AnswerSink
) throws(QueryError) -> Int {
    switch options.format {
    case .csv:
        return try CSVAnswer(columns).write(statement, to: sink)
    case .json:
        return try JSONAnswer(columns).write(statement, to: sink)
    case .table, .parquet:
        let table = TableAnswer(columns, widthMax: options.columnWidthMax, isColoured: sink.isTerminal)
        return try table.write(statement, to: sink)
    }
}

/// What is known about a column of an answer.
struct AnswerColumn: Sendable, Equatable {
    enum Form: Sendable, Equatable {
        case plain
        /// 0 and 1 are shown as false and true.
        case boolean
        /// Text that is JSON already.
        case json
        case time
        case number
    }

    let name: String
    let form: Form

    /// Names that come twice get a number, so that every form of answer can tell them apart.
    static func columns(_ statement: SQLiteStatement) -> [AnswerColumn] {
        var seen: [String: Int] = [:]
        return zip(statement.columnNames, statement.declaredTypes).map { name, type in
            seen[name, default: 0] += 1
            let count = seen[name] ?? 1
            return AnswerColumn(name: count == 1 ? name : "\(name)_\(count)", form: form(type ?? ""))
        }
    }

    private static func form(_ type: String) -> Form {
        switch type {
        case "BOOLEAN": .boolean
        case "INTEGER", "REAL": .number
        case _ where type.hasPrefix("JSON"): .json
        case _ where type.hasPrefix("TIMESTAMP"): .time
        default: .plain
        }
    }
}
