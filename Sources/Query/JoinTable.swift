// SPDX-License-Identifier: Apache-2.0
//
// The smaller side of a join in memory: its rows by their keys.
//
// Reads   pages with the rows that a filter took.
// Writes  for a key the rows that have it; columns of these rows.

import Records
import Store

/// One worker's rows of the smaller side.
struct JoinRows: Sendable {
    /// A column: words, or numbers of texts.
    struct Column: Sendable {
        let kind: ColumnKind
        var words: [UInt64] = []
        var isUnset: [Bool] = []
    }

    let keys: [Int]
    private(set) var columns: [Int: Column] = [:]
    private(set) var coder = TextCoder()
    private(set) var count = 0

    /// Octets of one worker's rows; beyond that the join is SQLite's.
    static let bytesMax = 1 << 30

    /// - Parameters:
    ///   - keys: columns by which rows are joined; rows in which one is unset join with none.
    ///   - used: columns that are wanted of the pairs.
    init(_ table: QueryTable, keys: [Int], used: Set<Int>) {
        self.keys = keys
        for column in used.union(keys) { columns[column] = Column(kind: table.columns[column].valueKind) }
    }

    mutating func add(_ rows: [UInt32], _ page: PageColumns) throws(VectorFailure) {
        var rows = rows
        for key in keys {
            guard let vector = try page.vector(key) else { return }
            if !vector.isFull { rows.removeAll { !vector.has(Int($0)) } }
        }
        guard !rows.isEmpty else { return }
        for column in columns.keys {
            guard var own = columns[column] else { continue }
            columns[column] = Column(kind: own.kind)
            if own.kind.isStoredAsText {
                let isUnset = try coder.codes(column, rows, page, into: &own.words)
                own.isUnset.append(contentsOf: isUnset.isEmpty ? Array(repeating: false, count: rows.count) : isUnset)
            } else if let vector = try page.vector(column) {
                for row in rows {
                    own.words.append(vector.words[Int(row)])
                    own.isUnset.append(!vector.has(Int(row)))
                }
            } else {
                own.words.append(contentsOf: repeatElement(0, count: rows.count))
                own.isUnset.append(contentsOf: repeatElement(true, count: rows.count))
            }
            columns[column] = own
        }
        count += rows.count
        guard count * columns.count * 9 + coder.texts.pool.bytes.count <= JoinRows.bytesMax else { throw .notOurs }
    }

    /// Adds another worker's rows.
    mutating func merge(_ other: JoinRows) throws(VectorFailure) {
        var map: [UInt64] = []
        map.reserveCapacity(other.coder.texts.count)
        for number in 0..<other.coder.texts.count {
            let pool = other.coder.texts.pool
            map.append(UInt64(coder.number(of: pool.bytes, pool.range(number))))
        }
        for (column, values) in other.columns {
            guard var own = columns[column] else { continue }
            columns[column] = Column(kind: own.kind)
            own.isUnset += values.isUnset
            if own.kind.isStoredAsText {
                for word in values.words { own.words.append(word == TextCoder.unset ? word : map[Int(word)]) }
            } else {
                own.words += values.words
            }
            columns[column] = own
        }
        count += other.count
        guard count * columns.count * 9 + coder.texts.pool.bytes.count <= 2 * JoinRows.bytesMax, count < 1 << 31 else {
            throw .notOurs
        }
    }
}

/// The rows of the smaller side by their keys.
struct JoinTable: Sendable {
    private let groups: GroupTable
    /// Where the rows of each key begin in `rows`; one more at the end.
    private let starts: [UInt32]
    private let rows: [UInt32]
    private let vectors: [Int: ColumnVector]
    let texts: KeyTexts

    init(_ side: JoinRows, used: Set<Int>) {
        texts = side.coder.texts
        let keys = side.keys.map { side.columns[$0]?.words ?? [] }
        var words: [UInt64] = []
        words.reserveCapacity(side.count * keys.count)
        for row in 0..<side.count { for key in keys { words.append(key[row]) } }
        var groups = GroupTable(width: keys.count)
        var numbers: [UInt32] = []
        groups.indices(of: words, into: &numbers)
        var starts = [UInt32](repeating: 0, count: groups.count + 1)
        for number in numbers { starts[Int(number) + 1] &+= 1 }
        for index in 1..<max(starts.count, 1) { starts[index] &+= starts[index - 1] }
        var next = starts
        var rows = [UInt32](repeating: 0, count: side.count)
        for (row, number) in numbers.enumerated() {
            rows[Int(next[Int(number)])] = UInt32(truncatingIfNeeded: row)
            next[Int(number)] &+= 1
        }
        self.groups = groups
        self.starts = starts
        self.rows = rows
        let pool = side.coder.texts.pool
        vectors = Dictionary(
            uniqueKeysWithValues: used.compactMap { column in
                side.columns[column].map { (column, JoinTable.vector($0, pool)) }
            })
    }

    private static func vector(_ column: JoinRows.Column, _ pool: TextPool) -> ColumnVector {
        var validity = [UInt64](repeating: 0, count: (column.words.count &+ 63) / 64)
        for row in column.words.indices where !column.isUnset[row] { validity[row >> 6] |= 1 << UInt64(row & 63) }
        let isText = column.kind.isStoredAsText
        let indices = column.words.map { $0 == TextCoder.unset ? 0 : UInt32(truncatingIfNeeded: $0) }
        return ColumnVector(
            kind: column.kind, validity: validity, words: isText ? [] : column.words, indices: isText ? indices : [],
            texts: isText ? pool : TextPool(), isDictionary: isText)
    }

    /// A column of some rows; nil where no row is set.
    func vector(_ column: Int, _ rows: [UInt32]) -> ColumnVector? { vectors[column]?.taking(rows) }

    /// Appends the numbers of keys, one behind the other in `words`; `UInt32.max` for those that no row has.
    func find(_ words: [UInt64], into numbers: inout [UInt32]) { groups.known(words, into: &numbers) }

    /// The rows with the key of a number.
    func matches(_ number: UInt32) -> ArraySlice<UInt32> {
        rows[Int(starts[Int(number)])..<Int(starts[Int(number) &+ 1])]
    }

    func matchCount(_ number: UInt32) -> Int { Int(starts[Int(number) &+ 1] &- starts[Int(number)]) }
}
