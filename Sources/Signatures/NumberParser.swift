// SPDX-License-Identifier: Apache-2.0
//
// Values of integer keywords: comparisons, ranges, masks, units, names.
//
// Reads   the value of an option.
// Writes  `NumberTest`.
// Leaves  which keyword has which width and names (NumberInfo+Tables.swift).

/// How the values of an integer keyword are written.
struct NumberSyntax {
    var maximum: UInt64
    /// Names that stand for numbers, in lower case.
    var names: [String: UInt64] = [:]
    /// Names that stand for bits: `username,!will`; the case matters.
    var flags: [String: UInt64] = [:]
    /// A range of neighbours is taken although nothing lies between (`nfs_procedure`).
    var takesEmptyRanges = false

    init(_ maximum: UInt64) { self.maximum = maximum }

    static let u8 = NumberSyntax(0xFF)
    static let u16 = NumberSyntax(0xFFFF)
    static let u32 = NumberSyntax(0xFFFF_FFFF)
    static let u64 = NumberSyntax(.max)
}

extension NumberTest {
    /// `5`, `=5`, `!5`, `!=5`, `<5`, `>=5`, `1-9`, `1<>9`, `!1-9`, `&0xC0=0x80`, a name, or names of bits.
    init(parsing text: RuleText, _ syntax: NumberSyntax) throws(RuleError) {
        let text = text.trimmed
        if let test = NumberTest.plain(text, syntax) {
            self = test
        } else if let test = NumberTest.named(text, syntax) ?? NumberTest.bits(text, syntax) {
            self = test
        } else {
            throw RuleError(
                .value, "\(text.quoted) is no comparison with a number up to \(syntax.maximum) that can hold",
                advice: syntax.names.isEmpty
                    ? "write 5, !5, <5, >=5, 1-9 (neither end is in it) or &0x80=0x80"
                    : "write a number, or one of \(syntax.names.keys.sorted().prefix(12).joined(separator: ", "))")
        }
    }

    private static func plain(_ text: RuleText, _ syntax: NumberSyntax) -> NumberTest? {
        guard let first = text.first else { return nil }
        switch first {
        case 0x3D:
            return value(text.dropFirst(), syntax).map { NumberTest(.equal, $0) }
        case 0x21:
            let rest = text.dropFirst()
            if let range = range(rest, syntax) { return NumberTest(.outside, range.0, range.1) }
            let number = rest.first == 0x3D ? rest.dropFirst() : rest
            return value(number, syntax).map { NumberTest(.notEqual, $0) }
        case 0x3C, 0x3E:
            return bounded(text, syntax, isLess: first == 0x3C)
        case 0x26:
            return masked(text.dropFirst(), syntax)
        default:
            if let range = range(text, syntax) { return NumberTest(.inside, range.0, range.1) }
            return value(text, syntax).map { NumberTest(.equal, $0) }
        }
    }

    /// `<5` and its like; what can never hold, or always does, is refused.
    private static func bounded(_ text: RuleText, _ syntax: NumberSyntax, isLess: Bool) -> NumberTest? {
        let isInclusive = text.dropFirst().first == 0x3D
        guard let number = value(text.dropFirst(isInclusive ? 2 : 1), syntax) else { return nil }
        switch (isLess, isInclusive) {
        case (true, false): return number == 0 ? nil : NumberTest(.less, number)
        case (true, true): return number == syntax.maximum ? nil : NumberTest(.lessOrEqual, number)
        case (false, false): return number == syntax.maximum ? nil : NumberTest(.greater, number)
        case (false, true): return number == 0 ? nil : NumberTest(.greaterOrEqual, number)
        }
    }

    /// `mask=value`, `mask!=value`.
    private static func masked(_ text: RuleText, _ syntax: NumberSyntax) -> NumberTest? {
        guard let cut = text.cut(0x3D) else { return nil }
        let isNegated = cut.head.last == 0x21
        guard let mask = value(isNegated ? cut.head.dropLast() : cut.head, syntax),
            let number = value(cut.tail, syntax)
        else { return nil }
        return NumberTest(isNegated ? .notMasked : .masked, mask, number)
    }

    /// `1-9` or `1<>9`; something must lie between.
    private static func range(_ text: RuleText, _ syntax: NumberSyntax) -> (UInt64, UInt64)? {
        var parts = text.cut(0x2D)
        if parts == nil, let cut = text.cut(0x3C), cut.tail.first == 0x3E {
            parts = (cut.head, cut.tail.dropFirst())
        }
        guard let parts, let first = value(parts.head, syntax), let last = value(parts.tail, syntax),
            last > first, syntax.takesEmptyRanges || last - first > 1
        else { return nil }
        return (first, last)
    }

    /// Digits, `0x` and digits, or digits and a unit of 1024.
    private static func value(_ text: RuleText, _ syntax: NumberSyntax) -> UInt64? {
        let text = text.trimmed
        if let number = text.number(syntax.maximum) { return number }
        let digits = text.prefix(while: \.isDigit)
        let unit = text.dropFirst(digits.count).string.lowercased()
        guard let number = digits.decimal(),
            let shift = ["kb": 10, "kib": 10, "mb": 20, "mib": 20, "gb": 30, "gib": 30][unit]
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << UInt64(shift))
        return overflow || product > syntax.maximum ? nil : product
    }

    private static func named(_ text: RuleText, _ syntax: NumberSyntax) -> NumberTest? {
        guard !syntax.names.isEmpty else { return nil }
        let isNegated = text.first == 0x21
        let name = (isNegated ? text.dropFirst().trimmed : text).string.lowercased()
        return syntax.names[name].map { NumberTest(isNegated ? .notEqual : .equal, $0) }
    }

    private static func bits(_ text: RuleText, _ syntax: NumberSyntax) -> NumberTest? {
        guard !syntax.flags.isEmpty else { return nil }
        var mask: UInt64 = 0
        var wanted: UInt64 = 0
        for part in text.parts(0x2C) {
            let isNegated = part.first == 0x21
            guard let bit = syntax.flags[(isNegated ? part.dropFirst() : part).string], mask & bit == 0 else {
                return nil
            }
            mask |= bit
            wanted |= isNegated ? 0 : bit
        }
        return NumberTest(.masked, mask, wanted)
    }
}

extension ListIndex {
    /// `any`, `all`, or a place from the front (0) or the back (-1).
    init?(parsing text: RuleText) {
        if text.equals("any") {
            self = .any
        } else if text.equals("all") {
            self = .all
        } else if let place = text.signed(-127...127) {
            self = .at(Int32(place))
        } else {
            return nil
        }
    }
}
