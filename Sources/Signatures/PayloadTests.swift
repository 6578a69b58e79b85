// SPDX-License-Identifier: Apache-2.0
//
// Two tests of a payload that are no walk: FTP bounces and ASN.1 lengths.
//
// Reads   the payload of a packet.
// Writes  nothing.
// Leaves  contents (Walker.swift).

import Records
import Wire

/// A PORT command that names another host than its sender (RFC 2577 section 3).
enum FTPBounce {
    static func matches(_ bytes: RawSpan, _ facts: PacketFacts) -> Bool {
        guard facts.source.isV4 else { return false }
        var at = 0
        while at < bytes.byteCount, bytes.octet(at) == 0x20 { at &+= 1 }
        guard bytes.byteCount &- at > 5, bytes.matches("PORT ", at: at, count: 5, anyCase: true) else { return false }
        at &+= 5
        var address: UInt32 = 0
        for _ in 0..<4 {
            var value: UInt32 = 0
            var digits = 0
            while at < bytes.byteCount, (0x30...0x39).contains(bytes.octet(at)), digits < 3 {
                value = value &* 10 &+ UInt32(bytes.octet(at) &- 0x30)
                digits &+= 1
                at &+= 1
            }
            guard digits > 0, value < 256, at < bytes.byteCount, bytes.octet(at) == 0x2C else { return false }
            at &+= 1
            address = address << 8 | value
        }
        return address != facts.source.v4
    }
}

/// Lengths in BER (ITU-T X.690 section 8.1.3) that overflow a careless reader.
enum ASN1Walk {
    /// Elements of one payload that are looked at.
    private static let elementsMax = 64

    static func matches(_ test: ASN1Test, _ bytes: RawSpan) -> Bool {
        var at = 0
        if let offset = test.absoluteOffset { at = Int(offset) }
        if let offset = test.relativeOffset { at = Int(offset) }
        guard at >= 0 else { return false }
        for _ in 0..<elementsMax where at &+ 2 <= bytes.byteCount {
            let tag = bytes.octet(at)
            var length = Int(bytes.octet(at &+ 1))
            var start = at &+ 2
            if length & 0x80 != 0 {
                let count = length & 0x7F
                guard count > 0, count <= 4, start &+ count <= bytes.byteCount else { return false }
                length = 0
                for place in start ..< start &+ count { length = length << 8 | Int(bytes.octet(place)) }
                start &+= count
            }
            if let limit = test.oversizeLength, length > Int(limit) { return true }
            // A bit string whose unused bits are more than an octet has.
            if test.isBitstringOverflow, tag == 3, length > 0, start < bytes.byteCount, bytes.octet(start) > 7 {
                return true
            }
            // A real number in decimal that is longer than any reader's buffer.
            if test.isDoubleOverflow, tag == 9, length > 256 { return true }
            at = tag & 0x20 != 0 ? start : start &+ length
        }
        return false
    }
}
