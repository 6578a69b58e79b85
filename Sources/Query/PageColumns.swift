// SPDX-License-Identifier: Apache-2.0
//
// The columns of one page of rows, decoded when they are asked for: rows of a log, elements of a list, or pairs of a
// join (JoinedPage).

import Records
import Store

/// What functions gave for texts that have numbers. Used by one worker at a time.
class FunctionMemo {
    /// By the number of an expression: its value for each text, and for NULL.
    var values: [Int: [SQLValue?]] = [:]
    /// The same for functions that rows are grouped by: the code of the value, +1, and 0 where it is not known yet.
    var codes: [Int: [UInt64]] = [:]
}

/// Texts of pages without a dictionary, numbered for a worker's whole scan, and what functions gave for them.
final class TextMemo: FunctionMemo {
    private var texts = KeyTexts()
    /// Texts, and their octets, up to which new ones are numbered.
    private let countMax: Int
    private static let bytesMax = 64 << 20

    init(countMax: Int = 1 << 20) { self.countMax = countMax }

    var count: Int { texts.count }

    /// The numbers of the texts at some places of a pool, `UInt32.max` for those that are too many.
    func numbers(of pool: TextPool, _ places: [UInt32]) -> [UInt32] {
        // Where every row is unset there is no text.
        guard pool.count > 0 else { return Array(repeating: .max, count: places.count) }
        var numbers: [UInt32] = []
        if texts.count < countMax, texts.pool.bytes.count < TextMemo.bytesMax {
            texts.numbers(of: pool, places, into: &numbers)
        } else {
            texts.known(of: pool, places, into: &numbers)
        }
        return numbers
    }
}

/// What is found out once for all pages of a row group, whose dictionaries are the same.
final class PageMemo: FunctionMemo {
    let texts: TextMemo
    init(_ texts: TextMemo) { self.texts = texts }
}

/// The numbers of a column's texts, by the row of a page, and what is known of these texts.
struct NumberedTexts {
    let numbers: [UInt32]
    /// Numbers are below it; `UInt32.max` is none.
    let count: Int
    let memo: FunctionMemo
}

/// Some rows, as a table's columns. Used by one thread.
class PageColumns {
    /// The same for all pages of a row group, whose dictionaries are the same.
    let identity: Int
    /// Rows of the row group.
    let rows: Range<Int>
    /// How many rows it has.
    let count: Int
    let memo: PageMemo
    private var vectors: [ColumnVector?]
    private var numbered: [Int: NumberedTexts] = [:]
    /// Texts of a dictionary up to which what functions gave for them is kept.
    private static let dictionaryMax = 1 << 18

    init(identity: Int, rows: Range<Int>, count: Int, columns: Int, memo: PageMemo) {
        self.identity = identity
        self.rows = rows
        self.count = count
        self.memo = memo
        vectors = Array(repeating: nil, count: columns)
    }

    /// The values of a column for the page; nil where the segment does not have it.
    final func vector(_ column: Int) throws(VectorFailure) -> ColumnVector? {
        if let known = vectors[column] { return known }
        let vector = try load(column)
        vectors[column] = vector
        return vector
    }

    /// The numbers of the texts of a column, by which what functions give for them is kept; nil where so many rows are
    /// not worth that all of the page get one.
    final func numberedTexts(_ column: Int, _ vector: ColumnVector, for rowCount: Int) -> NumberedTexts? {
        if let known = numbered[column] { return known }
        let made: NumberedTexts
        if vector.isDictionary, vector.texts.count <= PageColumns.dictionaryMax {
            made = NumberedTexts(numbers: vector.indices, count: vector.texts.count, memo: memo)
        } else {
            guard rowCount &* 4 >= vector.rowCount else { return nil }
            let numbers = memo.texts.numbers(of: vector.texts, vector.indices)
            made = NumberedTexts(numbers: numbers, count: memo.texts.count, memo: memo.texts)
        }
        numbered[column] = made
        return made
    }

    /// Makes the vector of a column.
    func load(_ column: Int) throws(VectorFailure) -> ColumnVector? { nil }

    /// A number for the dictionary of a column: pages with the same number have the same texts in the same places.
    func pool(_ column: Int) -> Int { identity }
}

/// Rows of a log.
final class StoredPage: PageColumns {
    private let unit: ScanUnit

    init(_ unit: ScanUnit, _ rows: Range<Int>, identity: Int, memo: PageMemo) {
        self.unit = unit
        super.init(identity: identity, rows: rows, count: rows.count, columns: unit.places.count, memo: memo)
    }

