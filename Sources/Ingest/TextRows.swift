// SPDX-License-Identifier: Apache-2.0
//
// Rows of a log out of texts, one a column: the way back from SQL to the log writers.
//
// Reads   cells as SQL shows them: times as text, intervals in seconds, lists as JSON arrays.
// Writes  a row batch.
// Leaves  asking and writing.

import JSON
package import Records

/// A batch that is filled by text. Used by one thread.
package struct TextRows {
    package private(set) var batch: RowBatch
    private var row: IngestedRow
    private let schema: LogSchema
    private let places: [String: Int]
    private let json = JSONDocument(limits: JSONLimits(depthMax: 4, bytesMax: 16 << 20, nodesMax: 1 << 20))

    package init(_ schema: LogSchema) {
        self.schema = schema
        batch = RowBatch(schema)
        row = IngestedRow(schema)
        places = Dictionary(schema.columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Appends a row. `cells` stand in the order of the schema's columns; nil is unset. What is no value of its column
    /// stays unset.
    package mutating func append(_ cells: [ArraySlice<UInt8>?]) {
        row.clear()
        for (column, cell) in zip(row.cells.indices, cells) {
            guard let cell else { continue }
            guard row.kinds[column].isList else {
                _ = row.set(column, WireText.restored(cell))
                continue
            }
            guard (try? json.read(Array(cell))) != nil else { continue }
            let elements = json.root.elements.map { value in
                var octets: [UInt8] = []
                value.appendText(to: &octets)
                return WireText.restored(octets[...])
            }
            _ = row.set(column, elements: elements)
        }
        row.complete(schema, places)
        batch.append(row, order: 0, ordinal: 0)
    }

    package mutating func clear() { batch.clear() }
}
