// SPDX-License-Identifier: Apache-2.0
//
// How identities of connections and files are made: SipHash-2-4 (Aumasson and
// Bernstein, 2012) with a fixed key, so that a second reading of the same packets
// gives the same identities on every machine.
//
// Reads   words of 64 bits.
// Writes  `UID`.
// Leaves  protection against chosen collisions: the flow table's own hash has a
//         random key, and nobody gains by two rows of one identity.

/// SipHash-2-4 over whole 64-bit words.
@frozen @usableFromInline package struct SipHash: Sendable, BitwiseCopyable {
    @usableFromInline var v0: UInt64
    @usableFromInline var v1: UInt64
    @usableFromInline var v2: UInt64
    @usableFromInline var v3: UInt64
    @usableFromInline var wordCount: UInt64 = 0

    package init(key0: UInt64, key1: UInt64) {
        v0 = key0 ^ 0x736F_6D65_7073_6575
        v1 = key1 ^ 0x646F_7261_6E64_6F6D
        v2 = key0 ^ 0x6C79_6765_6E65_7261
        v3 = key1 ^ 0x7465_6462_7974_6573
    }

    package mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
        wordCount &+= 1
    }

    /// Absorbs octets: their number, then the octets in words, the last padded by zeros.
    package mutating func absorb(_ octets: [UInt8]) {
        absorb(UInt64(octets.count))
        var word: UInt64 = 0
        var filled = 0
        for octet in octets {
            word |= UInt64(octet) << UInt64(filled &* 8)
            filled &+= 1
            if filled == 8 {
                absorb(word)
                word = 0
                filled = 0
            }
        }
        if filled > 0 { absorb(word) }
    }

    /// The hash of what was absorbed. The state itself can be kept as a prefix for others.
    package consuming func finish() -> UInt64 {
        absorb(((wordCount &* 8) & 0xFF) << 56)
        v2 ^= 0xFF
        for _ in 0..<4 { round() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    mutating func round() {
        v0 &+= v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 &+= v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 &+= v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }
}

extension UID {
    /// The state that every identity of one sensor starts from. The key is the ASCII text
    /// `weir identities.`; it is no secret and never changes.
    package static func prefix(sensor: String) -> SipHash {
        var hash = SipHash(key0: 0x7765_6972_2069_6465, key1: 0x6E74_6974_6965_732E)
        hash.absorb(Array(sensor.utf8))
        return hash
    }

    /// The identity of a connection: the sensor's prefix, the five words of the canonical
    /// key, the time of the first packet, and how many connections of the same key and
    /// time came before.
    package static func make(
        prefix: SipHash, key: (UInt64, UInt64, UInt64, UInt64, UInt64), start: Timestamp, ordinal: UInt32
    ) -> UID {
        var hash = prefix
        hash.absorb(key.0)
        hash.absorb(key.1)
        hash.absorb(key.2)
        hash.absorb(key.3)
        hash.absorb(key.4)
        hash.absorb(UInt64(bitPattern: start.nanoseconds))
        hash.absorb(UInt64(ordinal))
        return UID(value: hash.finish())
    }

    /// The identity of a file: its connection, the direction it travels, its ordinal there.
    package static func make(fileOf connection: UID, direction: Direction, ordinal: UInt32) -> UID {
        var hash = SipHash(key0: 0x7765_6972_2069_6465, key1: 0x6E74_6974_6965_732E)
        hash.absorb(connection.value)
        hash.absorb(UInt64(direction.rawValue) << 32 | UInt64(ordinal))
        return UID(value: hash.finish())
    }

    /// The identity of a file that is known by its place, such as a URL or a path, whatever
    /// connection it comes over.
    package static func make(fileKey key: UInt64) -> UID {
        var hash = SipHash(key0: 0x7765_6972_2069_6465, key1: 0x6E74_6974_6965_732E)
        hash.absorb(key)
        return UID(value: hash.finish())
    }
}
