// SPDX-License-Identifier: Apache-2.0
//
// An engine's answer for people and programs.
//
// Writes  a table, JSON (one object a line) or CSV (RFC 4180); rows as the embedded engine gives them.

package import Query

package enum LakeForm: String, Sendable, CaseIterable {
    case table
    case json
    case csv
}

extension LakeAnswer {
    /// The whole answer, with a newline at the end of each line.
    package func text(_ form: LakeForm) -> String {
        switch form {
        case .json: return rows.map { row in line(row) + "\n" }.joined()
        case .csv:
            let lines = [columns.map(LakeAnswer.quoted)] + rows.map { $0.map { LakeAnswer.quoted($0.plain) } }
            return lines.map { $0.joined(separator: ",") + "\r\n" }.joined()
        case .table:
            let cells = [columns] + rows.map { $0.map(\.plain) }
            let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
            var lines = cells.map { row in
                zip(row, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }
                    .joined(separator: "  ")
            }
            lines.insert(widths.map { String(repeating: "-", count: $0) }.joined(separator: "  "), at: 1)
            return lines.map { $0 + "\n" }.joined()
        }
    }

    /// The rows as the embedded engine gives them: a boolean is a number, a list a text.
    package var queryRows: [QueryRow] { QueryRow.rows(columns: columns, rows.map { $0.map(\.sqlValue) }) }

    private func line(_ row: [LakeValue]) -> String {
        "{" + zip(columns, row).map { LakeValue.text($0).json + ":" + $1.json }.joined(separator: ",") + "}"
    }

    private static func quoted(_ text: String) -> String {
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}

extension LakeValue {
    /// As a cell of a table; nothing is `-`.
    var plain: String {
        switch self {
        case .null: "-"
        case .boolean(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .text(let text): text
        case .list(let items): items.map(\.plain).joined(separator: ",")
        }
    }

    fileprivate var sqlValue: SQLValue {
        switch self {
        case .null: .null
        case .boolean(let value): .integer(value ? 1 : 0)
        case .integer(let value): .integer(value)
        case .real(let value): .real(value)
        case .text(let text): SQLValue(text)
        case .list: SQLValue(json)
        }
    }

    var json: String {
        switch self {
        case .null: return "null"
        case .boolean, .integer: return plain
        case .real(let value): return value.isFinite ? "\(value)" : "null"
        case .list(let items): return "[" + items.map(\.json).joined(separator: ",") + "]"
        case .text(let text):
            var result = "\""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": result += "\\\""
                case "\\": result += "\\\\"
                case "\n": result += "\\n"
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: result.unicodeScalars.append(scalar)
                }
            }
            return result + "\""
        }
    }
}
