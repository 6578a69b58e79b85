// SPDX-License-Identifier: Apache-2.0
//
// One pass over a table: the rows that may match, and their cells.
//
// Reads   segments, oldest first; row groups; pages. Each is passed over where bounds or a bloom filter
//         say that nothing in it matches.
// Writes  cells as SQL has them, decoded when they are asked for.
// Leaves  joining, sorting, the last word on every constraint (SQLite).

import Records
import Store

/// A cell as SQL has it. The octets of a text stand in the scan's `scratch`.
enum Cell: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text

    /// The cell of a number as the store holds it; the octets of a time go into `scratch`.
    init(word: UInt64, _ kind: ColumnKind, _ scratch: inout [UInt8]) {
        switch kind {
        case .time:
            TimeText.append(Int64(bitPattern: word), to: &scratch)
            self = .text
        case .interval:
            self = .real(Double(Int64(bitPattern: word)) / 1_000_000)
        case .real:
            let number = Double(bitPattern: word)
            self = number.isNaN ? .null : .real(number)
        case .integer:
            self = .integer(Int64(bitPattern: word))
        default:
            self = word <= UInt64(Int64.max) ? .integer(Int64(word)) : .real(Double(word))
        }
    }
}

/// Rows of one page that are known to be wanted.
struct FoundPage: Sendable {
    /// Number of the segment in the snapshot.
    let segment: Int
    let reader: SegmentReader
    let places: [Int?]
    let rowGroup: Int
    /// Rows of the segment before the row group.
    let rowBase: Int
    /// Rows of the row group that are decoded together.
    let page: Range<Int>
    /// Rows of the page, ascending.
    let rows: [UInt32]
    /// Columns that have been read, with a place for each of these rows.
    var cells: [Int: ColumnVector] = [:]
}

/// A pass over the rows of a table that may match. Used by one thread.
struct SegmentScan {
    let table: QueryTable
    /// The octets of the text cell that was asked for last.
    private(set) var scratch: [UInt8] = []
    private(set) var isAtEnd = false

    private let snapshot: Snapshot
    private let constraints: [Constraint]
    private let listColumn: Int?
    private let segments: [SegmentInfo]
    private var segmentIndex = -1
    private var reader: SegmentReader?
    /// For each column of the table its column in the segment; nil where the segment is older than the column.
    private var places: [Int?] = []
    private var rowGroup = -1
    /// Rows of the segment before the row group.
    private var rowBase = 0
    private var pages: [Range<Int>] = []
    private var pageIndex = -1
    /// Rows of the page that may match, counted from its start.
    private var rows: [UInt32] = []
    private var position = 0
    private var vectors: [ColumnVector?] = []
    /// Which of them have a place for each of `rows` alone.
    private var hasOnlyFound: [Bool] = []
    /// Rows that are known already, and how many of their pages are done; then nothing is looked for.
    private let found: [FoundPage]?
    private var foundCount = 0
    /// Place of the element in its vector, and where the row's elements end; for tables of lists.
    private var elements = 0..<0
    private var element = 0

    init(_ snapshot: Snapshot, _ table: QueryTable, _ constraints: [Constraint]) throws(StoreError) {
        self.snapshot = snapshot
        self.table = table
        self.constraints = constraints
        listColumn = table.list == nil ? nil : table.columns.firstIndex(where: \.isElement)
        segments = constraints.contains { $0.test == .never } ? [] : try snapshot.segments(table.log)
        found = nil
        snapshot.counters.segments += segments.count
        snapshot.control.want(rows: segments.reduce(0) { $0 + $1.rowCount })
        position = -1
        try advance()
    }

    /// A pass over rows that are known already, in their order.
    init(_ snapshot: Snapshot, _ table: QueryTable, found: [FoundPage]) throws(StoreError) {
        self.snapshot = snapshot
        self.table = table
        self.found = found
        constraints = []
        segments = try snapshot.segments(table.log)
        listColumn = table.list == nil ? nil : table.columns.firstIndex(where: \.isElement)
        position = -1
        try advance()
    }

