// SPDX-License-Identifier: Apache-2.0
//
// Rows into a Parquet file of its own, outside of any store.
//
// Reads   row batches.
// Writes  one file, as a segment of a store is written.
// Leaves  what the rows are (an answer to a question, an export).

package import Records

/// A Parquet file under construction. A file of the same name is replaced; without `finish()` nothing stays.
package final class ParquetFile {
    private let schema: LogSchema
    private var columns: [ColumnBuilder]
    private var encoder = ChunkEncoder(pageRows: 16_384)
    private let writer: SegmentWriter
    private var rowCount = 0
    private var isFinished = false
    private static let rowGroupRows = 131_072

    /// Throws `.unreadable`, `.unwritable`, `.full`.
    package init(path: String, schema: LogSchema, version: String) throws(StoreError) {
        self.schema = schema
        columns = schema.columns.enumerated().map { ColumnBuilder($1, index: $0) }
        writer = try SegmentWriter(
            path: path, schema: StoredSchema(schema), sensor: "", version: version, replacing: true)
    }

    deinit { if !isFinished { writer.discard() } }

    package func append(_ batch: borrowing RowBatch) throws(StoreError) {
        var row = 0
        while row < batch.count {
            let end = min(batch.count, row + ParquetFile.rowGroupRows - rowCount)
            for index in columns.indices { columns[index].append(batch, rows: row..<end) }
            rowCount += end - row
            row = end
            if rowCount == ParquetFile.rowGroupRows { try closeRowGroup() }
        }
    }

    package func finish() throws(StoreError) {
        try closeRowGroup()
        _ = try writer.finish()
        isFinished = true
    }

    private func closeRowGroup() throws(StoreError) {
        rowCount = 0
        try writer.append(&columns, encoder: &encoder)
    }
}
