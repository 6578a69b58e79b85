// SPDX-License-Identifier: Apache-2.0
//
// UTF-16 as Microsoft's protocols carry it, little-endian, to UTF-8.
//
// Reads   16-bit units of a span, whole or up to a zero.
// Writes  UTF-8 into the text buffer of a record.
// Leaves  where a text stands and how long it is (the protocols).

import Records
import Wire

extension TextBuffer {
    /// Copies UTF-16 in as UTF-8, cut at `limit` octets. A lone surrogate becomes the
    /// replacement character, an odd octet at the end is left out.
    mutating func add(utf16 bytes: RawSpan, endsAtZero: Bool = false, limit: Int = 65_536) -> Text {
        let start = begin()
        append(utf16: bytes, endsAtZero: endsAtZero, limit: limit)
        return end(start)
    }

    mutating func append(utf16 span: RawSpan, endsAtZero: Bool = false, limit: Int = 65_536) {
        let most = bytes.count &+ limit
        var at = 0
        while at &+ 2 <= span.byteCount, bytes.count < most {
            let unit = span.load(at, as: UInt16.self).byteSwapped
            at &+= 2
            if unit == 0, endsAtZero { return }
            guard unit >= 0x80 else {
                bytes.append(UInt8(truncatingIfNeeded: unit))
                continue
            }
            var value = UInt32(unit)
            if unit & 0xFC00 == 0xD800, at &+ 2 <= span.byteCount {
                let low = span.load(at, as: UInt16.self).byteSwapped
                if low & 0xFC00 == 0xDC00 {
                    value = 0x1_0000 &+ (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF))
                    at &+= 2
                }
            }
            let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
            for octet in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { bytes.append(octet) }
        }
    }
}

extension TextBuffer {
    /// Whether a text is this literal.
    func equals(_ text: Text, _ literal: StaticString) -> Bool {
        !text.isAbsent && Int(text.count) == literal.utf8CodeUnitCount
            && bytes.octets.begins(with: literal, at: Int(text.offset))
    }
}

extension RawSpan {
    /// Octets before the first zero unit of UTF-16 text, and octets with that zero.
    func utf16Length() -> (text: Int, whole: Int) {
        var at = 0
        while at &+ 2 <= byteCount {
            if load(at, as: UInt16.self) == 0 { return (at, at &+ 2) }
            at &+= 2
        }
        return (at, byteCount)
    }
}
