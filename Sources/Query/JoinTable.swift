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
}

/// How the words of a key stand: one behind the other, or two small ones in one.
struct JoinKeys: Sendable {
    let count: Int
    /// Two texts, ports or truths of both tables go into one word.
    let isPacked: Bool

    init(_ left: [ColumnKind], _ right: [ColumnKind]) {
        count = left.count
        isPacked = count == 2 && (left + right).allSatisfy { $0.isStoredAsText || $0 == .port || $0 == .boolean }
    }

    var width: Int { isPacked ? 1 : count }

    /// Appends the words of a row's key; `words` are those of each column. Numbers of texts are changed by the column's
    /// map where it has one.
    @inline(__always) func append(
        _ row: Int, of words: [[UInt64]], _ maps: [[UInt32]?]? = nil, to keys: inout [UInt64]
    ) {
        guard isPacked else {
            for column in words.indices { keys.append(code(row, column, words, maps)) }
            return
        }
        keys.append(code(row, 0, words, maps) | code(row, 1, words, maps) << 32)
    }

    @inline(__always) private func code(
        _ row: Int, _ column: Int, _ words: [[UInt64]], _ maps: [[UInt32]?]?
    ) -> UInt64 {
        guard let maps, let map = maps[column] else { return words[column][row] }
        return UInt64(map[Int(words[column][row])])
    }
}

/// The rows of the smaller side by their keys.
struct JoinTable: Sendable {
    /// Keys in parts, no key in two; and the first number of each part's.
    private let parts: [GroupTable]
    private let firsts: [UInt32]
    private let keys: JoinKeys
    /// Where the rows of each key begin in `rows`; one more at the end.
    private let starts: [UInt32]
    private let rows: [UInt32]
    private let vectors: [Int: ColumnVector]
    let texts: KeyTexts

    /// Rows from which on the parts are made on all cores.
    private static let rowsAlone = 50_000
    private static let partsMax = 16

    /// Puts the workers' rows together. Throws where they are too many for memory.
    init(_ sides: consuming [JoinRows], _ keys: JoinKeys, used: Set<Int>) throws(VectorFailure) {
        let sides = sides
        let count = sides.reduce(0) { $0 + $1.count }
        var coder = sides[0].coder
        let maps = sides.dropFirst().map { side in
            var map: [UInt32] = []
            coder.appendNumbers(of: side.coder.texts.pool, to: &map)
            return map
        }
        let bytes = count * sides[0].columns.count * 9 + coder.texts.pool.bytes.count
        guard bytes <= 2 * JoinRows.bytesMax, count < 1 << 31 else { throw .notOurs }
        let partCount = count < JoinTable.rowsAlone ? 1 : min(ScanCores.count, JoinTable.partsMax)
        let made = ScanCores.map(partCount) { JoinTable.part($0, of: partCount, sides, maps, keys) }
        var (starts, rows, firsts): ([UInt32], [UInt32], [UInt32]) = ([], [], [])
        for part in made {
            firsts.append(UInt32(truncatingIfNeeded: starts.count))
            let before = UInt32(truncatingIfNeeded: rows.count)
            starts += part.starts.map { $0 &+ before }
            rows += part.rows
        }
        starts.append(UInt32(truncatingIfNeeded: rows.count))
        self.keys = keys
        self.starts = starts
        self.rows = rows
        self.firsts = firsts
        parts = made.map(\.groups)
        texts = coder.texts
        let wanted = used.sorted()
        let pool = coder.texts.pool
        let joined = ScanCores.map(wanted.count) { JoinTable.vector(JoinTable.column(wanted[$0], sides, maps), pool) }
        vectors = Dictionary(uniqueKeysWithValues: zip(wanted, joined))
    }

    /// A column of all workers, with the first one's numbers of texts.
    private static func column(_ name: Int, _ sides: [JoinRows], _ maps: [[UInt32]]) -> JoinRows.Column {
        var all = sides[0].columns[name] ?? JoinRows.Column(kind: .text)
        for (side, map) in zip(sides.dropFirst(), maps) {
            guard let other = side.columns[name] else { continue }
            all.isUnset += other.isUnset
            if all.kind.isStoredAsText {
                for word in other.words {
                    all.words.append(word == TextCoder.unset ? word : UInt64(map[Int(word)]))
                }
            } else {
                all.words += other.words
            }
        }
        return all
    }

