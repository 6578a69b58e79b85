// SPDX-License-Identifier: Apache-2.0
//
// The values of one column of a row group under construction.
//
// Reads   cells of row batches, or of segments that are merged.
// Writes  its own arrays, kept from one row group to the next.
// Leaves  encoding (`ChunkEncoder`).

internal import Records

/// One column of the open row group. Numbers are words in the unit of the file; texts are indices into a dictionary.
struct ColumnBuilder: Sendable {
    let column: Column
    /// The column's bit among the presence bits of a row.
    let index: Int
    private(set) var rowCount = 0
    /// One bit a row: whether the cell is set. Not kept for lists.
    private(set) var validity: [UInt64] = []
    private(set) var nullCount = 0
    /// Of each set cell, or each element: a number, or the 64 bits of an identity.
    private(set) var words: [UInt64] = []
    /// Of each set cell, or each element: the number of its text.
    private(set) var indices: [UInt32] = []
    var texts = TextDictionary()
    private var addresses = AddressDictionary()
    /// Lists only: of each row 0 where it is unset, else its elements + 1.
    private(set) var listCounts: [UInt32] = []

    init(_ column: Column, index: Int) {
        self.column = column
        self.index = index
    }

    /// Values, set ones only, or elements.
    var valueCount: Int { words.count &+ indices.count }

    /// Octets held.
    var byteCount: Int {
        words.count &* 8 &+ indices.count &* 4 &+ validity.count &* 8 &+ listCounts.count &* 4
            &+ texts.byteCount &+ addresses.byteCount
    }

    mutating func clear() {
        rowCount = 0
        nullCount = 0
        validity.removeAll(keepingCapacity: true)
        words.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        listCounts.removeAll(keepingCapacity: true)
        if column.kind.isStoredAsText {
            texts.clear()
            addresses.clear()
        }
    }

    /// Appends the column's cells of some rows.
    mutating func append(_ batch: borrowing RowBatch, rows: Range<Int>) {
        if column.kind.isList { return appendLists(batch, rows: rows) }
        switch column.kind {
        case .time, .interval: appendTimes(batch, rows: rows)
        case .address: appendAddresses(batch, rows: rows)
        case .text, .enumeration: appendTexts(batch, rows: rows)
        default: appendWords(batch, rows: rows)
        }
    }

    /// Notes the next row; true where its cell is set.
    @inline(__always)
    private mutating func note(_ isSet: Bool) -> Bool {
        let bit = UInt64(rowCount & 63)
        if bit == 0 { validity.append(0) }
        rowCount &+= 1
        if isSet { validity[validity.count &- 1] |= 1 << bit } else { nullCount &+= 1 }
        return isSet
    }

    private mutating func appendWords(_ batch: borrowing RowBatch, rows: Range<Int>) {
        for row in rows where note(batch.isSet(row, index)) { words.append(batch.word(row, column)) }
    }

    private mutating func appendTimes(_ batch: borrowing RowBatch, rows: Range<Int>) {
        for row in rows where note(batch.isSet(row, index)) {
            words.append(ColumnBuilder.microseconds(batch.word(row, column)))
        }
    }

    private mutating func appendAddresses(_ batch: borrowing RowBatch, rows: Range<Int>) {
        for row in rows where note(batch.isSet(row, index)) {
            indices.append(addresses.index(of: batch.address(row, column), texts: &texts))
        }
    }

    private mutating func appendTexts(_ batch: borrowing RowBatch, rows: Range<Int>) {
        let bytes = batch.bytes
        for row in rows where note(batch.isSet(row, index)) {
            indices.append(texts.index(of: bytes, batch.textRange(row, column)))
        }
    }

    private mutating func appendLists(_ batch: borrowing RowBatch, rows: Range<Int>) {
        let bytes = batch.bytes
        for row in rows {
            rowCount &+= 1
            guard batch.isSet(row, index) else {
                listCounts.append(0)
                nullCount &+= 1
                continue
            }
            let count = batch.listCount(row, column)
            var place = batch.listStart(row, column)
            listCounts.append(UInt32(truncatingIfNeeded: count &+ 1))
            for _ in 0..<count {
                switch column.kind.elementKind {
                case .text: indices.append(texts.index(of: bytes, batch.listText(&place)))
                case .address:
                    let address = Address(high: batch.listWord(&place), low: batch.listWord(&place))
                    indices.append(addresses.index(of: address, texts: &texts))
                case .interval: words.append(ColumnBuilder.microseconds(batch.listWord(&place)))
                default: words.append(batch.listWord(&place))
                }
            }
        }
    }

    // MARK: rows of other segments

    /// Appends rows that a segment holds already: texts and units are those of the file.
    mutating func append(_ vector: ColumnVector, rows: Range<Int>) {
        // Of each text of the vector its number here, once it is known; +1, so that 0 is unknown.
        var numbers = [UInt32](repeating: 0, count: vector.isDictionary ? vector.texts.count : 0)
        guard column.kind.isList else {
            for row in rows where note(vector.isSet(row)) { append(vector, place: row, &numbers) }
            return
        }
        for row in rows {
            rowCount &+= 1
            guard vector.isSet(row) else {
                listCounts.append(0)
                nullCount &+= 1
                continue
            }
            let elements = vector.elements(row)
            listCounts.append(UInt32(truncatingIfNeeded: elements.count &+ 1))
            for place in elements { append(vector, place: place, &numbers) }
        }
    }

    private mutating func append(_ vector: ColumnVector, place: Int, _ numbers: inout [UInt32]) {
        switch column.kind.elementKind {
        case .uid, .fuid: words.append(UID(octets: vector.text(place))?.value ?? 0)
        case .text, .enumeration, .address:
            let number = Int(vector.indices[place])
            if number < numbers.count, numbers[number] != 0 { return indices.append(numbers[number] &- 1) }
            let index = texts.index(of: vector.texts.bytes, vector.texts.range(number))
            if number < numbers.count { numbers[number] = index &+ 1 }
            indices.append(index)
        default: words.append(vector.words[place])
        }
    }

    /// Nanoseconds to whole microseconds, towards zero, as the logs do.
    @inline(__always)
    private static func microseconds(_ word: UInt64) -> UInt64 {
        UInt64(bitPattern: Int64(bitPattern: word) / 1000)
    }

    /// The number of set cells among the rows before each row of `boundaries` (flat columns).
    func setCount(before row: Int) -> Int {
        var count = 0
        for word in 0 ..< row >> 6 { count &+= validity[word].nonzeroBitCount }
        if row & 63 != 0 { count &+= (validity[row >> 6] & ((1 << UInt64(row & 63)) &- 1)).nonzeroBitCount }
        return count
    }
}
