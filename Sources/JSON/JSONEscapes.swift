// SPDX-License-Identifier: Apache-2.0
//
// The escapes of JSON strings (RFC 8259 section 7), both ways.

package enum JSONEscapes {
    /// Appends what the content of a string means. The content has been read, so
    /// its escapes are whole. A surrogate without its other half becomes U+FFFD.
    static func appendDecoded(_ octets: [UInt8], _ range: Range<Int>, to target: inout [UInt8]) {
        var index = range.lowerBound
        while index < range.upperBound {
            let octet = octets[index]
            guard octet == 0x5C else {
                target.append(octet)
                index += 1
                continue
            }
            let letter = octets[index + 1]
            index += 2
            switch letter {
            case 0x62: target.append(0x08)
            case 0x66: target.append(0x0C)
            case 0x6E: target.append(0x0A)
            case 0x72: target.append(0x0D)
            case 0x74: target.append(0x09)
            case 0x75:
                var scalar = unit(octets, index)
                index += 4
                if (0xD800...0xDBFF).contains(scalar), index + 6 <= range.upperBound,
                    octets[index] == 0x5C, octets[index + 1] == 0x75
                {
                    let low = unit(octets, index + 2)
                    if (0xDC00...0xDFFF).contains(low) {
                        scalar = 0x1_0000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
                        index += 6
                    }
                }
                append(Unicode.Scalar(scalar) ?? "\u{FFFD}", to: &target)
            default: target.append(letter)
            }
        }
    }

    private static func unit(_ octets: [UInt8], _ index: Int) -> UInt32 {
        var value: UInt32 = 0
        for place in index..<index + 4 { value = value << 4 | (JSONParser.hexadecimal(octets[place]) ?? 0) }
        return value
    }

    private static func append(_ scalar: Unicode.Scalar, to target: inout [UInt8]) {
        for octet in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { target.append(octet) }
    }

    /// Whether the octets are those of `text`; without regard to the case of ASCII letters if asked.
    static func equals(_ octets: [UInt8], _ range: Range<Int>, _ text: String, _ ignoringCase: Bool) -> Bool {
        let wanted = text.utf8
        guard wanted.count == range.count else { return false }
        var index = range.lowerBound
        for octet in wanted {
            let other = octets[index]
            if octet != other {
                guard ignoringCase, lowered(octet) == lowered(other) else { return false }
            }
            index &+= 1
        }
        return true
    }

    @inline(__always)
    private static func lowered(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }

    /// Appends `text` as the content of a JSON string: quotes, backslashes and
    /// control characters escaped, octets that are no UTF-8 as U+FFFD.
    package static func appendEscaped(_ text: ArraySlice<UInt8>, to target: inout [UInt8]) {
        var index = text.startIndex
        while index < text.endIndex {
            let octet = text[index]
            if octet >= 0x80 {
                // The rest may hold broken sequences: the standard library mends them.
                for other in String(decoding: text[index...], as: UTF8.self).utf8 { appendPlain(other, to: &target) }
                return
            }
            appendPlain(octet, to: &target)
            index += 1
        }
    }

    private static func appendPlain(_ octet: UInt8, to target: inout [UInt8]) {
        switch octet {
        case 0x22, 0x5C: target.append(contentsOf: [0x5C, octet])
        case 0x08: target.append(contentsOf: [0x5C, 0x62])
        case 0x0C: target.append(contentsOf: [0x5C, 0x66])
        case 0x0A: target.append(contentsOf: [0x5C, 0x6E])
        case 0x0D: target.append(contentsOf: [0x5C, 0x72])
        case 0x09: target.append(contentsOf: [0x5C, 0x74])
        case 0..<0x20, 0x7F:
            target.append(contentsOf: [0x5C, 0x75, 0x30, 0x30, digit(octet >> 4), digit(octet & 15)])
        default: target.append(octet)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
