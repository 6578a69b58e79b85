// SPDX-License-Identifier: Apache-2.0
//
// Schemas that are not declared by a record but known at run time only, such as
// that of an answer to a question.

extension LogSchema {
    /// A schema of columns in this order, at most 64. Rows are appended by a `LogRecord` that
    /// writes cells of these kinds in this order; the names that it gives are not looked at.
    package convenience init(
        log: LogID, summary: String, columns: [(name: String, doc: String, kind: ColumnKind)]
    ) {
        precondition(columns.count <= 64, "a log has at most 64 columns")
        var offset = RowBatch.headerWords
        var described: [Column] = []
        for column in columns {
            described.append(
                Column(
                    name: column.name, doc: column.doc, kind: column.kind, wordOffset: offset, isKey: false))
            offset += column.kind.wordCount
        }
        self.init(log: log, summary: summary, columns: described, stride: offset)
    }
}
