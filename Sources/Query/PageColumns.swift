// SPDX-License-Identifier: Apache-2.0
//
// The columns of one page of rows, decoded when they are asked for.

import Store

/// Used by one thread.
final class PageColumns {
    private let reader: SegmentReader
    private let rowGroup: Int
    /// For each column of the table its column in the segment; nil where the segment is older than the column.
    private let places: [Int?]
    /// Rows of the row group.
    let rows: Range<Int>
    private var vectors: [ColumnVector?]
    /// The same for all pages of a row group, whose dictionaries are the same.
    let identity: Int

    init(_ reader: SegmentReader, _ rowGroup: Int, _ places: [Int?], _ rows: Range<Int>, identity: Int) {
        self.identity = identity
        self.reader = reader
        self.rowGroup = rowGroup
        self.places = places
        self.rows = rows
        vectors = Array(repeating: nil, count: places.count)
    }

    /// The values of a column for the page; nil where the segment does not have it.
    func vector(_ column: Int) throws(VectorFailure) -> ColumnVector? {
        if let known = vectors[column] { return known }
        guard let place = places[column] else { return nil }
        do {
            let vector = try reader.read(column: place, rowGroup: rowGroup, rows: rows)
            vectors[column] = vector
            return vector
        } catch {
            throw .store(error)
        }
    }
}
