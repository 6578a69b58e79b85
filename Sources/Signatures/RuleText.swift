// SPDX-License-Identifier: Apache-2.0
//
// Octets of rule files: trimming, splitting, comparing, numbers. Rules are read
// as octets; strings are made for messages alone.
//
// Reads   slices of a rule file.
// Writes  nothing.
// Leaves  the grammar (RuleSplitter.swift and the parsers).

import Wire

/// A stretch of a rule file.
typealias RuleText = ArraySlice<UInt8>

extension UInt8 {
    /// Space or tab.
    var isBlank: Bool { self == 0x20 || self == 0x09 }
    /// Blank, line feed, vertical tab, form feed, carriage return.
    var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
    var isDigit: Bool { (0x30...0x39).contains(self) }
    var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }
    var isUpper: Bool { (0x41...0x5A).contains(self) }
    var isLower: Bool { (0x61...0x7A).contains(self) }
    var lowered: UInt8 { isUpper ? self | 0x20 : self }

    /// The value of a hexadecimal digit.
    var hexadecimal: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x37
        case 0x61...0x66: self - 0x57
        default: nil
        }
    }
}

extension ArraySlice where Element == UInt8 {
    init(_ text: String) { self = ArraySlice(Array(text.utf8)) }

    /// Without white space at both ends.
    var trimmed: RuleText {
        var start = startIndex
        var end = endIndex
        while start < end, self[start].isSpace { start += 1 }
        while end > start, self[end - 1].isSpace { end -= 1 }
        return self[start..<end]
    }

    var string: String { String(decoding: self, as: UTF8.self) }

    /// For messages: at most 80 characters, nothing that moves a terminal's cursor.
    var quoted: String {
        var text = ""
        for scalar in prefix(80).string.unicodeScalars {
            text += scalar.value < 0x20 || scalar.value == 0x7F ? "?" : String(Character(scalar))
        }
        return "'\(text)\(count > 80 ? "…" : "")'"
    }

    func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && octets.matches(literal, at: 0, count: count, anyCase: false)
    }

    /// The same but for the case of ASCII letters.
    func equalsAnyCase(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && octets.matches(literal, at: 0, count: count, anyCase: true)
    }

    func begins(with literal: StaticString) -> Bool { octets.begins(with: literal) }

    /// The parts between `separator`s, each trimmed; empty ones too.
    func parts(_ separator: UInt8) -> [RuleText] {
        var found: [RuleText] = []
        var start = startIndex
        for index in indices where self[index] == separator {
            found.append(self[start..<index].trimmed)
            start = index + 1
        }
        found.append(self[start..<endIndex].trimmed)
        return found
    }

    /// What stands before and after the first `separator`, trimmed.
    func cut(_ separator: UInt8) -> (head: RuleText, tail: RuleText)? {
        guard let index = firstIndex(of: separator) else { return nil }
        return (self[startIndex..<index].trimmed, self[(index + 1)...].trimmed)
    }

    /// The words between white space.
    var words: [RuleText] {
        split(whereSeparator: \.isSpace)
    }

    /// Decimal digits and nothing else, at most `maximum`.
    func decimal(_ maximum: UInt64 = .max) -> UInt64? {
        guard !isEmpty, count <= 20 else { return nil }
        var value: UInt64 = 0
        for digit in self {
            guard digit.isDigit else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value <= maximum ? value : nil
    }

    /// Hexadecimal digits and nothing else, without prefix.
    func hexadecimal(_ maximum: UInt64 = .max) -> UInt64? {
        guard !isEmpty, count <= 16 else { return nil }
        var value: UInt64 = 0
        for octet in self {
            guard let digit = octet.hexadecimal else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value <= maximum ? value : nil
    }

    /// Digits, or `0x` and hexadecimal digits.
    func number(_ maximum: UInt64 = .max) -> UInt64? {
        begins(with: "0x") ? dropFirst(2).hexadecimal(maximum) : decimal(maximum)
    }

    /// Decimal digits after an optional sign.
    func signed(_ range: ClosedRange<Int64>) -> Int64? {
        let isNegative = first == 0x2D
        let digits = isNegative || first == 0x2B ? dropFirst() : self
        guard let magnitude = digits.decimal(UInt64(Int64.max)) else { return nil }
        let value = isNegative ? -Int64(magnitude) : Int64(magnitude)
        return range.contains(value) ? value : nil
    }
}
