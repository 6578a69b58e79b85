// SPDX-License-Identifier: Apache-2.0
//
// Bencoding (BitTorrent enhancement proposal 3): numbers, strings, lists, dictionaries.
//
// Reads   one value at a place.
// Writes  where it stands; nothing is copied.
// Leaves  what the keys mean.

import Wire

/// A place in bencoded octets. Every step checks what is left.
struct BencodeCursor {
    /// Lists and dictionaries inside each other.
    private static let depthMax = 16

    private(set) var at: Int
    let end: Int

    init(_ range: Range<Int>) {
        at = range.lowerBound
        end = range.upperBound
    }

    /// The octet at the place; nil at the end.
    func peek(_ bytes: RawSpan) -> UInt8? { at < end ? bytes.octet(at) : nil }

    /// Enters a list (`l`) or a dictionary (`d`).
    mutating func enter(_ kind: Unicode.Scalar, _ bytes: RawSpan) -> Bool {
        guard let next = peek(bytes), UInt32(next) == kind.value else { return false }
        at &+= 1
        return true
    }

    /// Whether the list or dictionary ends here; steps over its end.
    mutating func leave(_ bytes: RawSpan) -> Bool {
        guard peek(bytes) == 0x65 else { return false }
        at &+= 1
        return true
    }

    /// A string: its length in digits, a colon, its octets.
    mutating func string(_ bytes: RawSpan) -> Range<Int>? {
        var place = at
        var count = 0
        while place < end, HTTPOctets.isDigit(bytes.octet(place)), count <= end {
            count = count &* 10 &+ Int(bytes.octet(place) &- 0x30)
            place &+= 1
        }
        guard place > at, place < end, bytes.octet(place) == 0x3A, count <= end &- place &- 1 else { return nil }
        at = place &+ 1 &+ count
        return (place &+ 1)..<at
    }

    /// A number: `i`, a sign, digits, `e`.
    mutating func number(_ bytes: RawSpan) -> Int64? {
        guard peek(bytes) == 0x69 else { return nil }
        var place = at &+ 1
        let isNegative = place < end && bytes.octet(place) == 0x2D
        if isNegative { place &+= 1 }
        let start = place
        var value: Int64 = 0
        while place < end, HTTPOctets.isDigit(bytes.octet(place)) {
            guard place &- start < 18 else { return nil }
            value = value &* 10 &+ Int64(bytes.octet(place) &- 0x30)
            place &+= 1
        }
        guard place > start, place < end, bytes.octet(place) == 0x65 else { return nil }
        at = place &+ 1
        return isNegative ? -value : value
    }

    /// Steps over any value; false where it is none.
    mutating func skip(_ bytes: RawSpan, depth: Int = 0) -> Bool {
        guard depth < BencodeCursor.depthMax, let first = peek(bytes) else { return false }
        switch first {
        case 0x69: return number(bytes) != nil
        case 0x6C, 0x64:
            at &+= 1
            while !leave(bytes) {
                guard skip(bytes, depth: depth &+ 1) else { return false }
            }
            return true
        default: return string(bytes) != nil
        }
    }
}
