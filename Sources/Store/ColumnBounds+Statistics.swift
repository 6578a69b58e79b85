// SPDX-License-Identifier: Apache-2.0
//
// Bounds out of a segment's statistics, and bounds of several stretches together.

internal import Records

extension ColumnBounds.Values {
    /// False where the smallest is above the greatest, as in a damaged file.
    var isOrdered: Bool {
        switch self {
        case .signed(let min, let max): min <= max
        case .unsigned(let min, let max): min <= max
        case .real(let min, let max): min <= max
        case .text(let min, let max): !max.lexicographicallyPrecedes(min)
        }
    }
}

extension ColumnBounds {
    /// `rowCount` counts levels where the column is a list. Statistics that make no sense give no bounds.
    init(_ statistics: Statistics, _ kind: ColumnKind, rowCount: Int) {
        self.init(values: nil, nullCount: statistics.nullCount, rowCount: rowCount)
        if let min = statistics.min, let max = statistics.max { values = ColumnBounds.values(min, max, kind) }
        if values?.isOrdered == false { values = nil }
    }

    private static func values(_ min: [UInt8], _ max: [UInt8], _ kind: ColumnKind) -> Values? {
        let kind = kind.elementKind
        if kind.isStoredAsText { return .text(min: min, max: max) }
        guard let low = number(min, kind.physicalType), let high = number(max, kind.physicalType) else { return nil }
        switch kind {
        case .real: return .real(min: Double(bitPattern: low), max: Double(bitPattern: high))
        case .count, .port, .boolean: return .unsigned(min: low, max: high)
        default: return .signed(min: Int64(bitPattern: low), max: Int64(bitPattern: high))
        }
    }

    private static func number(_ bytes: [UInt8], _ type: PhysicalType) -> UInt64? {
        let count: Int
        switch type {
        case .boolean: count = 1
        case .int32: count = 4
        default: count = 8
        }
        guard bytes.count == count else { return nil }
        return ByteSource(bytes).word(at: 0)
    }

    /// Makes the bounds hold for another stretch too.
    mutating func merge(_ other: ColumnBounds) {
        let (isUnset, otherIsUnset) = (isAllUnset, other.isAllUnset)
        rowCount += other.rowCount
        if let own = nullCount, let count = other.nullCount { nullCount = own + count } else { nullCount = nil }
        if otherIsUnset { return }
        if isUnset {
            values = other.values
            return
        }
        switch (values, other.values) {
        case (.signed(let min, let max)?, .signed(let low, let high)?):
            values = .signed(min: Swift.min(min, low), max: Swift.max(max, high))
        case (.unsigned(let min, let max)?, .unsigned(let low, let high)?):
            values = .unsigned(min: Swift.min(min, low), max: Swift.max(max, high))
        case (.real(let min, let max)?, .real(let low, let high)?):
            values = .real(min: Swift.min(min, low), max: Swift.max(max, high))
        case (.text(let min, let max)?, .text(let low, let high)?):
            values = .text(
                min: low.lexicographicallyPrecedes(min) ? low : min,
                max: max.lexicographicallyPrecedes(high) ? high : max)
        default: values = nil
        }
    }
}
