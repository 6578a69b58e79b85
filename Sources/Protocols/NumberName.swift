// SPDX-License-Identifier: Apache-2.0
//
// Names of numbers, and numbers as text, for protocols that have many of both.
//
// Reads   tables in the order of their numbers.
// Writes  texts of records.
// Leaves  the tables (X+Tables.swift).

import Records
import Wire

/// A number of a protocol and its name.
struct NumberName: Sendable {
    let number: UInt32
    let name: StaticString

    init(_ number: UInt32, _ name: StaticString) {
        self.number = number
        self.name = name
    }

    /// The name of a number; nil where the table, in order of its numbers, has none.
    static func find(_ number: UInt32, in table: [NumberName]) -> StaticString? {
        var low = 0
        var high = table.count
        while low < high {
            let middle = (low &+ high) / 2
            if table[middle].number < number { low = middle &+ 1 } else { high = middle }
        }
        return low < table.count && table[low].number == number ? table[low].name : nil
    }
}

extension TextBuffer {
    /// A number as `0x` and hexadecimal digits, at least so many.
    mutating func hexadecimal(_ value: UInt64, digits: Int = 2) -> Text {
        let start = begin()
        append("0x")
        append(hexadecimal: value, digits: digits)
        return end(start)
    }

    mutating func append(hexadecimal value: UInt64, digits: Int) {
        let needed = max(digits, (67 &- value.leadingZeroBitCount) / 4, 1)
        for place in stride(from: needed &- 1, through: 0, by: -1) {
            let nibble = place < 16 ? UInt8(truncatingIfNeeded: value >> UInt64(place &* 4)) & 15 : 0
            bytes.append(TextBuffer.hexadecimalDigit(nibble))
        }
    }

    /// The name of a number, or `unknown-` and the number.
    mutating func name(_ number: UInt32, in table: [NumberName]) -> Text {
        if let name = NumberName.find(number, in: table) { return add(name) }
        let start = begin()
        append("unknown-")
        append(decimal: UInt64(number))
        return end(start)
    }

    /// Octets as hexadecimal digits, at most so many of them.
    mutating func hexadecimal(_ octets: RawSpan, limit: Int) -> Text {
        let start = begin()
        append(hexadecimal: octets.extracting(first: limit))
        return end(start)
    }
}

extension EVEBuilder {
    /// The name of a number, or `unknown-` and the number.
    mutating func name(_ key: StaticString, _ number: UInt32, in table: [NumberName]) {
        if let name = NumberName.find(number, in: table) { return text(key, name) }
        beginText(key)
        add("unknown-")
        add(decimal: UInt64(number))
        endText()
    }
}
