// SPDX-License-Identifier: Apache-2.0
//
// A log's declaration as text: for `weir schema` and for Docs/logs.
//
// Reads   schemas.
// Writes  aligned text, JSON, Markdown.
// Leaves  where it is printed or kept (the command, Docs/logs).

package import Records

/// Text made from the declarations of logs.
package enum SchemaText {
    /// One log as an aligned table: name, type, sentence.
    package static func table(_ schema: LogSchema) -> String {
        let rows = rows(schema)
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let typeWidth = rows.map(\.type.count).max() ?? 0
        var text = "\(schema.path)\n    \(schema.summary)\n\n"
        for row in rows {
            text += "    \(padded(row.name, nameWidth))  \(padded(row.type, typeWidth))  \(row.doc)\n"
        }
        return text
    }

    /// All logs, one after the other.
    package static func table(_ schemas: [LogSchema]) -> String {
        schemas.map { table($0) }.joined(separator: "\n")
    }

    /// All logs as a JSON array, one log a line.
    package static func json(_ schemas: [LogSchema]) -> String {
        let logs = schemas.map { schema in
            let columns = schema.columns.map { column in
                "{\"name\":\(quoted(column.name)),\"sql_name\":\(quoted(column.storeName))"
                    + ",\"type\":\(quoted(column.kind.zeekName.description))"
                    + ",\"sql_type\":\(quoted(sqlType(column.kind))),\"doc\":\(quoted(column.doc))}"
            }
            return "{\"log\":\(quoted(schema.path)),\"summary\":\(quoted(schema.summary))"
                + ",\"columns\":[\(columns.joined(separator: ","))]}"
        }
        return "[\(logs.joined(separator: ",\n"))]\n"
    }

    /// The page Docs/logs/NAME.md.
    package static func markdown(_ schema: LogSchema) -> String {
        var text = """
            <!-- Made from the declaration of the log; a test compares. Change the declaration, not this page. -->

            # \(schema.path)

            \(schema.summary)

            | column | type | in SQL | meaning |
            |---|---|---|---|

            """
        for column in schema.columns {
            let name = column.storeName == column.name ? "" : "`\(column.storeName)` "
            text += "| `\(column.name)` | \(column.kind.zeekName) | \(name)\(sqlType(column.kind)) "
            text += "| \(escaped(column.doc)) |\n"
        }
        let lists = schema.columns.filter(\.kind.isList)
        if !lists.isEmpty {
            text += "\nIn SQL every list also has a table with one row for each element: "
            text += lists.map { "`\(schema.path)_\($0.storeName)`" }.joined(separator: ", ") + ".\n"
        }
        if RowLayout(schema, communityID: true).addsCommunityID {
            text += "\nLog files have `community_id` (string) as a last column. The store leaves it out: "
            text += "`conn` has it under the same `uid`.\n"
        }
        return text
    }

    /// The type that a column has in the store's SQL.
    package static func sqlType(_ kind: ColumnKind) -> String {
        switch kind {
        case .time: "TIMESTAMP"
        case .interval, .real: "REAL"
        case .count, .integer, .port: "INTEGER"
        case .boolean: "BOOLEAN"
        case .address, .text, .enumeration, .uid, .fuid: "TEXT"
        default: "JSON"
        }
    }

    private static func rows(_ schema: LogSchema) -> [(name: String, type: String, doc: String)] {
        schema.columns.map { ($0.name, $0.kind.zeekName.description, $0.doc) }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// A bar would end the cell of a Markdown table.
    private static func escaped(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }

    /// A JSON string; declarations are printable text.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text {
            if character == "\"" || character == "\\" { result.append("\\") }
            result.append(character)
        }
        return result + "\""
    }
}
