// SPDX-License-Identifier: Apache-2.0
//
// The Community ID, version 1: one name of a flow for every tool that sees it.
//
// Reads   the identity of a connection, either way round.
// Writes  `1:` and the Base64 of a SHA-1 (RFC 3174).
// Leaves  other versions. The hash is our own: this module imports nothing, the
//         message always fits one block, and SHA-1 protects nothing here.

/// Requests and answers among ICMP's messages.
package enum ICMPPair {
    /// The type that answers `type` (or is answered by it), or nil where a message stands
    /// alone. `protocolNumber` is 1 or 58 (RFC 792, 950, 1256; RFC 4443, 4861, 2710, 4620, 6275).
    package static func counterpart(of type: UInt8, protocolNumber: UInt8) -> UInt8? {
        if protocolNumber == 1 {
            switch type {
            case 8: return 0
            case 0: return 8
            case 13: return 14
            case 14: return 13
            case 15: return 16
            case 16: return 15
            case 10: return 9
            case 9: return 10
            case 17: return 18
            case 18: return 17
            default: return nil
            }
        }
        switch type {
        case 128, 130, 133, 135, 139, 144: return type + 1
        case 129, 131, 134, 136, 140, 145: return type - 1
        default: return nil
        }
    }
}

package enum CommunityID {
    /// Appends the Community ID of a connection, 30 octets of ASCII.
    ///
    /// For ICMP the ports are the type, and the answering type or the code, as the
    /// connection log has them. Protocols without ports hash none.
    package static func write(id: ConnectionID, seed: UInt16 = 0, to bytes: inout [UInt8]) {
        var message = SHA1Block()
        message.append(seed)
        let isOneWay =
            id.transport == .icmp
            && ICMPPair.counterpart(
                of: UInt8(truncatingIfNeeded: id.originatorPort), protocolNumber: id.protocolNumber) == nil
        let isOrdered =
            isOneWay || id.originator < id.responder
            || (id.originator == id.responder && id.originatorPort < id.responderPort)
        let first = isOrdered ? id : id.flipped
        message.append(first.originator)
        message.append(first.responder)
        message.append(octet: id.protocolNumber)
        message.append(octet: 0)
        if id.transport != .unknown {
            message.append(first.originatorPort)
            message.append(first.responderPort)
        }
        let digest = message.sha1()
        bytes.append(0x31)
        bytes.append(0x3A)
        writeBase64(digest, to: &bytes)
    }

    /// 20 octets in five words become 27 characters and a sign of equality.
    private static func writeBase64(_ words: [5 of UInt32], to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0x3D, count: 28))
        var target = bytes.mutableSpan
        // The bits not yet written, from the top.
        var bits: UInt64 = 0
        var bitCount = 0
        var place = start
        for index in 0..<5 {
            bits |= UInt64(words[index]) &<< UInt64(32 &- bitCount)
            bitCount &+= 32
            while bitCount >= 6 {
                target[place] = base64Digit(UInt8(truncatingIfNeeded: bits &>> 58))
                bits &<<= 6
                bitCount &-= 6
                place &+= 1
            }
        }
        target[place] = base64Digit(UInt8(truncatingIfNeeded: bits &>> 58))
    }

    /// Branches on ranges of a digest would be guessed wrong every other time: the steps between the
    /// ranges are added up instead.
    private static func base64Digit(_ value: UInt8) -> UInt8 {
        var digit = value &+ 0x41
        digit &+= value >= 26 ? 6 : 0
        digit &-= value >= 52 ? 75 : 0
        digit &-= value >= 62 ? 15 : 0
        digit &+= value >= 63 ? 3 : 0
        return digit
    }
}

/// One block of SHA-1 under construction: at most 55 octets, of which a flow needs 42.
struct SHA1Block {
    private var words = [16 of UInt32](repeating: 0)
    private var count = 0

    mutating func append(octet: UInt8) {
        precondition(count < 55, "the message fits one block")
        words[count / 4] |= UInt32(octet) << UInt32(24 &- 8 &* (count % 4))
        count &+= 1
    }

    mutating func append(_ value: UInt16) {
        append(octet: UInt8(truncatingIfNeeded: value >> 8))
        append(octet: UInt8(truncatingIfNeeded: value))
    }

    /// Four octets of an IPv4 address, sixteen of an IPv6 one.
    mutating func append(_ address: Address) {
        if !address.isV4 {
            for shift in 0..<8 { append(octet: UInt8(truncatingIfNeeded: address.high >> UInt64(56 &- 8 &* shift))) }
            for shift in 0..<4 { append(octet: UInt8(truncatingIfNeeded: address.low >> UInt64(56 &- 8 &* shift))) }
        }
        for shift in 4..<8 { append(octet: UInt8(truncatingIfNeeded: address.low >> UInt64(56 &- 8 &* shift))) }
    }

    /// The digest (RFC 3174 section 6.2, method 2: a ring of 16 words).
    consuming func sha1() -> [5 of UInt32] {
        let bitCount = UInt32(count &* 8)
        append(octet: 0x80)
        words[15] = bitCount
        var ring = words
        var a: UInt32 = 0x6745_2301
        var b: UInt32 = 0xEFCD_AB89
        var c: UInt32 = 0x98BA_DCFE
        var d: UInt32 = 0x1032_5476
        var e: UInt32 = 0xC3D2_E1F0
        func word(_ step: Int) -> UInt32 {
            guard step >= 16 else { return ring[step & 15] }
            let mixed = ring[(step &+ 13) & 15] ^ ring[(step &+ 8) & 15] ^ ring[(step &+ 2) & 15] ^ ring[step & 15]
            ring[step & 15] = mixed &<< 1 | mixed &>> 31
            return ring[step & 15]
        }
        func turn(_ chosen: UInt32, _ constant: UInt32, _ word: UInt32) {
            let next = (a &<< 5 | a &>> 27) &+ chosen &+ e &+ word &+ constant
            (e, d, c, b, a) = (d, c, b &<< 30 | b &>> 2, a, next)
        }
        for step in 0..<20 { turn(b & c | ~b & d, 0x5A82_7999, word(step)) }
        for step in 20..<40 { turn(b ^ c ^ d, 0x6ED9_EBA1, word(step)) }
        for step in 40..<60 { turn(b & c | b & d | c & d, 0x8F1B_BCDC, word(step)) }
        for step in 60..<80 { turn(b ^ c ^ d, 0xCA62_C1D6, word(step)) }
        return [
            a &+ 0x6745_2301, b &+ 0xEFCD_AB89, c &+ 0x98BA_DCFE, d &+ 0x1032_5476, e &+ 0xC3D2_E1F0,
        ]
    }
}
