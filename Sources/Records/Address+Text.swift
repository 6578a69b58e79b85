// SPDX-License-Identifier: Apache-2.0
//
// Addresses as text: dotted decimal, and RFC 5952 for IPv6.
//
// Leaves  parsing of addresses.

extension Address {
    /// Appends the address as every log, the store and SQL show it: `10.0.0.1`, `2001:db8::1`.
    /// At most 45 octets.
    package func write(to bytes: inout [UInt8]) {
        if isV4 { return Address.write(v4: v4, to: &bytes) }
        let (start, count) = longestZeroRun()
        // As the C library's inet_ntop: the old IPv4-compatible form ends in dotted decimal.
        let groupsEnd = start == 0 && count == 6 ? 6 : 8
        var index = 0
        while index < groupsEnd {
            if index == start {
                bytes.append(0x3A)
                bytes.append(0x3A)
                index &+= count
                continue
            }
            if index > 0 && index != start &+ count { bytes.append(0x3A) }
            Address.write(hexadecimal: group(index), to: &bytes)
            index &+= 1
        }
        if groupsEnd == 6 { Address.write(v4: v4, to: &bytes) }
    }

    /// The 16-bit group at `index`, 0 the most significant.
    private func group(_ index: Int) -> UInt16 {
        let word = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: word >> UInt64(48 &- (index & 3) &* 16))
    }

    /// The first of the longest runs of at least two zero groups (RFC 5952 section 4.2); -1 where there is none.
    private func longestZeroRun() -> (start: Int, count: Int) {
        var best = (start: -1, count: 1)
        var length = 0
        for index in 0..<8 {
            length = group(index) == 0 ? length &+ 1 : 0
            if length > best.count { best = (index &- length &+ 1, length) }
        }
        return best.start < 0 ? (-1, 0) : best
    }

    private static func write(v4 value: UInt32, to bytes: inout [UInt8]) {
        for index: UInt32 in 0..<4 {
            if index > 0 { bytes.append(0x2E) }
            let octet = UInt8(truncatingIfNeeded: value >> (24 &- index &* 8))
            if octet >= 100 { bytes.append(0x30 &+ octet / 100) }
            if octet >= 10 { bytes.append(0x30 &+ octet / 10 % 10) }
            bytes.append(0x30 &+ octet % 10)
        }
    }

    private static func write(hexadecimal value: UInt16, to bytes: inout [UInt8]) {
        if value >= 0x1000 { bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> 12))) }
        if value >= 0x100 { bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> 8 & 15))) }
        if value >= 0x10 { bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> 4 & 15))) }
        bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value & 15)))
    }
}

extension Address: CustomStringConvertible {
    @usableFromInline package var description: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
