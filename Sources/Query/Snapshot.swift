// SPDX-License-Identifier: Apache-2.0
//
// The store as one question sees it: the segments that were visible when a log was first asked for.
//
// Reads   the catalogue, segments.
// Leaves  which rows match (`SegmentScan`).

import Records
import Store

/// How much of the store a question touched, and how much pruning left out.
package struct QueryCounters: Sendable, Equatable {
    /// Segments of all scans, and those that had to be opened.
    package var segments = 0
    package var segmentsRead = 0
    /// Row groups of the opened segments, and those of which a column was read.
    package var rowGroups = 0
    package var rowGroupsRead = 0
    /// Pages (of a table's first column) in these row groups, and those of which a column was read.
    package var pages = 0
    package var pagesRead = 0
    /// Rows that passed the filters, as SQLite or the vectorised path got them.
    package var rows = 0

    func since(_ before: QueryCounters) -> QueryCounters {
        QueryCounters(
            segments: segments - before.segments, segmentsRead: segmentsRead - before.segmentsRead,
            rowGroups: rowGroups - before.rowGroups, rowGroupsRead: rowGroupsRead - before.rowGroupsRead,
            pages: pages - before.pages, pagesRead: pagesRead - before.pagesRead, rows: rows - before.rows)
    }
}

/// The segments behind a question. Used by one thread.
final class Snapshot {
    let tables: [QueryTable]
    let control: QueryControl
    var counters = QueryCounters()

    private let store: StoreReader
    private var segmentsByLog: [String: [SegmentInfo]] = [:]
    private var readers: [Int64: SegmentReader] = [:]
    private var vectors: [VectorKey: ColumnVector] = [:]
    private var vectorBytes = 0

    /// Decoded columns are kept for scans that come again (the inner side of a join), up to this.
    private static let vectorBytesMax = 192 << 20

    /// - Parameter schemas: logs that have tables even where the store has no segment of them.
    init(store: StoreReader, schemas: [LogSchema], control: QueryControl) throws(StoreError) {
        self.store = store
        self.control = control
        var columns = try store.columns()
        for schema in schemas {
            var known = columns[schema.path] ?? []
            let names = Set(known.map(\.name))
            for column in schema.columns where !names.contains(column.storeName) {
                known.append(SegmentColumn(name: column.storeName, kind: column.kind))
            }
            columns[schema.path] = known
        }
        tables = columns.keys.sorted().flatMap { QueryTable.tables(log: $0, columns: columns[$0] ?? []) }
    }

    func segments(_ log: String) throws(StoreError) -> [SegmentInfo] {
        if let known = segmentsByLog[log] { return known }
        let segments = try store.segments(log: log)
        segmentsByLog[log] = segments
        return segments
    }

    func reader(_ segment: SegmentInfo) throws(StoreError) -> SegmentReader {
        if let known = readers[segment.id] { return known }
        let reader = try SegmentReader.open(segment.path)
        readers[segment.id] = reader
        return reader
    }

    /// The values of a column of some rows, decoded or as they were kept.
    func vector(
        _ segment: SegmentInfo, _ reader: SegmentReader, column: Int, rowGroup: Int, rows: Range<Int>
    ) throws(StoreError) -> ColumnVector {
        let key = VectorKey(segment: segment.id, column: column, rowGroup: rowGroup, start: rows.lowerBound)
        if let known = vectors[key] { return known }
        let vector = try reader.read(column: column, rowGroup: rowGroup, rows: rows)
        let bytes = (vector.words.count + vector.validity.count) * 8
            + (vector.indices.count + vector.texts.count + vector.listStarts.count) * 4 + vector.texts.bytes.count
        if vectorBytes + bytes > Snapshot.vectorBytesMax {
            vectors.removeAll(keepingCapacity: true)
            vectorBytes = 0
        }
        vectorBytes += bytes
        vectors[key] = vector
        return vector
    }
}

private struct VectorKey: Hashable {
    let segment: Int64
    let column: Int
    let rowGroup: Int
    let start: Int
}
