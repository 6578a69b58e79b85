// SPDX-License-Identifier: Apache-2.0
//
// The values of one column over a range of rows, as a segment reader hands them out.

package import Records

/// The values of one column for a range of rows, in one of two forms: words or texts.
///
/// Every row has a place, unset rows too (their word or index is 0). A list
/// column has a place for each element instead, and `listStarts` over the rows.
///
/// - time, interval: whole microseconds as `Int64`; integer: `Int64`; count, port: unsigned;
///   real: the bits of a `Double`; boolean: 0 or 1. These are in `words`.
/// - everything else is text: `indices` into `texts`. The texts are UTF-8.
package struct ColumnVector: Sendable {
    package internal(set) var kind: ColumnKind
    package internal(set) var rowCount = 0
    /// One bit a row, the first row the lowest bit of the first word: whether the cell is set.
    package internal(set) var validity: [UInt64] = []
    package internal(set) var words: [UInt64] = []
    package internal(set) var indices: [UInt32] = []
    package internal(set) var texts = TextPool()
    /// Whether the texts of the pool are few and distinct, so that a filter is
    /// best asked once for each text and not for each row.
    package internal(set) var isDictionary = false
    /// For lists: where each row's elements begin, and at the end where the last row's stop; empty for others.
    package internal(set) var listStarts: [UInt32] = []

    init(kind: ColumnKind) { self.kind = kind }

    /// A vector of values that were taken out of others: `words` or `indices` with a place for each row.
    package init(
        kind: ColumnKind, validity: [UInt64], words: [UInt64], indices: [UInt32], texts: TextPool, isDictionary: Bool
    ) {
        self.kind = kind
        rowCount = max(words.count, indices.count)
        self.validity = validity
        self.words = words
        self.indices = indices
        self.texts = texts
        self.isDictionary = isDictionary
    }

    @inlinable package func isSet(_ row: Int) -> Bool { validity[row >> 6] & (1 << UInt64(row & 63)) != 0 }

    /// The places of a row's elements in `words` or `indices`; for lists only.
    package func elements(_ row: Int) -> Range<Int> { Int(listStarts[row]) ..< Int(listStarts[row &+ 1]) }

    /// The octets of the text at a place (a row, or an element of a list); none where the row is unset.
    package func text(_ place: Int) -> ArraySlice<UInt8> {
        let index = Int(indices[place])
        return index < texts.count ? texts[index] : []
    }
}

/// Texts, one behind the other.
package struct TextPool: Sendable {
    /// The octets of all texts.
    package internal(set) var bytes: [UInt8] = []
    /// Where text n ends; it begins where text n-1 ends, or `gap` octets behind that.
    package internal(set) var ends: [UInt32] = []
    /// Octets in front of each text that are no part of it: the lengths of a dictionary that was left as it stood.
    package let gap: Int

    package init() { gap = 0 }

    init(gap: Int) { self.gap = gap }

    @inlinable package var count: Int { ends.count }

    /// Adds a text behind the last.
    package mutating func append(_ octets: [UInt8], _ range: Range<Int>) {
        precondition(gap == 0, "texts of a dictionary as it stood in its page")
        bytes.append(contentsOf: octets[range])
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
    }

    @inlinable package func range(_ index: Int) -> Range<Int> {
        (index == 0 ? gap : Int(ends[index &- 1]) &+ gap) ..< Int(ends[index])
    }

    package subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }
}

extension ColumnKind {
    /// Whether the store keeps the values (or the elements of a list) as text; all else are words.
    package var isStoredAsText: Bool {
        switch self {
        case .address, .text, .enumeration, .uid, .fuid, .textSet, .textVector, .uidSet, .fuidVector, .addressVector:
            true
        case .time, .interval, .count, .integer, .real, .boolean, .port, .intervalVector, .countVector: false
        }
    }
}

/// Bounds of the values of a column in a segment, a row group or a page.
///
/// `min` and `max` are inclusive; for texts they may be cut (min down, max up), so they prune and
/// are never answers.
package struct ColumnBounds: Sendable, Equatable {
    package enum Values: Sendable, Equatable {
        /// time, interval (microseconds), integer
        case signed(min: Int64, max: Int64)
        /// count, port, boolean
        case unsigned(min: UInt64, max: UInt64)
        case real(min: Double, max: Double)
        /// In the order of octets.
        case text(min: [UInt8], max: [UInt8])
    }
    /// None where no value is set, or the bounds are not known (see `nullCount`).
    package var values: Values?
    /// Rows (for lists: elements or unset or empty lists) without a value; nil where it is not known.
    package var nullCount: Int?
    package var rowCount: Int

    package init(values: Values?, nullCount: Int?, rowCount: Int) {
        self.values = values
        self.nullCount = nullCount
        self.rowCount = rowCount
    }

    /// No cell is set: any comparison with a value fails.
    package var isAllUnset: Bool { nullCount == rowCount }
}
