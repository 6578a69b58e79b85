// SPDX-License-Identifier: Apache-2.0
//
// The tables of a store as SQL sees them.
//
// A log is a table of its name. Its columns in SQL:
//
//     time                TEXT, `2026-11-22 13:00:05.250000` (UTC), compared as a time however it is written
//     interval            REAL, seconds
//     count, int, port    INTEGER (a count beyond 2^63 is REAL)
//     double              REAL
//     bool                BOOLEAN: 0 and 1 (`WHERE AA`, `= true`); an answer shows false and true
//     addr, string, enum  TEXT
//     sets and vectors    TEXT that is a JSON array
//
// Each list column has a table of its own with one row for each element, with when and who in front of it:
// `LOG_COLUMN(ts, uid, id_orig_h, id_orig_p, id_resp_h, id_resp_p, value)`; the answers of DNS have their lifetimes
// beside them and the question in front, `dns_answers(ts, …, query, answer, ttl)`. Unset is NULL.

package import Records
import Store

/// A column of a table in SQL.
package struct QueryColumn: Sendable, Equatable {
    /// The name in SQL.
    package let name: String
    /// The column of the segments that it is read from.
    package let source: String
    let kind: ColumnKind
    /// Whether the cell is one element of the list `source`.
    package var isElement = false

    /// The kind of one value of the column.
    package var valueKind: ColumnKind { isElement ? kind.element : kind }

    /// The declared type. It sets SQLite's affinity, and the output formats know a column by it.
    var declaredType: String {
        switch valueKind {
        case .time: "TIMESTAMP TEXT COLLATE \(QueryTable.timeCollation)"
        case .interval, .real: "REAL"
        case .count, .integer, .port: "INTEGER"
        case .boolean: "BOOLEAN"
        case _ where valueKind.isList: "JSON TEXT"
        default: "TEXT"
        }
    }
}

/// A table in SQL: a log, or the elements of one of its lists.
package struct QueryTable: Sendable {
    static let timeCollation = "weir_time"
    /// Columns of a log that the tables of its lists have too.
    private static let sharedNames = ["ts", "uid", "fuid", "id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p"]

    package let name: String
    package let log: String
    package let columns: [QueryColumn]
    /// The list whose elements are the rows; nil for a log.
    package let list: String?

    /// What SQLite is told about the columns.
    var declaration: String {
        let list = columns.map { "\"\($0.name)\" \($0.declaredType)" }
        return "CREATE TABLE x(\(list.joined(separator: ", ")))"
    }

    /// The tables of a log that has every column of its schema.
    package static func tables(_ schema: LogSchema) -> [QueryTable] {
        tables(log: schema.path, columns: schema.columns.map { SegmentColumn(name: $0.storeName, kind: $0.kind) })
    }

    /// The tables of one log: its own, then one for each list.
    static func tables(log: String, columns: [SegmentColumn]) -> [QueryTable] {
        let whole = columns.map { QueryColumn(name: $0.name, source: $0.name, kind: $0.kind) }
        var tables = [QueryTable(name: log, log: log, columns: whole, list: nil)]
        let shared = whole.filter { sharedNames.contains($0.name) || log == "dns" && $0.name == "query" }
        for column in columns where column.kind.isList {
            let isAnswers = log == "dns" && column.name == "answers"
            var elements = [
                QueryColumn(
                    name: isAnswers ? "answer" : "value", source: column.name, kind: column.kind, isElement: true)
            ]
            if isAnswers, let ttl = columns.first(where: { $0.name == "TTLs" && $0.kind.isList }) {
                elements.append(QueryColumn(name: "ttl", source: ttl.name, kind: ttl.kind, isElement: true))
            }
            tables.append(
                QueryTable(
                    name: "\(log)_\(column.name)", log: log, columns: shared + elements, list: column.name))
        }
        return tables
    }
}

extension ColumnKind {
    /// The kind of a list's elements; of others the kind itself.
    var element: ColumnKind {
        switch self {
        case .textSet, .textVector: .text
        case .uidSet: .uid
        case .fuidVector: .fuid
        case .intervalVector: .interval
        case .countVector: .count
        case .addressVector: .address
        default: self
        }
    }
}
