// SPDX-License-Identifier: Apache-2.0
//
// Distinguished Encoding Rules of ASN.1 (ITU-T X.690), as far as certificates
// need them.
//
// Reads   tag, length and place of one element at a time.
// Writes  places only; nothing is copied.
// Leaves  indefinite lengths (DER has none), tags above 30.

import Records
import Wire

/// Where one element stands: its tag, its content, and all of it. Both ranges lie
/// inside the octets that it was read from.
struct DERElement {
    var tag: UInt8
    var content: Range<Int>
    var whole: Range<Int>

    static let boolean: UInt8 = 0x01
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let objectIdentifier: UInt8 = 0x06
    static let utcTime: UInt8 = 0x17
    static let generalizedTime: UInt8 = 0x18
    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31
}

/// The elements of a stretch of octets, one after the other. Each step either
/// moves forward or ends, so a walk takes at most as many steps as there are octets.
struct DERWalk {
    private(set) var place: Int
    let end: Int

    /// `range` must lie inside the octets that `next` is given.
    init(_ range: Range<Int>) {
        place = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { place >= end }

    /// The next element; nil at the end, and where none can be read.
    mutating func next(_ bytes: RawSpan) -> DERElement? {
        guard end &- place >= 2 else { return nil }
        let tag = bytes.octet(place)
        guard tag & 0x1F != 0x1F else { return nil }
        let first = bytes.octet(place &+ 1)
        var start = place &+ 2
        var count = Int(first)
        if first & 0x80 != 0 {
            let octets = Int(first & 0x7F)
            // Four octets of length are more than any certificate has.
            guard octets > 0, octets <= 4, end &- start >= octets else { return nil }
            count = 0
            for _ in 0..<octets {
                count = count << 8 | Int(bytes.octet(start))
                start &+= 1
            }
        }
        guard count <= end &- start else { return nil }
        let element = DERElement(
            tag: tag, content: start ..< start &+ count, whole: place ..< start &+ count)
        place = start &+ count
        return element
    }

    /// The next element if it has this tag; else nothing is taken.
    mutating func next(_ bytes: RawSpan, tag: UInt8) -> DERElement? {
        guard !isAtEnd, bytes.octet(place) == tag else { return nil }
        return next(bytes)
    }
}

enum DER {
    /// Appends an object identifier in dotted form. Numbers above 63 bits, which no
    /// registered identifier has, come out cut.
    static func appendDotted(_ bytes: RawSpan, _ range: Range<Int>, to text: inout TextBuffer) {
        var value: UInt64 = 0
        var isFirst = true
        for place in range {
            let octet = bytes.octet(place)
            value = value << 7 | UInt64(octet & 0x7F)
            guard octet & 0x80 == 0 else { continue }
            if isFirst {
                // The first two numbers share one: 40 times the first, plus the second (X.690 section 8.19.4).
                let top = min(value / 40, 2)
                text.append(decimal: top)
                text.append(".")
                text.append(decimal: value &- top &* 40)
                isFirst = false
            } else {
                text.append(".")
                text.append(decimal: value)
            }
            value = 0
        }
    }

    /// An unsigned integer of at most eight octets.
    static func unsigned(_ bytes: RawSpan, _ range: Range<Int>) -> UInt64? {
        var start = range.lowerBound
        while start < range.upperBound, bytes.octet(start) == 0 { start &+= 1 }
        guard !range.isEmpty, range.upperBound &- start <= 8 else { return nil }
        var value: UInt64 = 0
        for place in start..<range.upperBound { value = value << 8 | UInt64(bytes.octet(place)) }
        return value
    }

    /// Bits of an unsigned integer, leading zeros left out.
    static func bitCount(_ bytes: RawSpan, _ range: Range<Int>) -> UInt64 {
        var start = range.lowerBound
        while start < range.upperBound, bytes.octet(start) == 0 { start &+= 1 }
        guard start < range.upperBound else { return 0 }
        let rest = (range.upperBound &- start) &* 8
        return UInt64(rest &- bytes.octet(start).leadingZeroBitCount)
    }

    /// An unsigned integer in decimal digits; at most 64 octets, which no exponent in use has.
    static func appendDecimal(_ bytes: RawSpan, _ range: Range<Int>, to text: inout TextBuffer) -> Bool {
        guard !range.isEmpty, range.count <= 64 else { return false }
        var digits: [UInt8] = [0]
        for place in range {
            var carry = Int(bytes.octet(place))
            for index in digits.indices {
                carry &+= Int(digits[index]) &* 256
                digits[index] = UInt8(truncatingIfNeeded: carry % 10)
                carry /= 10
            }
            while carry > 0 {
                digits.append(UInt8(truncatingIfNeeded: carry % 10))
                carry /= 10
            }
        }
        for digit in digits.reversed() { text.bytes.append(0x30 &+ digit) }
        return true
    }
}
