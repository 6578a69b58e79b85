// SPDX-License-Identifier: Apache-2.0
//
// Names and times of certificates.
//
// Reads   Name (RFC 5280 section 4.1.2.4), UTCTime and GeneralizedTime (4.1.2.5).
// Writes  names in the form of RFC 2253 as OpenSSL prints them, times as `Timestamp`.
// Leaves  comparing names.

import Records
import Wire

/// The attributes of a name, in the order in which they are encoded.
struct X509Name {
    /// Attributes of one name that are read.
    static let attributesMax = 256

    private struct Attribute {
        var type: DERElement
        var value: DERElement
        /// Which relative name it belongs to.
        var group: Int
    }

    private var attributes: [Attribute] = []

    /// Nil where the structure is broken.
    init?(_ der: RawSpan, _ name: DERElement) {
        var walk = DERWalk(name.content)
        var group = 0
        while !walk.isAtEnd {
            guard let relative = walk.next(der, tag: DERElement.set) else { return nil }
            var inner = DERWalk(relative.content)
            while !inner.isAtEnd {
                guard let pair = inner.next(der, tag: DERElement.sequence) else { return nil }
                var parts = DERWalk(pair.content)
                guard let type = parts.next(der, tag: DERElement.objectIdentifier), let value = parts.next(der)
                else { return nil }
                if attributes.count < X509Name.attributesMax {
                    attributes.append(Attribute(type: type, value: value, group: group))
                }
            }
            group &+= 1
        }
    }

    /// Last relative name first, `,` between them, `+` inside them.
    func write(_ der: RawSpan, to text: inout TextBuffer) -> Text {
        var out = TextBuffer()
        var last: Int?
        for attribute in attributes.reversed() {
            if let last { out.append(last == attribute.group ? "+" : ",") }
            last = attribute.group
            let start = out.begin()
            DER.appendDotted(der, attribute.type.content, to: &out)
            let dotted = Array(out.bytes[start...])
            if let name = X509Tables.attributes[dotted] {
                out.bytes.removeSubrange(start...)
                out.append(name)
                out.append("=")
                X509Name.appendValue(der, attribute.value, to: &out)
            } else {
                out.append("=")
                X509Name.appendHexadecimal(der, attribute.value, to: &out)
            }
            if out.bytes.count > X509Certificate.nameBytesMax { break }
        }
        return text.add(out.bytes.octets, limit: X509Certificate.nameBytesMax)
    }

    /// First relative name first, `, ` between them and ` + ` inside them, nothing escaped: the form of
    /// Suricata's rules and events.
    func writePlain(_ der: RawSpan, to text: inout TextBuffer) -> Text {
        let begin = text.begin()
        var last: Int?
        for attribute in attributes {
            if let last { text.append(last == attribute.group ? " + " : ", ") }
            last = attribute.group
            let start = text.begin()
            DER.appendDotted(der, attribute.type.content, to: &text)
            let dotted = Array(text.bytes[start...])
            text.bytes.removeSubrange(start...)
            if let name = X509Tables.plainAttributes[dotted] {
                text.append(name)
            } else {
                text.append("OID(")
                text.bytes += dotted
                text.append(")")
            }
            text.append("=")
            let isText = X509Name.forEachOctet(der, attribute.value) { text.bytes.append($0) }
            if !isText { X509Name.appendHexadecimal(der, attribute.value, to: &text) }
            if text.bytes.count &- begin > X509Certificate.nameBytesMax { break }
        }
        return text.end(begin)
    }

    /// The last common name (2.5.4.3), not escaped.
    func commonName(_ der: RawSpan, to text: inout TextBuffer) -> Text {
        let found = attributes.last { attribute in
            let type = attribute.type.content
            return type.count == 3 && der.octet(type.lowerBound) == 0x55 && der.octet(type.lowerBound &+ 1) == 0x04
                && der.octet(type.lowerBound &+ 2) == 0x03
        }
        guard let found else { return .absent }
        let start = text.begin()
        guard X509Name.forEachOctet(der, found.value, { text.bytes.append($0) }) else { return .absent }
        return text.end(start)
    }

    /// `#` and the element in hexadecimal.
    private static func appendHexadecimal(_ der: RawSpan, _ value: DERElement, to text: inout TextBuffer) {
        text.append("#")
        for place in value.whole { X509Tables.appendUpper(der.octet(place), to: &text) }
    }

