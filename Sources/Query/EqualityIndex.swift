// SPDX-License-Identifier: Apache-2.0
//
// Where the rows with a text are, for the inner side of a join.
//
// SQLite asks the inner table once for each row of the outer one. After a few such questions this index is made
// of the whole column, and the next ones touch nothing but the rows that they want.

import Records
import Store

/// The rows of a table by the text in one column. Two texts may share a place: SQLite tests every row again.
final class EqualityIndex {
    /// A segment with the table's columns in it.
    struct Segment {
        let index: Int
        let info: SegmentInfo
        let reader: SegmentReader
        let places: [Int?]
    }
    /// Rows that are decoded together.
    struct Page {
        let segment: Int
        let rowGroup: Int
        let rowBase: Int
        let rows: Range<Int>
    }

    private(set) var segments: [Segment] = []
    private(set) var pages: [Page] = []
    /// By the hash of a text the last of its rows, as an index of `rows`.
    private var last: [UInt64: UInt32] = [:]
    /// Page and row, and the row before with the same hash (`UInt32.max` for none).
    private var rows: [(page: UInt32, row: UInt32, previous: UInt32)] = []
    /// Hostile names cannot be made to share a place without it.
    private let seed = UInt64.random(in: 0 ... .max)

    /// A lookup costs about 40 octets a row of memory; larger tables are scanned each time.
    static let rowsMax = 20_000_000
    /// Questions of one kind before an index is worth its cost.
    static let questionsBefore = 12

    init(_ snapshot: Snapshot, _ table: QueryTable, column: Int) throws(StoreError) {
        for (number, info) in try snapshot.segments(table.log).enumerated() {
            let reader = try snapshot.reader(info)
            let places = table.places(in: reader)
            guard let place = places[column] else { continue }
            segments.append(Segment(index: number, info: info, reader: reader, places: places))
            var rowBase = 0
            for rowGroup in 0..<reader.rowGroupCount {
                for page in try reader.pages(column: 0, rowGroup: rowGroup) where !page.rows.isEmpty {
                    let vector = try reader.read(column: place, rowGroup: rowGroup, rows: page.rows)
                    let segment = segments.count - 1
                    add(vector, Page(segment: segment, rowGroup: rowGroup, rowBase: rowBase, rows: page.rows))
                }
                rowBase += reader.rowCount(rowGroup: rowGroup)
            }
        }
    }

    private func add(_ vector: ColumnVector, _ page: Page) {
        let number = UInt32(pages.count)
        pages.append(page)
        for row in 0..<vector.rowCount where vector.isSet(row) {
            let place = UInt32(rows.count)
            let previous = last.updateValue(place, forKey: hash(vector.text(row)))
            rows.append((number, UInt32(row), previous ?? .max))
        }
    }

    /// The rows with one of these texts, page by page.
    func find(_ texts: [[UInt8]]) -> [FoundPage] {
        var found: [(page: UInt32, row: UInt32)] = []
        for text in texts {
            var place = last[hash(text[...])] ?? .max
            while place != .max {
                let row = rows[Int(place)]
                found.append((row.page, row.row))
                place = row.previous
            }
        }
        if found.count > 1 { found.sort { $0 < $1 } }
        var groups: [(page: Int, rows: [UInt32])] = []
        for row in found {
            if groups.last?.page == Int(row.page) {
                if groups[groups.count - 1].rows.last != row.row { groups[groups.count - 1].rows.append(row.row) }
            } else {
                groups.append((Int(row.page), [row.row]))
            }
        }
        return groups.map { group in
            let page = pages[group.page]
            let segment = segments[page.segment]
            return FoundPage(
                segment: segment.index, reader: segment.reader, places: segment.places, rowGroup: page.rowGroup,
                rowBase: page.rowBase, page: page.rows, rows: group.rows)
        }
    }

    private func hash(_ text: ArraySlice<UInt8>) -> UInt64 {
        var hash = seed
        for octet in text {
            hash = (hash ^ UInt64(octet)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return hash
    }
}

extension QueryTable {
    /// For each column of the table its column in a segment. A column of another kind than the table's
    /// would be misread; it counts as absent.
    func places(in reader: SegmentReader) -> [Int?] {
        columns.map { column in
            reader.index(of: column.source).flatMap { reader.columns[$0].kind == column.kind ? $0 : nil }
        }
    }
}
