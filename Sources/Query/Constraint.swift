// SPDX-License-Identifier: Apache-2.0
//
// What a question asks of one column, as far as the store can use it.
//
// Reads   an operator and values out of SQL.
// Writes  ranges in the column's own unit, held against bounds and values.
// Leaves  the last word: every test may let too much through, never too little, and SQLite asks again.

import Records
import Store

/// The operators that are used for pruning.
enum ConstraintOperator: Sendable {
    case equal
    case less
    case lessOrEqual
    case greater
    case greaterOrEqual
    /// `LIKE 'x%'`; ASCII letters match both cases.
    case like
    /// `GLOB 'x*'`.
    case glob
    case isSet
}

/// What a question asks of one column of a table. `values` has several elements for IN.
struct Constraint: Sendable {
    let column: Int
    let test: ConstraintTest
}

/// Values that may match.
enum ConstraintTest: Sendable, Equatable {
    /// Nothing can match, such as a comparison with NULL.
    case never
    /// Any value, but not unset.
    case isSet
    case signed([ClosedRange<Int64>])
    case unsigned([ClosedRange<UInt64>])
    case real([ClosedRange<Double>])
    /// Exactly one of these, in the order of octets.
    case texts([[UInt8]])
    /// From `lower` to `upper`, both included; nil has no end.
    case textRange(lower: [UInt8], upper: [UInt8]?)

    /// The test for a column of a kind; nil where the comparison does not help the store. Throws `.value` for a
    /// time that is none.
    static func make(
        _ kind: ColumnKind, _ op: ConstraintOperator, _ values: [SQLValue]
    ) throws(QueryError) -> ConstraintTest? {
        if op == .isSet { return .isSet }
        let values = values.filter { $0 != .null }
        if values.isEmpty { return .never }
        switch kind {
        case .time: return try times(op, values)
        case .interval: return scaled(op, values, 1_000_000).map { .signed($0) }
        case .integer: return scaled(op, values, 1).map { .signed($0) }
        case .count, .port, .boolean: return scaled(op, values, 1).map { .unsigned($0.compactMap(clamped)) }
        case .real: return reals(op, values).map { .real($0) }
        default: return texts(op, values)
        }
    }

    private static func times(_ op: ConstraintOperator, _ values: [SQLValue]) throws(QueryError) -> ConstraintTest? {
        var ranges: [ClosedRange<Int64>] = []
        for value in values {
            let text: [UInt8]
            switch value {
            case .text(let octets): text = octets
            case .integer(let number): text = Array("\(number)".utf8)
            case .real(let number): text = Array("\(number)".utf8)
            default: return nil
            }
            if op == .like || op == .glob { return nil }
            guard let time = TimeText.parse(text) else {
                throw QueryError(
                    .value, "'\(String(decoding: text, as: UTF8.self))' is compared with a time and is none",
                    advice: "write it like '2026-11-22', '2026-11-22 13:00' or '2026-11-22 13:00:05.25' (UTC)")
            }
            guard let range = range(op, time, time) else { return nil }
            ranges.append(range)
        }
        return .signed(ranges)
    }

    /// Ranges of whole numbers, one wider on each side: a product with `scale` may be off by its rounding.
    private static func scaled(
        _ op: ConstraintOperator, _ values: [SQLValue], _ scale: Double
    ) -> [ClosedRange<Int64>]? {
        var ranges: [ClosedRange<Int64>] = []
        for value in values {
            let low: Int64
            let high: Int64
            if case .integer(let number) = value, scale == 1 {
                (low, high) = (number, number)
            } else if let number = number(value), number.isFinite {
                // Beyond 2^52 neighbouring doubles are further apart than one: widen by their distance.
                let product = number * scale
                let slack = max(1, product.ulp)
                low = Int64(exactly: (product - slack).rounded(.down)) ?? (product < 0 ? .min : .max - 1024)
                high = Int64(exactly: (product + slack).rounded(.up)) ?? (product < 0 ? .min + 1024 : .max)
            } else {
                return nil
            }
            guard let range = range(op, low, high) else { return nil }
            ranges.append(range)
        }
        return ranges
    }

    private static func range(_ op: ConstraintOperator, _ low: Int64, _ high: Int64) -> ClosedRange<Int64>? {
        switch op {
        case .equal: low...high
        case .less, .lessOrEqual: Int64.min...high
        case .greater, .greaterOrEqual: low...Int64.max
        case .like, .glob, .isSet: nil
        }
    }

    /// A count that is beyond `Int64.max` is greater than everything that fits.
    private static func clamped(_ range: ClosedRange<Int64>) -> ClosedRange<UInt64>? {
        guard range.upperBound >= 0 else { return nil }
        let isOpen = range.upperBound >= .max - 1024
        return UInt64(max(0, range.lowerBound)) ... (isOpen ? .max : UInt64(range.upperBound))
    }

    private static func reals(_ op: ConstraintOperator, _ values: [SQLValue]) -> [ClosedRange<Double>]? {
        var ranges: [ClosedRange<Double>] = []
        for value in values {
            guard let number = number(value), !number.isNaN else { return nil }
            switch op {
            // An integer beyond 2^53 lies between two doubles.
            case .equal: ranges.append(number.nextDown...number.nextUp)
            case .less, .lessOrEqual: ranges.append(-Double.infinity...number.nextUp)
            case .greater, .greaterOrEqual: ranges.append(number.nextDown...Double.infinity)
            case .like, .glob, .isSet: return nil
            }
        }
        return ranges
    }

    /// A number as SQLite's numeric affinity takes it: text that looks like one is one.
    private static func number(_ value: SQLValue) -> Double? {
        switch value {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .text(let octets): Double(String(decoding: octets, as: UTF8.self))
        case .null, .blob: nil
        }
    }

    private static func texts(_ op: ConstraintOperator, _ values: [SQLValue]) -> ConstraintTest? {
        var texts: [[UInt8]] = []
        for value in values {
            switch value {
            case .text(let octets): texts.append(octets)
            case .integer(let number): texts.append(Array("\(number)".utf8))
            default: return nil
            }
        }
        guard op != .equal else { return .texts(texts.sorted(by: isBefore)) }
        guard let text = texts.first, texts.count == 1 else { return nil }
        switch op {
        case .less, .lessOrEqual: return .textRange(lower: [], upper: text)
        case .greater, .greaterOrEqual: return .textRange(lower: text, upper: nil)
        case .like: return prefixRange(text, stop: [0x25, 0x5F], isCaseless: true)
        case .glob: return prefixRange(text, stop: [0x2A, 0x3F, 0x5B], isCaseless: false)
        case .equal, .isSet: return nil
        }
    }

    /// All texts that begin as the pattern does before its first wildcard.
    private static func prefixRange(_ pattern: [UInt8], stop: [UInt8], isCaseless: Bool) -> ConstraintTest? {
        let prefix = pattern.prefix { !stop.contains($0) }
        guard !prefix.isEmpty else { return nil }
        var lower = Array(prefix)
        var upper = Array(prefix)
        if isCaseless {
            // LIKE takes `a` for `A`; capitals come first in the order of octets.
            lower = prefix.map { 0x61...0x7A ~= $0 ? $0 - 0x20 : $0 }
            upper = prefix.map { 0x41...0x5A ~= $0 ? $0 + 0x20 : $0 }
        }
        // No octet of UTF-8 is 0xFF: nothing that begins with the prefix comes after this.
        upper.append(0xFF)
        return .textRange(lower: lower, upper: upper)
    }
}

/// Order of octets, as SQLite's BINARY has it.
func isBefore(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Bool {
    left.lexicographicallyPrecedes(right)
}