    /// Goes to the next row.
    mutating func advance() throws(StoreError) {
        if listColumn != nil, element + 1 < elements.upperBound {
            element += 1
            snapshot.counters.rows += 1
            return
        }
        position += 1
        while true {
            if position < rows.count {
                guard let listColumn else { break }
                if try findElements(listColumn) { break }
                position += 1
            } else if try !nextPage() {
                isAtEnd = true
                return
            }
        }
        snapshot.counters.rows += 1
    }

    /// A number for the row that no other row of the table has while the question lasts: 20 bits of
    /// segment, 27 of row, 16 of element.
    var rowID: Int64 {
        let row = rowBase &+ pages[pageIndex].lowerBound &+ Int(rows[position])
        return Int64(segmentIndex) << 43 | Int64(row) << 16 | Int64((element &- elements.lowerBound) & 0xFFFF)
    }

    // MARK: finding

    private mutating func findElements(_ column: Int) throws(StoreError) -> Bool {
        guard let vector = try vector(column), vector.isSet(Int(rows[position])) else { return false }
        elements = vector.elements(Int(rows[position]))
        element = elements.lowerBound
        return !elements.isEmpty
    }

    /// Goes to the next page with a row that may match.
    private mutating func nextPage() throws(StoreError) -> Bool {
        if let found { return nextFoundPage(found) }
        while true {
            // The statement's next step says that the answer is none.
            if snapshot.control.isCancelled { return false }
            pageIndex += 1
            position = 0
            vectors = Array(repeating: nil, count: table.columns.count)
            if pageIndex >= pages.count {
                guard try nextRowGroup() else { return false }
                continue
            }
            rows.removeAll(keepingCapacity: true)
            rows.append(contentsOf: 0 ..< UInt32(pages[pageIndex].count))
            snapshot.counters.pagesRead += 1
            for constraint in constraints where !table.columns[constraint.column].isElement {
                guard let vector = try vector(constraint.column) else {
                    rows.removeAll()
                    break
                }
                constraint.test.keep(&rows, vector)
                if rows.isEmpty { break }
            }
            if !rows.isEmpty { return true }
        }
    }

    private mutating func nextFoundPage(_ found: [FoundPage]) -> Bool {
        guard foundCount < found.count else { return false }
        let page = found[foundCount]
        segmentIndex = page.segment
        reader = page.reader
        places = page.places
        rowGroup = page.rowGroup
        rowBase = page.rowBase
        pages = [page.page]
        pageIndex = 0
        rows = page.rows
        position = 0
        vectors = Array(repeating: nil, count: table.columns.count)
        hasOnlyFound = Array(repeating: false, count: table.columns.count)
        for (column, vector) in page.cells {
            vectors[column] = vector
            hasOnlyFound[column] = true
        }
        foundCount += 1
        return true
    }

    /// Goes to the next row group that may have a match, and finds which of its pages may.
    private mutating func nextRowGroup() throws(StoreError) -> Bool {
        while true {
            if let reader, rowGroup >= 0 { rowBase += reader.rowCount(rowGroup: rowGroup) }
            rowGroup += 1
            pageIndex = -1
            pages = []
            guard let reader, rowGroup < reader.rowGroupCount else {
                guard try nextSegment() else { return false }
                continue
            }
            guard try mayMatch(reader) else { continue }
            pages = try reader.pages(column: 0, rowGroup: rowGroup).map(\.rows)
            snapshot.counters.pages += pages.count
            var isAnyPage = Array(repeating: true, count: pages.count)
            for constraint in constraints {
                guard let place = places[constraint.column] else { continue }
                let isList = table.columns[constraint.column].kind.isList
                let failing = try reader.pages(column: place, rowGroup: rowGroup)
                    .filter { !constraint.test.mayMatch($0.bounds, isList: isList) }.map(\.rows)
                for index in pages.indices where SegmentScan.covers(failing, pages[index]) { isAnyPage[index] = false }
            }
            pages = pages.indices.filter { isAnyPage[$0] && !pages[$0].isEmpty }.map { pages[$0] }
            if !pages.isEmpty {
                snapshot.counters.rowGroupsRead += 1
                return true
            }
        }
    }

    /// Whether stretches in ascending order leave no row of `rows` out.
    private static func covers(_ stretches: [Range<Int>], _ rows: Range<Int>) -> Bool {
        var next = rows.lowerBound
        for stretch in stretches where stretch.lowerBound <= next && stretch.upperBound > next {
            next = stretch.upperBound
        }
        return next >= rows.upperBound
    }

