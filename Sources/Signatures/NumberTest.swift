// SPDX-License-Identifier: Apache-2.0
//
// A number compared, as every integer keyword of the rule language writes it.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  parsing (NumberParser.swift).

/// A comparison with one or two constants (Suricata's `DetectUintData`).
package struct NumberTest: Hashable, Sendable, BitwiseCopyable {
    package enum Comparison: UInt8, Sendable, BitwiseCopyable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
        /// Between both, neither included: `10<>100` is 11 to 99.
        case inside, outside
        /// Between both, both included.
        case within
        /// `&mask=value`, `&mask!=value`.
        case masked, notMasked
    }

    package var comparison = Comparison.equal
    package var first: UInt64 = 0
    package var second: UInt64 = 0

    package init() {}
    package init(_ comparison: Comparison, _ first: UInt64, _ second: UInt64 = 0) {
        self.comparison = comparison
        self.first = first
        self.second = second
    }

    /// As a size of a payload: whether there has to be one (Suricata's mask of `dsize`).
    var needsPayload: Bool {
        switch comparison {
        case .greater, .greaterOrEqual, .inside, .notEqual: true
        case .equal: first > 0
        case .less, .lessOrEqual, .outside, .within, .masked, .notMasked: false
        }
    }

    package func matches(_ value: UInt64) -> Bool {
        switch comparison {
        case .equal: value == first
        case .notEqual: value != first
        case .less: value < first
        case .lessOrEqual: value <= first
        case .greater: value > first
        case .greaterOrEqual: value >= first
        case .inside: value > first && value < second
        case .within: value >= first && value <= second
        case .outside: value <= first || value >= second
        case .masked: value & first == second
        case .notMasked: value & first != second
        }
    }
}