    /// The keys of a part, where the rows of each begin, and these rows.
    private static func part(
        _ number: Int, of count: Int, _ sides: [JoinRows], _ maps: [[UInt32]], _ keys: JoinKeys
    ) -> (groups: GroupTable, starts: [UInt32], rows: [UInt32]) {
        let width = keys.width
        var own: [UInt64] = []
        var ownRows: [UInt32] = []
        var first = 0
        for (index, side) in sides.enumerated() {
            let columns = side.keys.map { side.columns[$0] ?? JoinRows.Column(kind: .text) }
            let words = columns.map(\.words)
            // The first worker's numbers of texts are those of all.
            let changed = index == 0 ? nil : columns.map { $0.kind.isStoredAsText ? maps[index - 1] : nil }
            for row in 0..<side.count {
                keys.append(row, of: words, changed, to: &own)
                if count > 1, GroupTable.part(of: own, at: own.count &- width, width, count: count) != number {
                    own.removeLast(width)
                } else {
                    ownRows.append(UInt32(truncatingIfNeeded: first &+ row))
                }
            }
            first += side.count
        }
        var groups = GroupTable(width: width)
        var numbers: [UInt32] = []
        groups.indices(of: own, into: &numbers)
        var starts = [UInt32](repeating: 0, count: groups.count + 1)
        for number in numbers { starts[Int(number) &+ 1] &+= 1 }
        for index in 1..<max(starts.count, 1) { starts[index] &+= starts[index &- 1] }
        starts.removeLast()
        var next = starts
        var rows = [UInt32](repeating: 0, count: ownRows.count)
        for (place, number) in numbers.enumerated() {
            rows[Int(next[Int(number)])] = ownRows[place]
            next[Int(number)] &+= 1
        }
        return (groups, starts, rows)
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
    func find(_ words: [UInt64], into numbers: inout [UInt32]) {
        guard parts.count > 1 else { return parts[0].known(words, into: &numbers) }
        let width = keys.width
        let rowCount = words.count / width
        // Sorted by part first, so that each part's table is at hand for all of its keys.
        var ends = [17 of Int](repeating: 0)
        var partOfRow = [UInt8](repeating: 0, count: rowCount)
        for row in 0..<rowCount {
            let part = GroupTable.part(of: words, at: row &* width, width, count: parts.count)
            partOfRow[row] = UInt8(truncatingIfNeeded: part)
            ends[part &+ 1] &+= 1
        }
        for part in parts.indices { ends[part &+ 1] &+= ends[part] }
        var next = ends
        var sorted = [UInt64](repeating: 0, count: words.count)
        var places = [UInt32](repeating: 0, count: rowCount)
        for row in 0..<rowCount {
            let place = next[Int(partOfRow[row])]
            next[Int(partOfRow[row])] = place &+ 1
            places[place] = UInt32(truncatingIfNeeded: row)
            for word in 0..<width { sorted[place &* width &+ word] = words[row &* width &+ word] }
        }
        let start = numbers.count
        numbers.append(contentsOf: repeatElement(.max, count: rowCount))
        var found: [UInt32] = []
        for part in parts.indices {
            let own = ends[part] ..< ends[part &+ 1]
            found.removeAll(keepingCapacity: true)
            parts[part].known(Array(sorted[own.lowerBound &* width ..< own.upperBound &* width]), into: &found)
            for (place, number) in zip(own, found) where number != .max {
                numbers[start &+ Int(places[place])] = number &+ firsts[part]
            }
        }
    }

    /// The rows with the key of a number.
    func matches(_ number: UInt32) -> ArraySlice<UInt32> {
        rows[Int(starts[Int(number)])..<Int(starts[Int(number) &+ 1])]
    }

    func matchCount(_ number: UInt32) -> Int { Int(starts[Int(number) &+ 1] &- starts[Int(number)]) }
}
