// SPDX-License-Identifier: Apache-2.0
//
// LIKE as SQLite has it: `%` any text, `_` one character, ASCII letters match both cases.

import Store

/// A pattern, taken apart once. Octets are lower case.
struct LikePattern: Sendable {
    private enum Form {
        case exact, prefix, suffix, infix, general
    }
    private let form: Form
    /// The fixed part; for general patterns the whole.
    private let octets: [UInt8]
    /// What every matching text begins with, as the pattern writes it.
    private let start: [UInt8]

    init(_ pattern: [UInt8]) {
        start = Array(pattern.prefix { $0 != 0x25 && $0 != 0x5F })
        let lower = pattern.map(LikePattern.lower)
        let inner = lower.drop { $0 == 0x25 }
        let begins = lower.first == 0x25
        var fixed = Array(inner)
        let ends = fixed.last == 0x25
        while fixed.last == 0x25 { fixed.removeLast() }
        if fixed.contains(0x25) || fixed.contains(0x5F) {
            (form, octets) = (.general, lower)
        } else {
            octets = fixed
            switch (begins, ends) {
            case (false, false): form = .exact
            case (false, true): form = .prefix
            case (true, false): form = fixed.isEmpty ? .prefix : .suffix
            case (true, true): form = .infix
            }
        }
    }

    @inline(__always) private static func lower(_ octet: UInt8) -> UInt8 {
        0x41...0x5A ~= octet ? octet | 0x20 : octet
    }

    /// Whether the text that stands in `bytes` matches.
    func matches(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        switch form {
        case .exact: range.count == octets.count && equals(bytes, at: range.lowerBound)
        case .prefix: range.count >= octets.count && equals(bytes, at: range.lowerBound)
        case .suffix: range.count >= octets.count && equals(bytes, at: range.upperBound - octets.count)
        case .infix: contains(bytes, range)
        case .general: LikePattern.walk(octets[...], bytes[range])
        }
    }

    @inline(__always) private func equals(_ bytes: [UInt8], at start: Int) -> Bool {
        for index in octets.indices where LikePattern.lower(bytes[start &+ index]) != octets[index] { return false }
        return true
    }

    private func contains(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count >= octets.count, let first = octets.first else { return octets.isEmpty }
        for start in range.lowerBound ... range.upperBound - octets.count
        where LikePattern.lower(bytes[start]) == first && equals(bytes, at: start) { return true }
        return false
    }

    /// Remembers the last `%` only: what stood before it need not be tried again.
    private static func walk(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (place, at) = (pattern.startIndex, text.startIndex)
        var retry: (pattern: Int, text: Int)?
        while at < text.endIndex {
            if place < pattern.endIndex, pattern[place] == 0x25 {
                place += 1
                retry = (place, at)
                continue
            }
            if place < pattern.endIndex, pattern[place] == 0x5F {
                place += 1
                at = next(text, at)
                continue
            }
            if place < pattern.endIndex, pattern[place] == lower(text[at]) {
                place += 1
                at += 1
                continue
            }
            guard let last = retry else { return false }
            let again = next(text, last.text)
            retry = (last.pattern, again)
            (place, at) = (last.pattern, again)
        }
        while place < pattern.endIndex, pattern[place] == 0x25 { place += 1 }
        return place == pattern.endIndex
    }

    /// Behind the character at `place`.
    private static func next(_ text: ArraySlice<UInt8>, _ place: Int) -> Int {
        var place = place + 1
        while place < text.endIndex, text[place] & 0xC0 == 0x80 { place += 1 }
        return place
    }

    /// False where no text between the bounds can begin as the pattern does.
    func mayMatch(_ min: [UInt8], _ max: [UInt8]) -> Bool {
        guard !start.isEmpty else { return true }
        // Capitals come first in the order of octets; no octet of UTF-8 is 0xFF.
        let low = start.map { 0x61...0x7A ~= $0 ? $0 - 0x20 : $0 }
        let high = start.map(LikePattern.lower) + [0xFF]
        return !isBefore(max, low) && !isBefore(high, min)
    }
}
