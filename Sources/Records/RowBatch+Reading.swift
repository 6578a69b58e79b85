// SPDX-License-Identifier: Apache-2.0
//
// The reader's side of a batch: cells by row and column, for the log writers,
// the store and the collector.

extension RowBatch {
    /// Number of the packet that made the row, and its phase; the first key of order.
    @inlinable package func order(_ row: Int) -> UInt64 { words[row &* stride] }
    /// Ordinal of the connection that the row belongs to; the second key of order.
    @inlinable package func ordinal(_ row: Int) -> UInt64 { words[row &* stride &+ 1] & RowBatch.ordinalMask }
    /// Whether the rows stand in the order of their keys.
    package var isOrdered: Bool {
        for row in 0 ..< max(count &- 1, 0) {
            let (this, next) = (order(row), order(row &+ 1))
            if this > next || this == next && ordinal(row) > ordinal(row &+ 1) { return false }
        }
        return true
    }

    /// IP protocol number of the row's connection; 0 where the row names none.
    @inlinable package func protocolNumber(_ row: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: words[row &* stride &+ 1] >> 56)
    }

    @inlinable package func isSet(_ row: Int, _ column: Int) -> Bool {
        words[row &* stride &+ 2] & (1 << UInt64(column)) != 0
    }

    /// The cell's word: a number, a duration, a time, a bit pattern, a place of text.
    @inlinable package func word(_ row: Int, _ column: Column) -> UInt64 {
        words[row &* stride &+ column.wordOffset]
    }

    @inlinable package func address(_ row: Int, _ column: Column) -> Address {
        let place = row &* stride &+ column.wordOffset
        return Address(high: words[place], low: words[place &+ 1])
    }

    /// Where a text cell's octets stand in `bytes`.
    @inlinable package func textRange(_ row: Int, _ column: Column) -> Range<Int> {
        let cell = word(row, column)
        let start = Int(cell >> 32)
        return start ..< start &+ Int(cell & 0xFFFF_FFFF)
    }

    /// How many elements a list cell has.
    @inlinable package func listCount(_ row: Int, _ column: Column) -> Int {
        Int(word(row, column) & 0xFFFF_FFFF)
    }

    /// Where a list cell's elements begin in `bytes`; walk on with `listText` or `listWord`.
    @inlinable package func listStart(_ row: Int, _ column: Column) -> Int { Int(word(row, column) >> 32) }

    /// The text element at `place`, which moves on to the next element.
    @inlinable package func listText(_ place: inout Int) -> Range<Int> {
        var length = 0
        for shift in 0..<4 { length |= Int(bytes[place &+ shift]) << (shift &* 8) }
        let start = place &+ 4
        place = start &+ length
        return start ..< place
    }

    /// The 8-octet element at `place`, which moves on. An address is two of them.
    @inlinable package func listWord(_ place: inout Int) -> UInt64 {
        var value: UInt64 = 0
        for shift in 0..<8 { value |= UInt64(bytes[place &+ shift]) << UInt64(shift &* 8) }
        place &+= 8
        return value
    }

    /// Replaces element `index` of a list of words, such as one parent of `tunnel_parents`.
    package mutating func setListWord(_ row: Int, _ column: Column, _ index: Int, _ value: UInt64) {
        let place = listStart(row, column) &+ index &* 8
        for shift in 0..<8 { bytes[place &+ shift] = UInt8(truncatingIfNeeded: value >> UInt64(shift &* 8)) }
    }

    /// The octets of a list cell as they stand in `bytes`.
    func listRange(_ cell: UInt64, _ kind: ColumnKind) -> Range<Int> {
        let start = Int(cell >> 32)
        let elements = Int(cell & 0xFFFF_FFFF)
        switch kind {
        case .textSet, .textVector:
            var place = start
            for _ in 0..<elements { _ = listText(&place) }
            return start..<place
        case .addressVector: return start ..< start &+ elements &* 16
        default: return start ..< start &+ elements &* 8
        }
    }
}