    private static func appendValue(_ der: RawSpan, _ value: DERElement, to text: inout TextBuffer) {
        let start = text.begin()
        var isFirst = true
        var endsWithBlank = false
        let isText = forEachOctet(der, value) { octet in
            endsWithBlank = octet == 0x20
            switch octet {
            // , + " \ < > ;
            case 0x2C, 0x2B, 0x22, 0x5C, 0x3C, 0x3E, 0x3B: text.bytes += [0x5C, octet]
            case 0x23 where isFirst, 0x20 where isFirst: text.bytes += [0x5C, octet]
            case 0..<0x20, 0x7F...:
                text.append("\\")
                X509Tables.appendUpper(octet, to: &text)
            default: text.bytes.append(octet)
            }
            isFirst = false
        }
        guard isText else { return appendHexadecimal(der, value, to: &text) }
        // A blank at the end, unless it is the first octet too, which has its sign already.
        if endsWithBlank, text.bytes.count &- start > 2 { text.bytes.insert(0x5C, at: text.bytes.count &- 1) }
    }

    /// The octets of a string in UTF-8; false where it is of no type of string.
    private static func forEachOctet(_ der: RawSpan, _ value: DERElement, _ body: (UInt8) -> Void) -> Bool {
        let range = value.content
        switch value.tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString
        case 0x0C, 0x12, 0x13, 0x16, 0x1A: for place in range { body(der.octet(place)) }
        // TeletexString, by custom Latin-1
        case 0x14: for place in range { scalar(UInt32(der.octet(place)), body) }
        // BMPString
        case 0x1E:
            guard range.count % 2 == 0 else { return false }
            for place in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
                scalar(UInt32(der.load(place, as: UInt16.self)), body)
            }
        // UniversalString
        case 0x1C:
            guard range.count % 4 == 0 else { return false }
            for place in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
                scalar(der.load(place, as: UInt32.self), body)
            }
        default: return false
        }
        return true
    }

    private static func scalar(_ value: UInt32, _ body: (UInt8) -> Void) {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: value >> shift & 0x3F) }
        switch value {
        case 0..<0x80: body(UInt8(truncatingIfNeeded: value))
        case 0x80..<0x800:
            body(0xC0 | UInt8(truncatingIfNeeded: value >> 6))
            body(tail(0))
        case 0x800..<0x10000:
            body(0xE0 | UInt8(truncatingIfNeeded: value >> 12))
            body(tail(6))
            body(tail(0))
        default:
            body(0xF0 | UInt8(truncatingIfNeeded: value >> 18 & 7))
            body(tail(12))
            body(tail(6))
            body(tail(0))
        }
    }
}

/// Times of certificates.
enum X509Time {
    /// The moment; the epoch where it cannot be read.
    static func read(_ der: RawSpan, _ element: DERElement) -> Timestamp {
        var digits: [Int64] = []
        var place = element.content.lowerBound
        while place < element.content.upperBound, digits.count < 14, (0x30...0x39).contains(der.octet(place)) {
            digits.append(Int64(der.octet(place) &- 0x30))
            place &+= 1
        }
        switch element.tag {
        // Two digits of the year: RFC 5280 section 4.1.2.5.1.
        case DERElement.utcTime where digits.count >= 10:
            digits = (digits[0] < 5 ? [2, 0] : [1, 9]) + digits
        case DERElement.generalizedTime where digits.count >= 12: break
        default: return .zero
        }
        func two(_ index: Int) -> Int64 { digits.count > index &+ 1 ? digits[index] * 10 + digits[index + 1] : 0 }
        let month = two(4)
        let day = two(6)
        guard (1...12).contains(month), (1...31).contains(day) else { return .zero }
        let days = daysSinceEpoch(year: two(0) * 100 + two(2), month: month, day: day)
        let seconds = days * 86_400 + two(8) * 3600 + two(10) * 60 + two(12) - offset(der, element, place)
        // Years after 2262 are further away than nanoseconds reach.
        guard seconds < Int64.max / second, seconds > Int64.min / second else {
            return Timestamp(nanoseconds: seconds < 0 ? .min : .max)
        }
        return Timestamp(seconds: seconds)
    }

    /// Seconds east of UTC: `+hhmm` or `-hhmm` after the digits and a fraction.
    private static func offset(_ der: RawSpan, _ element: DERElement, _ start: Int) -> Int64 {
        let end = element.content.upperBound
        guard end &- start >= 5 else { return 0 }
        let sign = der.octet(end &- 5)
        guard sign == 0x2B || sign == 0x2D else { return 0 }
        var value: Int64 = 0
        for place in end &- 4 ..< end {
            guard (0x30...0x39).contains(der.octet(place)) else { return 0 }
            value = value * 10 + Int64(der.octet(place) &- 0x30)
        }
        let seconds = value / 100 * 3600 + value % 100 * 60
        return sign == 0x2B ? seconds : -seconds
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here,
    /// so that the leap day is the last of one.
    static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
