// SPDX-License-Identifier: Apache-2.0
//
// A store, open for questions of Swift code: hunts, incidents, indicators, the shell.
//
//     let store = try StoreQuery(store: folder, schemas: Schemas.logs)
//     let rows = try store.rows(
//         "SELECT id_orig_h, count(*) AS n FROM conn WHERE ts >= :since GROUP BY 1 HAVING n > :least ORDER BY n DESC",
//         ["since": SQLValue(time), "least": 100])
//     while let row = try rows.next() { print(row.text("id_orig_h") ?? "-", row.integer("n") ?? 0) }
//
// Reads   SQL as `weir query` reads it (Docs/sql.md); parameters are `:name`.
// Writes  typed rows; whole answers (`runQuery`); columns page by page for analyses of their own (`scan`).
// Leaves  writing. A `StoreQuery` sees the segments that were visible when it first asked for a log; make a new one
//         to see what came since. Many may read a store while it is written.

package import Records
import Store

/// A store, open for reading. Used by one thread at a time; cheap to make.
package final class StoreQuery {
    let snapshot: Snapshot
    let connection: SQLiteConnection
    let folder: String
    let schemas: [LogSchema]
    /// Analyses that stand where a table does (`FROM beacons()`).
    package var functions: [any TableFunction] = []
    /// Whether filters, aggregates and joins are worked on column by column, on all cores, where they can be.
    package var isVectorised = true
    /// Most octets that one question may read of the store; nil is any number.
    package var limitBytes: Int?

    /// Opens a store.
    ///
    /// - Parameters:
    ///   - folder: the store.
    ///   - schemas: logs that have tables even while the store has no row of them.
    ///   - control: lets another thread cancel, and shows how far a question is.
    /// - Throws: `QueryError` with the code `.store`.
    package init(
        store folder: String, schemas: [LogSchema] = [], control: QueryControl = QueryControl()
    ) throws(QueryError) {
        self.folder = folder
        self.schemas = schemas
        do {
            snapshot = try Snapshot(store: StoreReader.open(folder), schemas: schemas, control: control)
        } catch {
            throw QueryError(error)
        }
        connection = try SQLiteConnection(snapshot)
    }

    /// The tables, in order of their names, each with its columns and their declared types.
    package var tables: [(name: String, columns: [(name: String, type: String)])] {
        snapshot.tables.map { table in
            (table.name, table.columns.map { ($0.name, String($0.declaredType.prefix { $0 != " " })) })
        }
    }

    /// Asks a question.
    ///
    /// - Parameters:
    ///   - statement: one SELECT, with parameters `:name`.
    ///   - values: the parameters' values by their names. They are values and never SQL, whatever they hold.
    /// - Returns: the rows, made as they are asked for.
    /// - Throws: `QueryError`, with the place in the statement where it is about one.
    package func rows(_ statement: String, _ values: [String: SQLValue] = [:]) throws(QueryError) -> QueryRows {
        QueryRows(try prepare(bindParameters(statement, values)))
    }

    /// The first row of an answer, nil where it has none.
    package func first(_ statement: String, _ values: [String: SQLValue] = [:]) throws(QueryError) -> QueryRow? {
        try rows(statement, values).next()
    }

    /// What was read so far.
    package var counters: QueryCounters { snapshot.counters }

    /// Serves rows that stand in memory as one more table, for joins: columns without a declared type.
    ///
    /// Throws `.notAllowed` for a name that another table has.
    package func define(_ table: String, columns: [String], rows: [[SQLValue]]) throws(QueryError) {
        guard !connection.hasTable(table) else {
            throw QueryError(.notAllowed, "there is a table \(table) already", advice: "choose another name")
        }
        _ = connection.serve(MemoryRows(columns: columns, rows: rows), as: table)
    }

    /// A statement, ready to give rows; its heavy part has been worked on.
    func prepare(_ given: String) throws(QueryError) -> PreparedQuestion {
        let text = try expanded(given)
        // SQLite has the word on what is a statement, and on the names and types of its columns.
        let plain = try connection.prepare(text)
        let columns = AnswerColumn.columns(plain)
        if let limitBytes { try ReadPlan(text, self).check(limit: limitBytes) }
        guard isVectorised, let better = try VectorAnswer.prepare(text, connection) else {
            return PreparedQuestion(statement: plain, columns: columns, wasVectorised: false)
        }
        return PreparedQuestion(statement: better, columns: columns, wasVectorised: true)
    }
}

