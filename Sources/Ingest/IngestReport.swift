// SPDX-License-Identifier: Apache-2.0
//
// What came of files, for people and programs.
//
// Reads   a summary.
// Writes  text, or one JSON object.

import JSON

extension IngestSummary {
    package var text: String {
        let logs = rows.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var lines = ["\(files) \(files == 1 ? "file" : "files"), \(rowCount) rows: \(logs.joined(separator: ", "))"]
        if rows.isEmpty { lines = ["\(files) \(files == 1 ? "file" : "files"), no new row"] }
        if knownFiles > 0 { lines.append("files without anything new: \(knownFiles)") }
        if knownRows > 0 { lines.append("rows that were there already: \(knownRows)") }
        if badLines > 0 { lines.append("lines that are no records: \(badLines)") }
        if oddValues > 0 { lines.append("values left out: \(oddValues)") }
        if !unknown.isEmpty {
            lines.append("left out, since there is no table: \(unknown.sorted().joined(separator: ", "))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: String {
        var writer = JSONWriter()
        writer.object { object in
            object.member("files", files)
            object.member("known_files", knownFiles)
            object.member("damaged_files", damagedFiles)
            object.key("rows")
            object.object { counts in
                for (log, count) in rows.sorted(by: { $0.key < $1.key }) { counts.member(log, count) }
            }
            object.member("known_rows", knownRows)
            object.member("bad_lines", badLines)
            object.member("odd_values", oddValues)
            object.key("unknown")
            object.array { names in
                for name in unknown.sorted() { names.string(name) }
            }
        }
        return writer.text + "\n"
    }
}
