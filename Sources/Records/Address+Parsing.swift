// SPDX-License-Identifier: Apache-2.0
//
// Addresses out of text.
//
// Reads   dotted IPv4, IPv6 (RFC 4291 section 2.2), with `::` and a dotted tail.
// Writes  `Address`; nil for anything else.
// Leaves  names and zones.

extension Address {
    /// An address as people write it; nil where the text is none.
    package init?(_ text: String) { self.init(octets: Array(text.utf8)[...]) }

    /// The same out of octets. Allocates nothing.
    package init?(octets: ArraySlice<UInt8>) {
        if let v4 = Address.parseV4(octets) {
            self.init(v4: v4)
            return
        }
        guard let (high, low) = Address.parseV6(octets) else { return nil }
        self.init(high: high, low: low)
    }

    /// Four numbers up to 255 without leading zeros, dots between them.
    private static func parseV4(_ octets: ArraySlice<UInt8>) -> UInt32? {
        guard (7...15).contains(octets.count) else { return nil }
        var value: UInt32 = 0
        var (part, digits, dots): (UInt32, Int, Int) = (0, 0, 0)
        for octet in octets {
            if octet == 0x2E {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
                continue
            }
            guard (0x30...0x39).contains(octet), digits == 0 || part > 0 else { return nil }
            part = part * 10 + UInt32(octet - 0x30)
            digits += 1
            guard part <= 255 else { return nil }
        }
        return dots == 3 && digits > 0 ? value << 8 | part : nil
    }

    /// Up to eight groups of four digits; one `::` for those that are zero; the last two may be dotted.
    private static func parseV6(_ octets: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
        guard (2...45).contains(octets.count) else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        var count = 0
        // How many groups stand before `::`.
        var gap: Int?
        var place = octets.startIndex
        if octets.first == 0x3A {
            guard octets[place + 1] == 0x3A else { return nil }
            gap = 0
            place += 2
        }
        while place < octets.endIndex {
            guard count < 8 else { return nil }
            let start = place
            var group: UInt64 = 0
            while place < octets.endIndex, let digit = hexadecimalDigit(octets[place]), place - start < 4 {
                group = group << 4 | digit
                place += 1
            }
            if place < octets.endIndex, octets[place] == 0x2E {
                guard count <= 6, let v4 = parseV4(octets[start...]) else { return nil }
                words = (words.high << 32 | words.low >> 32, words.low << 32 | UInt64(v4))
                count += 2
                break
            }
            guard place > start else { return nil }
            words = (words.high << 16 | words.low >> 48, words.low << 16 | group)
            count += 1
            if place == octets.endIndex { break }
            // One colon, and a group behind it, or the two of the gap.
            guard octets[place] == 0x3A, place + 1 < octets.endIndex else { return nil }
            place += 1
            if octets[place] == 0x3A {
                guard gap == nil else { return nil }
                gap = count
                place += 1
            }
        }
        guard let gap else { return count == 8 ? words : nil }
        guard count < 8 else { return nil }
        // What stands before the gap goes to the front: all is at the back so far.
        let behind = UInt64(count - gap) * 16
        let all = UInt128(words.high) << 64 | UInt128(words.low)
        let tail = all & (UInt128(1) << UInt128(behind) - 1)
        let head = gap == 0 ? 0 : (all >> UInt128(behind)) << UInt128(128 - gap * 16)
        return (UInt64(truncatingIfNeeded: (head | tail) >> 64), UInt64(truncatingIfNeeded: head | tail))
    }

    private static func hexadecimalDigit(_ octet: UInt8) -> UInt64? {
        switch octet {
        case 0x30...0x39: UInt64(octet &- 0x30)
        case 0x41...0x46, 0x61...0x66: UInt64((octet | 0x20) &- 0x57)
        default: nil
        }
    }
}
