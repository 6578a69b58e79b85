// SPDX-License-Identifier: Apache-2.0
//
// An answer as a Parquet file.
//
// A column's type must be known before its first row, and SQL has types for values only: the answer is
// kept in memory, up to a bound, until its last row has been seen.

import Foundation
import Records
import Store

/// Writes an answer as Parquet. Times are timestamps and booleans are booleans where the column is a table's own;
/// otherwise a column is of whole numbers, of numbers, or of texts, whichever holds all its values.
struct ParquetAnswer {
    let columns: [AnswerColumn]
    private static let cellsMax = 20_000_000
    private static let batchRows = 4096

    init(_ columns: [AnswerColumn]) { self.columns = columns }

    func write(_ statement: SQLiteStatement, _ options: QueryOptions) throws(QueryError) -> Int {
        guard columns.count <= 64 else {
            throw QueryError(
                .output, "a Parquet answer has at most 64 columns, this one \(columns.count)",
                advice: "name the columns you need")
        }
        if options.outputPath == nil, options.isTerminal ?? (isatty(1) != 0) {
            throw QueryError(
                .output, "Parquet is not for a terminal", advice: "name a file with --output, or pipe it on")
        }
        var cells: [SQLValue] = []
        while try statement.step() {
            for column in columns.indices { cells.append(statement.value(column)) }
            guard cells.count <= ParquetAnswer.cellsMax else {
                throw QueryError(
                    .failed, "the answer has more than \(ParquetAnswer.cellsMax) cells",
                    advice: "ask for fewer columns or rows, or read the store's own Parquet files")
            }
        }
        let target =
            options.outputPath
            ?? FileManager.default.temporaryDirectory.appendingPathComponent("weir-\(UUID()).parquet").path
        do {
            try writeFile(cells, target)
        } catch {
            throw QueryError(error)
        }
        if options.outputPath == nil { try copyToStandardOutput(target) }
        return columns.isEmpty ? 0 : cells.count / columns.count
    }

    private func writeFile(_ cells: [SQLValue], _ path: String) throws(StoreError) {
        let kinds = columns.indices.map { kind(of: $0, cells) }
        let schema = LogSchema(
            log: .conn, summary: "An answer.",
            columns: columns.indices.map { (name: columns[$0].name, doc: "", kind: kinds[$0]) })
        let file = try ParquetFile(path: path, schema: schema, version: "0")
        var batch = RowBatch(schema)
        var record = AnswerRow()
        record.kinds = kinds
        var start = 0
        while start < cells.count {
            record.cells = cells[start ..< start + columns.count]
            batch.append(record, order: 0, ordinal: 0)
            start += columns.count
            if batch.count >= ParquetAnswer.batchRows {
                try file.append(batch)
                batch.clear()
            }
        }
        try file.append(batch)
        try file.finish()
    }

    private func kind(of column: Int, _ cells: [SQLValue]) -> ColumnKind {
        var (hasInteger, hasReal, hasOther) = (false, false, false)
        for place in stride(from: column, to: cells.count, by: max(1, columns.count)) {
            switch cells[place] {
            case .null: break
            case .integer: hasInteger = true
            case .real: hasReal = true
            case .text, .blob: hasOther = true
            }
        }
        switch columns[column].form {
        case .time where !hasInteger && !hasReal: return .time
        case .boolean where !hasReal && !hasOther: return .boolean
        default: return hasOther || !(hasInteger || hasReal) ? .text : hasReal ? .real : .integer
        }
    }

    private func copyToStandardOutput(_ path: String) throws(QueryError) {
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw QueryError(
                .output, "the answer cannot be written to standard output (\(error.localizedDescription))",
                advice: "name a file with --output")
        }
    }
}

/// A row of an answer on its way into a batch; its kinds are the schema's.
private struct AnswerRow: LogRecord {
    var kinds: [ColumnKind] = []
    var cells: ArraySlice<SQLValue> = []

    static let log = LogID.conn
    static let summary: StaticString = "An answer."

    func write(to row: inout RowBatch) {
        for (kind, cell) in zip(kinds, cells) {
            switch kind {
            case .time: row.time("", time(cell), "")
            case .boolean: row.boolean("", number(cell).map { $0 != 0 }, "")
            case .integer: row.integer("", number(cell), "")
            case .real: row.real("", real(cell), "")
            default: text(cell, to: &row)
            }
        }
    }

    private func number(_ cell: SQLValue) -> Int64? {
        if case .integer(let number) = cell { number } else { nil }
    }

    private func real(_ cell: SQLValue) -> Double? {
        switch cell {
        case .integer(let number): Double(number)
        case .real(let number): number
        default: nil
        }
    }

    /// Times outside 1677 to 2262 do not fit nanoseconds and are left unset.
    private func time(_ cell: SQLValue) -> Timestamp? {
        guard case .text(let octets) = cell, let microseconds = TimeText.parse(octets) else { return nil }
        let (nanoseconds, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
    }

    private func text(_ cell: SQLValue, to row: inout RowBatch) {
        var buffer = TextBuffer()
        var place = Text.absent
        if cell != .null {
            let start = buffer.begin()
            buffer.bytes.append(contentsOf: plainText(cell, AnswerColumn(name: "", form: .plain)))
            place = buffer.end(start)
        }
        row.text("", place, in: buffer, "")
    }
}