    private func mayMatch(_ reader: SegmentReader) throws(StoreError) -> Bool {
        for constraint in constraints {
            guard let place = places[constraint.column] else { return false }
            let isList = table.columns[constraint.column].kind.isList
            let bounds = reader.bounds(column: place, rowGroup: rowGroup)
            guard constraint.test.mayMatch(bounds, isList: isList) else { return false }
            guard case .texts(let texts) = constraint.test else { continue }
            var mayContain = false
            for text in texts where !mayContain {
                mayContain = try reader.mayContain(column: place, rowGroup: rowGroup, text: text[...])
            }
            guard mayContain else { return false }
        }
        return true
    }

    /// Opens the next segment that may have a match.
    private mutating func nextSegment() throws(StoreError) -> Bool {
        while true {
            if segments.indices.contains(segmentIndex) {
                snapshot.control.finish(rows: segments[segmentIndex].rowCount)
            }
            segmentIndex += 1
            rowGroup = -1
            rowBase = 0
            reader = nil
            guard segmentIndex < segments.count else { return false }
            let segment = segments[segmentIndex]
            let mayMatch = constraints.allSatisfy { constraint in
                let column = table.columns[constraint.column]
                guard let bounds = segment.bounds[column.source] else { return true }
                return constraint.test.mayMatch(bounds, isList: column.kind.isList)
            }
            guard mayMatch else { continue }
            let opened = try snapshot.reader(segment)
            reader = opened
            places = table.places(in: opened)
            snapshot.counters.segmentsRead += 1
            snapshot.counters.rowGroups += opened.rowGroupCount
            return true
        }
    }

    // MARK: cells

    /// The values of a column for the page; nil where the segment does not have it.
    private mutating func vector(_ column: Int) throws(StoreError) -> ColumnVector? {
        if let known = vectors[column] { return known }
        guard let reader, let place = places[column] else { return nil }
        let vector = try snapshot.vector(
            segments[segmentIndex], reader, column: place, rowGroup: rowGroup, rows: pages[pageIndex])
        vectors[column] = vector
        return vector
    }

    /// The cell of a column in the row.
    mutating func cell(_ column: Int) throws(StoreError) -> Cell {
        guard let vector = try vector(column) else { return .null }
        let row = !hasOnlyFound.isEmpty && hasOnlyFound[column] ? position : Int(rows[position])
        guard vector.isSet(row) else { return .null }
        let description = table.columns[column]
        scratch.removeAll(keepingCapacity: true)
        if description.isElement {
            // Lists beside the first may be shorter.
            let own = vector.elements(row)
            let place = own.lowerBound + element - elements.lowerBound
            return place < own.upperBound ? value(vector, place, description.valueKind) : .null
        }
        guard description.kind.isList else { return value(vector, row, description.kind) }
        appendList(vector, vector.elements(row), description.kind.element)
        return .text
    }

    private mutating func value(_ vector: ColumnVector, _ place: Int, _ kind: ColumnKind) -> Cell {
        if kind.isStoredAsText {
            scratch.append(contentsOf: vector.text(place))
            return .text
        }
        return Cell(word: vector.words[place], kind, &scratch)
    }

    /// A list as a JSON array. Texts of the store have no control characters.
    private mutating func appendList(_ vector: ColumnVector, _ elements: Range<Int>, _ kind: ColumnKind) {
        scratch.append(0x5B)
        for place in elements {
            if place > elements.lowerBound { scratch.append(0x2C) }
            if kind.isStoredAsText {
                scratch.append(0x22)
                for octet in vector.text(place) {
                    if octet == 0x22 || octet == 0x5C { scratch.append(0x5C) }
                    scratch.append(octet)
                }
                scratch.append(0x22)
            } else if kind == .interval {
                let seconds = Double(Int64(bitPattern: vector.words[place])) / 1_000_000
                scratch.append(contentsOf: "\(seconds)".utf8)
            } else {
                scratch.append(contentsOf: "\(vector.words[place])".utf8)
            }
        }
        scratch.append(0x5D)
    }
}
