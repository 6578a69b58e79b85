// SPDX-License-Identifier: Apache-2.0
//
// The Internet checksum (RFC 1071) with the pseudo-headers of IPv4 and IPv6
// (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1, RFC 4443 section 2.3).
//
// Reads   octets, and a layer's addresses.
// Writes  nothing.
// Leaves  when a checksum is to be verified at all: see Transport.swift.

/// Sums of one checksum under way; order does not matter as long as each part but
/// the last has an even number of octets.
@frozen public struct ChecksumSum: BitwiseCopyable, Sendable {
    @usableFromInline var sum: UInt64 = 0

    @inlinable public init() {}

    @inlinable public mutating func add(_ word: UInt16) { sum &+= UInt64(word) }

    /// Adds the four 16-bit words of `value`.
    @inlinable public mutating func add(words value: UInt64) {
        sum &+= (value >> 48) &+ ((value >> 32) & 0xFFFF) &+ ((value >> 16) & 0xFFFF) &+ (value & 0xFFFF)
    }

    /// Adds the pseudo-header of a layer. IPv4's `::ffff:` adds 0xFFFF, which is zero in this
    /// arithmetic, but for the all-zero sum: so IPv4 adds its 32 bits alone.
    @inlinable public mutating func add(pseudoHeaderOf layer: Layer, protocolNumber: UInt8, length: UInt32) {
        if layer.version == 4 {
            add(words: layer.sourceLow & 0xFFFF_FFFF)
            add(words: layer.targetLow & 0xFFFF_FFFF)
        } else {
            add(words: layer.sourceHigh)
            add(words: layer.sourceLow)
            add(words: layer.targetHigh)
            add(words: layer.targetLow)
        }
        add(words: UInt64(length))
        add(UInt16(protocolNumber))
    }

    /// The sum folded to 16 bits: 0xFFFF when a good checksum was among the words.
    @inlinable public var folded: UInt16 {
        var value = sum
        while value >> 16 != 0 { value = (value & 0xFFFF) &+ (value >> 16) }
        return UInt16(truncatingIfNeeded: value)
    }
}
