// SPDX-License-Identifier: Apache-2.0
//
// Hunts and their rows for people and programs.
//
// Reads   hunts, answers.
// Writes  text, JSON lines, CSV.

import Query

/// The form of a report.
package enum HuntFormat: String, Sendable {
    case text, json, csv
}

package enum HuntReport {
    /// The hunts, one line each: name, technique, what it finds.
    package static func list(_ library: HuntLibrary, _ format: HuntFormat) -> String {
        switch format {
        case .text:
            let width = library.hunts.map(\.name.count).max() ?? 0
            let techniqueWidth = library.hunts.map { $0.techniques.joined(separator: " ").count }.max() ?? 0
            return library.hunts.map { hunt in
                let techniques = hunt.techniques.joined(separator: " ")
                return "\(padded(hunt.name, width))  \(padded(techniques, techniqueWidth))  \(hunt.finds)\n"
            }.joined()
        case .json:
            return library.hunts.map { json($0) + "\n" }.joined()
        case .csv:
            let rows = library.hunts.map { [$0.name, $0.techniques.joined(separator: " "), $0.finds] }
            return ([["name", "technique", "finds"]] + rows).map(csvLine).joined()
        }
    }

    private static func json(_ hunt: Hunt) -> String {
        let parameters = hunt.parameters.map { parameter in
            "{\"name\": \(quoted(parameter.name)), \"default\": \(text(parameter.standard, isJSON: true)), "
                + "\"doc\": \(quoted(parameter.doc))}"
        }
        let techniques = hunt.techniques.map(quoted).joined(separator: ", ")
        return "{\"name\": \(quoted(hunt.name)), \"techniques\": [\(techniques)], "
            + "\"severity\": \(hunt.severity), \"alerts\": \(hunt.isAlerting), \"finds\": \(quoted(hunt.finds)), "
            + "\"why\": \(quoted(hunt.why)), \"false_positives\": \(quoted(hunt.falsePositives)), "
            + "\"parameters\": [\(parameters.joined(separator: ", "))]}"
    }

    /// All that a hunt's head says.
    package static func explanation(_ hunt: Hunt) -> String {
        var lines = [
            "\(hunt.name)  (severity \(hunt.severity), \(hunt.techniques.joined(separator: ", ")))", "",
            "  finds            \(hunt.finds)", "  why              \(hunt.why)",
            "  false positives  \(hunt.falsePositives)",
        ]
        if !hunt.isAlerting { lines.append("  alerts           no: a list to read, left out of --all") }
        if hunt.needsHistory { lines.append("  history          what is before --since tells old from new") }
        if hunt.needsNetworks { lines.append("  needs            --mmdb, a file of autonomous systems") }
        for parameter in hunt.parameters {
            lines.append("  --set \(parameter.name)=\(text(parameter.standard, isJSON: false))  \(parameter.doc)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ value: HuntParameter.Value, isJSON: Bool) -> String {
        switch value {
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let text): isJSON ? quoted(text) : "'\(text)'"
        }
    }

    /// The rows of an answer. In text the hunt's name stands above them, and a hunt that found nothing says nothing
    /// unless it was asked alone.
    package static func rows(_ answer: HuntAnswer, _ format: HuntFormat, isAlone: Bool) -> String {
        guard answer.skipped == nil else { return "" }
        switch format {
        case .json:
            return answer.rows.map { row in
                let object = String(decoding: row.json, as: UTF8.self)
                return isAlone ? object + "\n" : "{\"hunt\": \(quoted(answer.hunt.name)), \(object.dropFirst())\n"
            }.joined()
        case .csv:
            let head = isAlone ? answer.columns : ["hunt"] + answer.columns
            let rows = answer.rows.map { row in
                (isAlone ? [] : [answer.hunt.name]) + answer.columns.map { row.text($0) ?? "" }
            }
            return rows.isEmpty && !isAlone ? "" : ([head] + rows).map(csvLine).joined()
        case .text:
            guard !answer.rows.isEmpty else { return isAlone ? "nothing found\n" : "" }
            let table = table(answer)
            return isAlone ? table : "\(answer.hunt.name): \(answer.hunt.finds)\n\(table)\n"
        }
    }

    private static let cellCharactersMax = 48

    private static func table(_ answer: HuntAnswer) -> String {
        let cells = [answer.columns] + answer.rows.map { row in
            answer.columns.map { column in
                let text = printable(row.text(column) ?? "-")
                return text.count <= cellCharactersMax ? text : text.prefix(cellCharactersMax - 1) + "…"
            }
        }
        let widths = answer.columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            zip(line, widths).map(padded).joined(separator: "  ").trimmedEnd + "\n"
        }.joined()
    }

    /// How many rows each hunt found.
    package static func summary(_ answers: [HuntAnswer]) -> String {
        let found = answers.filter { !$0.rows.isEmpty }.map { "\($0.hunt.name) \($0.rows.count)" }
        return "\(answers.count) hunts; \(found.isEmpty ? "nothing found" : found.joined(separator: ", "))"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 0))
    }

    /// Without what a terminal would obey.
    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || 0x7F...0x9F ~= $0.value ? "·" : Character($0) })
    }

    private static func csvLine(_ cells: [String]) -> String {
        cells.map { cell in
            let needsQuotes = cell.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
            return needsQuotes ? "\"\(cell.replacing("\"", with: "\"\""))\"" : cell
        }.joined(separator: ",") + "\r\n"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                result += (scalar.value < 16 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