/// A statement that is ready to give rows.
struct PreparedQuestion {
    let statement: SQLiteStatement
    let columns: [AnswerColumn]
    let wasVectorised: Bool
}

/// The rows of an answer, one after the other.
package final class QueryRows {
    package let columns: [String]
    private let names: QueryRow.Names
    private let question: PreparedQuestion
    private var isAtEnd = false

    init(_ question: PreparedQuestion) {
        self.question = question
        columns = question.columns.map(\.name)
        names = QueryRow.Names(question.columns)
    }

    /// Whether the heavy part was worked on column by column.
    package var wasVectorised: Bool { question.wasVectorised }

    /// The next row; nil at the end.
    package func next() throws(QueryError) -> QueryRow? {
        guard !isAtEnd, try question.statement.step() else {
            isAtEnd = true
            return nil
        }
        return QueryRow(names: names, values: columns.indices.map { question.statement.value($0) })
    }

    /// All rows that are left.
    package func all() throws(QueryError) -> [QueryRow] {
        var rows: [QueryRow] = []
        while let row = try next() { rows.append(row) }
        return rows
    }
}

/// One row of an answer. Its cells are asked for by name, or by number from 0; a name that the answer does not have is
/// a mistake of the program.
package struct QueryRow: Sendable {
    /// The columns' names and places; shared by all rows.
    final class Names: Sendable {
        let columns: [AnswerColumn]
        let places: [String: Int]
        init(_ columns: [AnswerColumn]) {
            self.columns = columns
            places = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    let names: Names
    package let values: [SQLValue]

    package subscript(_ column: Int) -> SQLValue { values[column] }
    package subscript(_ column: String) -> SQLValue {
        guard let place = names.places[column] else {
            preconditionFailure("the answer has no column \(column)")
        }
        return values[place]
    }

    /// A text, or a number as text; nil for NULL.
    package func text(_ column: String) -> String? {
        switch self[column] {
        case .null: nil
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let octets), .blob(let octets): String(decoding: octets, as: UTF8.self)
        }
    }

    /// A whole number; a real that is one counts, anything else is nil.
    package func integer(_ column: String) -> Int64? {
        switch self[column] {
        case .integer(let number): number
        case .real(let number): Int64(exactly: number)
        default: nil
        }
    }

    /// A number; nil for anything else.
    package func real(_ column: String) -> Double? {
        switch self[column] {
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }

    /// True for a number that is not 0; nil where there is no number.
    package func boolean(_ column: String) -> Bool? { real(column).map { $0 != 0 } }

    /// A time, down to the microsecond; nil for what is none.
    package func time(_ column: String) -> Timestamp? {
        guard case .text(let octets) = self[column], let microseconds = TimeText.parse(octets) else { return nil }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
    }

    /// Rows that another engine gave, each with a cell for each column.
    package static func rows(columns: [String], _ values: [[SQLValue]]) -> [QueryRow] {
        let names = Names(columns.map { AnswerColumn(name: $0, form: .plain) })
        return values.map { QueryRow(names: names, values: $0) }
    }

    /// The row as one JSON object in UTF-8, without a line's end: what `--format json` writes.
    package var json: [UInt8] { JSONAnswer(names.columns).line(values).dropLast() }
}

/// Rows of `define` and of EXPLAIN.
final class MemoryRows: ComputedRows {
    private let columns: [String]
    private let rows: [[SQLValue]]

    init(columns: [String], rows: [[SQLValue]]) {
        self.columns = columns
        self.rows = rows
    }

    var count: Int { rows.count }
    var declaration: String {
        "CREATE TABLE x(\(columns.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ", ")))"
    }

    func cell(_ row: Int, _ column: Int, _ scratch: inout [UInt8]) -> Cell {
        guard rows[row].indices.contains(column) else { return .null }
        switch rows[row][column] {
        case .null: return .null
        case .integer(let number): return .integer(number)
        case .real(let number): return number.isNaN ? .null : .real(number)
        case .text(let octets), .blob(let octets):
            scratch.append(contentsOf: octets)
            return .text
        }
    }
}
