// SPDX-License-Identifier: Apache-2.0
//
// Loads at fixed offsets behind one length check, and the sum under every
// Internet checksum.
//
// Reads   octets of a borrowed span.
// Writes  nothing.
// Leaves  which header stands where to Link.swift, IP.swift and Transport.swift.

extension RawSpan {
    /// Whether `count` octets at `offset` are there.
    @inlinable public func holds(_ count: Int, at offset: Int) -> Bool {
        offset >= 0 && count >= 0 && offset <= byteCount && count <= byteCount &- offset
    }

    @inlinable public func load16(_ offset: Int) -> UInt16 { load(offset, as: UInt16.self) }
    @inlinable public func load32(_ offset: Int) -> UInt32 { load(offset, as: UInt32.self) }
    @inlinable public func load64(_ offset: Int) -> UInt64 { load(offset, as: UInt64.self) }

    /// The 48 bits of a hardware address.
    @inlinable public func load48(_ offset: Int) -> UInt64 {
        UInt64(load32(offset)) << 16 | UInt64(load16(offset &+ 4))
    }

    /// The sum of the 16-bit words in `offset ..< offset + count`, with an odd last octet
    /// padded by zero, folded to 16 bits: the core of RFC 1071, without the complement.
    ///
    /// The sum does not depend on the order of octets in a word, so words are added as the
    /// machine loads them, 32 bits to a 64-bit lane: no carry is lost below 2^32 words.
    public func onesComplementSum(at offset: Int, count: Int) -> UInt16 {
        precondition(holds(count, at: offset), "sum outside of the span")
        var lanes = SIMD4<UInt64>()
        let mask = SIMD4<UInt64>(repeating: 0xFFFF_FFFF)
        var position = offset
        let end = offset &+ count
        while end &- position >= 32 {
            // Safe: the precondition and the loop's condition prove 32 octets at `position`.
            let words = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: SIMD4<UInt64>.self)
            lanes = lanes &+ (words & mask) &+ (words &>> 32)
            position &+= 32
        }
        var sum = lanes[0] &+ lanes[1] &+ lanes[2] &+ lanes[3]
        while end &- position >= 4 {
            // Safe: the precondition and the loop's condition prove 4 octets at `position`.
            sum &+= UInt64(unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self))
            position &+= 4
        }
        if end &- position >= 2 {
            // Safe: the precondition and the condition prove 2 octets at `position`.
            sum &+= UInt64(unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt16.self))
            position &+= 2
        }
        if position < end {
            sum &+= UInt64(UInt16(littleEndian: UInt16(octet(position))))
        }
        while sum >> 16 != 0 { sum = (sum & 0xFFFF) &+ (sum >> 16) }
        return UInt16(bigEndian: UInt16(truncatingIfNeeded: sum))
    }
}
