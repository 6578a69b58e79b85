// SPDX-License-Identifier: Apache-2.0
//
// A list of incidents as lines.
//
// Reads   summaries.
// Writes  aligned columns, or a table of Markdown.

import Query
import Records

package enum IncidentList {
    package static func lines(_ list: [IncidentSummary], isMarkdown: Bool) -> [String] {
        guard !list.isEmpty else { return ["there is none"] }
        let names = ["number", "severity", "state", "score", "first", "alerts", "owner", "title"]
        let rows = list.map { entry in
            [
                "\(entry.number)", entry.severity.name, entry.state.rawValue, "\(Int(entry.score.rounded()))",
                entry.first.text, "\(entry.alertCount)", entry.owner ?? "-", entry.title,
            ].map { text in
                String(
                    String.UnicodeScalarView(
                        text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "·" : $0 }))
            }
        }
        if isMarkdown {
            return [
                "| " + names.joined(separator: " | ") + " |", "|" + String(repeating: "---|", count: names.count),
            ]
                + rows.map { "| " + $0.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |" }
        }
        let all = [names] + rows
        let widths = names.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { index, text in
                index == row.count - 1 ? text : text + String(repeating: " ", count: widths[index] - text.count)
            }.joined(separator: "  ")
        }
    }
}