    override func load(_ column: Int) throws(VectorFailure) -> ColumnVector? {
        guard let place = unit.places[column] else { return nil }
        do {
            return try unit.reader.read(column: place, rowGroup: unit.rowGroup, rows: rows)
        } catch {
            throw .store(error)
        }
    }
}

/// Elements of a list, each with the columns of its row.
final class ElementPage: PageColumns {
    private let base: StoredPage
    private let table: QueryTable
    /// The row of each element, and its place among the row's.
    private let owners: [UInt32]
    private let offsets: [UInt32]

    init(_ base: StoredPage, _ table: QueryTable, _ listColumn: Int) throws(VectorFailure) {
        self.base = base
        self.table = table
        var owners: [UInt32] = []
        var offsets: [UInt32] = []
        if let lists = try base.vector(listColumn) {
            for row in 0..<lists.rowCount where lists.has(row) {
                for offset in 0..<lists.elements(row).count {
                    owners.append(UInt32(truncatingIfNeeded: row))
                    offsets.append(UInt32(truncatingIfNeeded: offset))
                }
            }
        }
        self.owners = owners
        self.offsets = offsets
        super.init(
            identity: base.identity, rows: base.rows, count: owners.count, columns: table.columns.count,
            memo: base.memo)
    }

    override func load(_ column: Int) throws(VectorFailure) -> ColumnVector? {
        guard let vector = try base.vector(column) else { return nil }
        guard table.columns[column].isElement else { return vector.taking(owners) }
        // The first list has all elements in turn; one beside it may have fewer in a row.
        var places: [UInt32] = []
        places.reserveCapacity(owners.count)
        for index in owners.indices {
            let row = Int(owners[index])
            let offset = Int(offsets[index])
            let own = vector.has(row) ? vector.elements(row) : 0..<0
            places.append(offset < own.count ? UInt32(truncatingIfNeeded: own.lowerBound &+ offset) : .max)
        }
        return vector.elements(at: places, kind: table.columns[column].valueKind)
    }
}

extension ColumnVector {
    /// Whether a row is set.
    @inline(__always) func has(_ row: Int) -> Bool { validity[row >> 6] & (1 << UInt64(row & 63)) != 0 }

    /// Whether all rows are set.
    var isFull: Bool {
        let whole = rowCount >> 6
        for word in 0..<whole where validity[word] != .max { return false }
        let rest = UInt64(rowCount & 63)
        return rest == 0 || validity[whole] & ((1 << rest) &- 1) == (1 << rest) &- 1
    }

    /// The values of some rows, in their order.
    func taking(_ rows: [UInt32]) -> ColumnVector {
        let isText = kind.isStoredAsText
        var validity = [UInt64](repeating: 0, count: (rows.count &+ 63) / 64)
        if isFull {
            for word in validity.indices { validity[word] = .max }
        } else {
            for index in rows.indices where has(Int(rows[index])) { validity[index >> 6] |= 1 << UInt64(index & 63) }
        }
        return ColumnVector(
            kind: kind, validity: validity, words: isText ? [] : rows.map { words[Int($0)] },
            indices: isText ? rows.map { indices[Int($0)] } : [], texts: texts, isDictionary: isDictionary)
    }

    /// The same values with no texts but theirs.
    var withOwnTexts: ColumnVector {
        guard kind.isStoredAsText, rowCount < texts.count else { return self }
        var pool = TextPool()
        for index in indices { pool.append(texts.bytes, texts.range(Int(index))) }
        return ColumnVector(
            kind: kind, validity: validity, words: [], indices: Array(0 ..< UInt32(truncatingIfNeeded: rowCount)),
            texts: pool, isDictionary: false)
    }

    /// The elements at some places of a list's; `UInt32.max` is none.
    func elements(at places: [UInt32], kind: ColumnKind) -> ColumnVector {
        var validity = [UInt64](repeating: 0, count: (places.count &+ 63) / 64)
        for index in places.indices where places[index] != .max { validity[index >> 6] |= 1 << UInt64(index & 63) }
        let isText = kind.isStoredAsText
        return ColumnVector(
            kind: kind, validity: validity, words: isText ? [] : places.map { $0 == .max ? 0 : words[Int($0)] },
            indices: isText ? places.map { $0 == .max ? 0 : indices[Int($0)] } : [], texts: texts,
            isDictionary: isDictionary)
    }
}
