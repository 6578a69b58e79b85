// SPDX-License-Identifier: Apache-2.0
//
// All rows of a table that a filter takes, row group by row group, on all cores.
//
// Reads   segments; passes over what bounds and bloom filters rule out.
// Writes  nothing itself: every page with true rows goes to a worker's own state.
// Leaves  what is made of the rows (`Aggregation`, `MatchedRows`).

import Foundation
import Records
import Store
import Synchronization

/// One row group of the table, as a piece of work.
struct ScanUnit: Sendable {
    let segment: Int
    let reader: SegmentReader
    let places: [Int?]
    let rowGroup: Int
    /// Rows of the segment before the row group.
    let rowBase: Int
    /// Pages that may have a true row, as rows of the row group.
    let pages: [Range<Int>]
}

/// A pass over a table. Made by one thread; the units are worked on by several.
struct VectorScan: Sendable {
    let table: QueryTable
    let filter: RowFilter
    let units: [ScanUnit]

    /// Finds the row groups and pages that may match.
    init(_ snapshot: Snapshot, _ table: QueryTable, _ filter: RowFilter) throws(VectorFailure) {
        do { try self.init(finding: filter, of: table, snapshot) } catch { throw .store(error) }
    }

    private init(finding filter: RowFilter, of table: QueryTable, _ snapshot: Snapshot) throws(StoreError) {
        self.table = table
        self.filter = filter
        var units: [ScanUnit] = []
        let segments = try snapshot.segments(table.log)
        snapshot.counters.segments += segments.count
        for (number, segment) in segments.enumerated() {
            let facts = StretchFacts(
                bounds: { (column) throws(StoreError) in
                    let bounds = segment.bounds[table.columns[column].source]
                    return table.columns[column].isElement ? bounds?.ofElements : bounds
                },
                mayContain: { (_, _) throws(StoreError) in true })
            guard try filter.mayMatch(facts) else { continue }
            let reader = try snapshot.reader(segment)
            snapshot.counters.segmentsRead += 1
            snapshot.counters.rowGroups += reader.rowGroupCount
            let places = table.places(in: reader)
            var rowBase = 0
            for rowGroup in 0..<reader.rowGroupCount {
                let pages = try VectorScan.pages(reader, places, rowGroup, filter, table)
                if !pages.isEmpty {
                    units.append(
                        ScanUnit(
                            segment: number, reader: reader, places: places, rowGroup: rowGroup, rowBase: rowBase,
                            pages: pages))
                    snapshot.counters.rowGroupsRead += 1
                    snapshot.counters.pagesRead += pages.count
                }
                rowBase += reader.rowCount(rowGroup: rowGroup)
            }
        }
        self.units = units
    }

    private static func pages(
        _ reader: SegmentReader, _ places: [Int?], _ rowGroup: Int, _ filter: RowFilter, _ table: QueryTable
    ) throws(StoreError) -> [Range<Int>] {
        let unset = ColumnBounds(values: nil, nullCount: 1, rowCount: 1)
        let group = StretchFacts(
            bounds: { (column) throws(StoreError) in
                guard let place = places[column] else { return unset }
                let bounds = reader.bounds(column: place, rowGroup: rowGroup)
                return table.columns[column].isElement ? bounds.ofElements : bounds
            },
            mayContain: { (column, text) throws(StoreError) in
                guard let place = places[column] else { return false }
                return try reader.mayContain(column: place, rowGroup: rowGroup, text: text)
            })
        guard try filter.mayMatch(group) else { return [] }
        let all = try reader.pages(column: 0, rowGroup: rowGroup).map(\.rows).filter { !$0.isEmpty }
        if case .all = filter { return all }
        // The pages of every column hold the same rows; where they do not, a column's pages say nothing.
        var byColumn: [Int: [SegmentPage]] = [:]
        var kept: [Range<Int>] = []
        for (number, rows) in all.enumerated() {
            let page = StretchFacts(
                bounds: { (column) throws(StoreError) in
                    guard let place = places[column] else { return unset }
                    if byColumn[column] == nil {
                        byColumn[column] = try reader.pages(column: place, rowGroup: rowGroup)
                    }
                    guard let pages = byColumn[column], pages.count == all.count, pages[number].rows == rows else {
                        return nil
                    }
                    return table.columns[column].isElement ? pages[number].bounds.ofElements : pages[number].bounds
                }, mayContain: { (_, _) throws(StoreError) in true })
            if try filter.mayMatch(page) { kept.append(rows) }
        }
        return kept
    }

    /// Rows that have to be looked at.
    var rowCount: Int { units.reduce(0) { $0 + $1.pages.reduce(0) { $0 + $1.count } } }

    /// Threads that a scan of this size is worth.
    var workerCount: Int {
        rowCount < 50_000 ? 1 : min(ScanCores.count, max(1, units.count))
    }

    private func page(
        _ unit: ScanUnit, _ rows: Range<Int>, _ index: Int, _ memo: PageMemo
    ) throws(VectorFailure) -> PageColumns {
        let stored = StoredPage(unit, rows, identity: index, memo: memo)
        guard table.list != nil, let list = table.columns.firstIndex(where: \.isElement) else { return stored }
        return try ElementPage(stored, table, list)
    }

    /// Has every unit worked on by one of `count` workers, and answers the number of true rows. `work` gets the
    /// worker's number, which is its alone, and page after page of a unit with the rows that are true.
    func run(
        workers count: Int, _ control: QueryControl,
        _ work: @Sendable (_ worker: Int, _ unit: ScanUnit, _ page: PageColumns, _ rows: [UInt32]) throws(VectorFailure)
            -> Void
    ) throws(VectorFailure) -> Int {
        let next = Atomic(0)
        let rowCount = Atomic(0)
        let failure = Mutex<VectorFailure?>(nil)
        control.want(rows: self.rowCount)
        DispatchQueue.concurrentPerform(iterations: count) { worker in
            let texts = TextMemo()
            while failure.withLock({ $0 == nil }), !control.isCancelled {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < units.count else { return }
                do throws(VectorFailure) {
                    let memo = PageMemo(texts)
                    for rows in units[index].pages {
                        let unit = units[index]
                        let page = try page(unit, rows, index, memo)
                        var matching = Array(0 ..< UInt32(page.count))
                        try filter.keep(&matching, page)
                        guard !matching.isEmpty else { continue }
                        rowCount.wrappingAdd(matching.count, ordering: .relaxed)
                        try work(worker, unit, page, matching)
                    }
                    control.finish(rows: units[index].pages.reduce(0) { $0 + $1.count })
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let found = failure.withLock({ $0 }) { throw found }
        if control.isCancelled { throw .cancelled }
        return rowCount.load(ordering: .relaxed)
    }
}

extension ColumnBounds {
    /// What the bounds of lists say of their elements: the values alone. How many elements are unset is not known.
    fileprivate var ofElements: ColumnBounds? {
        values.map { ColumnBounds(values: $0, nullCount: nil, rowCount: rowCount) }
    }
}
