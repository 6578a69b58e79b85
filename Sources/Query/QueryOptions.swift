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
    /// Values of its parameters `:name`.
    package var values: [String: SQLValue] = [:]
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
    /// Most octets of the store that the question may read; nil is any number.
    package var limitBytes: Int?
    /// Characters of the widest column of a table; longer values end in `…`.
    package var columnWidthMax = 60

    /// Analyses that stand where a table does.
    package var functions: [any TableFunction] = []

    package init(store: String, statement: String) {
        self.store = store
        self.statement = statement
    }
}

extension QueryOptions {
    /// Octets of a size as people write it: `500MB`, `2 GB`, `1000000`; powers of 1000. Nil for anything else.
    package static func byteCount(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).uppercased().filter { $0 != " " }
        let units = ["": 1.0, "B": 1, "KB": 1e3, "K": 1e3, "MB": 1e6, "M": 1e6, "GB": 1e9, "G": 1e9, "TB": 1e12]
        guard let number = Double(digits), let scale = units[unit], number * scale < 1e18 else { return nil }
        return Int(number * scale)
    }
}

/// What came of a question.
package struct QueryOutcome: Sendable {
    package var rowCount = 0
    /// Whether the heavy part was worked on column by column.
    package var wasVectorised = false
    package var counters = QueryCounters()
}

/// Answers a question: opens the store, asks, writes the answer.
///
/// Throws `QueryError`: its description is one line for the operator.
package func runQuery(
    _ options: QueryOptions, control: QueryControl = QueryControl()
) throws(QueryError) -> QueryOutcome {
    let store = try StoreQuery(store: options.store, schemas: options.schemas, control: control)
    store.isVectorised = options.isVectorised
    store.limitBytes = options.limitBytes
    store.functions = options.functions
    return try store.run(options)
}

extension StoreQuery {
    /// Answers a question of an open store; `options.store` does not matter.
    package func run(_ options: QueryOptions) throws(QueryError) -> QueryOutcome {
        let text = try bindParameters(options.statement, options.values)
        let before = snapshot.counters
        var outcome = QueryOutcome()
        let question = try question(text)
        outcome.wasVectorised = question.wasVectorised
        if options.format == .parquet {
            outcome.rowCount = try ParquetAnswer(question.columns).write(question.statement, options)
        } else {
            let sink = try AnswerSink(options, snapshot.control)
            outcome.rowCount = try writeRows(question.statement, question.columns, options, to: sink)
            try sink.finish()
        }
        outcome.counters = snapshot.counters.since(before)
        return outcome
    }

    private func question(_ text: String) throws(QueryError) -> PreparedQuestion {
        guard let inner = ReadPlan.explained(text) else { return try prepare(text) }
        return try explain(inner)
    }
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
