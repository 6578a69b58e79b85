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

    /// The same out of octets. Allocates nothing for IPv4.
    package init?(octets: ArraySlice<UInt8>) {
        if let v4 = Address.parseV4(octets) {
            self.init(v4: v4)
            return
        }
        guard octets.count <= 45, let groups = Address.parseV6(Array(octets)) else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, group) in groups.enumerated() {
            if index < 4 { words.0 = words.0 << 16 | UInt64(group) } else { words.1 = words.1 << 16 | UInt64(group) }
        }
        self.init(high: words.0, low: words.1)
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

    private static func parseV6(_ octets: [UInt8]) -> [UInt16]? {
        guard octets.count >= 2, octets.count <= 45 else { return nil }
        // Both halves around `::`; without it, everything is in the first.
        let gap = octets.indices.dropLast().first { octets[$0] == 0x3A && octets[$0 + 1] == 0x3A }
        guard let head = groups(octets[..<(gap ?? octets.endIndex)]) else { return nil }
        guard let gap else { return head.count == 8 ? head : nil }
        guard let tail = groups(octets[(gap + 2)...]), head.count + tail.count < 8 else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func groups(_ octets: ArraySlice<UInt8>) -> [UInt16]? {
        guard !octets.isEmpty else { return [] }
        var found: [UInt16] = []
        let parts = octets.split(separator: 0x3A, omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(0x2E) {
                guard let v4 = parseV4(part) else { return nil }
                found += [UInt16(truncatingIfNeeded: v4 >> 16), UInt16(truncatingIfNeeded: v4)]
                continue
            }
            guard (1...4).contains(part.count), let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                part.allSatisfy({ $0 != 0x2B && $0 != 0x2D })
            else { return nil }
            found.append(value)
        }
        return found.count <= 8 ? found : nil
    }
}
