// SPDX-License-Identifier: Apache-2.0
//
// Rows that a filter took, by their places, for SQLite to ask for: all of them, or the first in an order.
//
// Reads   pages with the rows that are true.
// Writes  `FoundPage`s in the order of the table.

import Records
import Store
import Synchronization

/// One worker's finds. The worker is alone with them while the scan runs.
final class FoundShare: Sendable {
    typealias Top = (column: Int, isDescending: Bool, count: Int)

    /// A row among the first: the bits of its value in an order that is ascending, and its place.
    private struct Candidate {
        var rank: UInt64
        var isUnset: Bool
        var unit: Int
        var page: Range<Int>
        var row: UInt32
    }

    private struct State {
        var pages: [(unit: Int, page: FoundPage)] = []
        var candidates: [Candidate] = []
        /// The last of the candidates that still counts; nothing behind it is kept.
        var limit: Candidate?
        var rowCount = 0
    }

    private let top: Top?
    private let kind: ColumnKind
    private let state = Mutex(State())
    /// Rows that are kept at most; a question for more is SQLite's.
    private static let rowsMax = 1 << 26

    init(_ top: Top?, kind: ColumnKind) {
        self.top = top
        self.kind = kind
    }

    func add(_ unit: ScanUnit, _ page: PageColumns, _ rows: [UInt32]) throws(VectorFailure) {
        guard let top else {
            try state.withLock { (own) throws(VectorFailure) in
                own.rowCount += rows.count
                guard own.rowCount <= FoundShare.rowsMax else { throw .notOurs }
                own.pages.append((page.identity, FoundShare.found(unit, page.rows, rows)))
            }
            return
        }
        guard top.count > 0 else { return }
        let vector = try page.vector(top.column)
        state.withLock { own in
            for row in rows {
                var candidate = Candidate(rank: 0, isUnset: true, unit: page.identity, page: page.rows, row: row)
                if let vector, vector.isSet(Int(row)) {
                    candidate.isUnset = isUnset(vector.words[Int(row)])
                    candidate.rank = candidate.isUnset ? 0 : rank(vector.words[Int(row)])
                }
                if let limit = own.limit, !isBefore(candidate, limit) { continue }
                own.candidates.append(candidate)
                if own.candidates.count >= max(2 * top.count, 1024) { trim(&own, top.count) }
            }
        }
    }

    private static func found(_ unit: ScanUnit, _ page: Range<Int>, _ rows: [UInt32]) -> FoundPage {
        FoundPage(
            segment: unit.segment, reader: unit.reader, places: unit.places, rowGroup: unit.rowGroup,
            rowBase: unit.rowBase, page: page, rows: rows)
    }

    // MARK: the first in an order

    private func trim(_ own: inout State, _ count: Int) {
        own.candidates.sort(by: isBefore)
        if own.candidates.count > count { own.candidates.removeLast(own.candidates.count - count) }
        if own.candidates.count == count { own.limit = own.candidates.last }
    }

    /// Unset values come first in ascending and last in descending order; equal ones in the order of the table.
    private func isBefore(_ left: Candidate, _ right: Candidate) -> Bool {
        if left.isUnset != right.isUnset { return left.isUnset == !(top?.isDescending ?? false) }
        if left.rank != right.rank { return left.rank < right.rank }
        if left.unit != right.unit { return left.unit < right.unit }
        if left.page.lowerBound != right.page.lowerBound { return left.page.lowerBound < right.page.lowerBound }
        return left.row < right.row
    }

    private func isUnset(_ word: UInt64) -> Bool { kind == .real && Double(bitPattern: word).isNaN }

    private func rank(_ word: UInt64) -> UInt64 {
        let ascending: UInt64
        switch kind {
        case .time, .interval, .integer: ascending = word ^ (1 << 63)
        case .real:
            let bits = Double(bitPattern: word) == 0 ? 0 : word
            ascending = bits >> 63 == 1 ? ~bits : bits | (1 << 63)
        default: ascending = word
        }
        return top?.isDescending ?? false ? ~ascending : ascending
    }

    // MARK: all workers

    /// Cells that are read beforehand at most; of more rows the columns are read as they are asked for.
    private static let cellsMax = 1 << 20

    /// Reads columns of what was found on all cores: a few rows of many pages cost as much as the pages.
    static func read(_ columns: Set<Int>, of found: [FoundPage]) throws(VectorFailure) -> [FoundPage] {
        guard found.reduce(0, { $0 + $1.rows.count }) * columns.count <= cellsMax else { return found }
        let columns = columns.sorted()
        let vectors = ScanCores.map(found.count * columns.count) { number in
            Result { () throws(StoreError) in
                try found[number / columns.count].read(columns[number % columns.count])
            }
        }
        var pages = found
        for (number, vector) in vectors.enumerated() {
            do throws(StoreError) {
                pages[number / columns.count].cells[columns[number % columns.count]] = try vector.get()
            } catch {
                throw .store(error)
            }
        }
        return pages
    }

    static func joined(_ shares: [FoundShare], _ scan: VectorScan) -> [FoundPage] {
        guard let first = shares.first, let top = first.top else {
            return shares.flatMap { $0.state.withLock(\.pages) }
                .sorted { ($0.unit, $0.page.page.lowerBound) < ($1.unit, $1.page.page.lowerBound) }.map(\.page)
        }
        var all = State()
        for share in shares { all.candidates += share.state.withLock(\.candidates) }
        first.trim(&all, top.count)
        let ordered = all.candidates.sorted { left, right in
            (left.unit, left.page.lowerBound, left.row) < (right.unit, right.page.lowerBound, right.row)
        }
        var pages: [FoundPage] = []
        var start = 0
        while start < ordered.count {
            let head = ordered[start]
            let end = ordered[start...].firstIndex { $0.unit != head.unit || $0.page != head.page } ?? ordered.count
            pages.append(found(scan.units[head.unit], head.page, ordered[start..<end].map(\.row)))
            start = end
        }
        return pages
    }
}

extension FoundPage {
    /// The values of a column in the rows; nil where the segment does not have it.
    fileprivate func read(_ column: Int) throws(StoreError) -> ColumnVector? {
        guard let place = places[column] else { return nil }
        return try reader.read(column: place, rowGroup: rowGroup, rows: page).taking(rows).withOwnTexts
    }
}
