// SPDX-License-Identifier: Apache-2.0
//
// What protects Initial packets of QUIC, with keys that everyone can derive (RFC 9001
// section 5, RFC 9369 section 3.3, and the drafts from 22 on).
//
// Reads   the version, the client's first destination connection id, one packet.
// Writes  the frames of the packet.
// Leaves  packets protected by keys that only the two ends have.

import Crypto
import CryptoExtras
import Wire

/// The keys of one direction's Initial packets.
struct QUICKeys {
    private let key: SymmetricKey
    private let nonce: [UInt8]
    private let mask: SymmetricKey

    /// Nil where the version's way of deriving keys is not known.
    init?(version: UInt32, connection: [UInt8], isClient: Bool) {
        guard let salt = QUICKeys.salt(version) else { return nil }
        let initial = HMAC<SHA256>.authenticationCode(for: connection, using: SymmetricKey(data: salt))
        let secret = SymmetricKey(
            data: KeySchedule.expand(
                SymmetricKey(data: Array(initial)), isClient ? "client in" : "server in", count: 32,
                using: SHA256.self))
        let isSecond = version == QUICVersion.two
        func derive(_ label: StaticString, _ count: Int) -> [UInt8] {
            KeySchedule.expand(secret, label, count: count, using: SHA256.self)
        }
        key = SymmetricKey(data: derive(isSecond ? "quicv2 key" : "quic key", 16))
        nonce = derive(isSecond ? "quicv2 iv" : "quic iv", 12)
        mask = SymmetricKey(data: derive(isSecond ? "quicv2 hp" : "quic hp", 16))
    }

    /// Takes header protection off a packet and opens it; nil where it was not made with these keys.
    /// `numberOffset` is where the packet number begins, which is at least 20 octets before the end.
    func open(_ packet: RawSpan, numberOffset: Int) -> [UInt8]? {
        guard packet.byteCount &- numberOffset >= 20 else { return nil }
        var block: [UInt8] = []
        // RFC 9001 section 5.4.2: the number is taken to be four octets long.
        packet.extracting(numberOffset &+ 4 ..< numberOffset &+ 20).append(to: &block)
        guard (try? AES.permute(&block, key: mask)) != nil else { return nil }
        let first = packet.octet(0) ^ (block[0] & 0x0F)
        let numberBytes = Int(first & 3) &+ 1
        var header: [UInt8] = []
        packet.extracting(0 ..< numberOffset &+ numberBytes).append(to: &header)
        header[0] = first
        var used = nonce
        for place in 0..<numberBytes {
            header[numberOffset &+ place] ^= block[1 &+ place]
            used[12 &- numberBytes &+ place] ^= header[numberOffset &+ place]
        }
        let sealed = packet.extracting(numberOffset &+ numberBytes ..< packet.byteCount)
        return SealKind.aes.open(sealed, key: key, nonce: used, authenticating: header)
    }

    /// The salt from which a version derives its first secret.
    private static func salt(_ version: UInt32) -> [UInt8]? {
        switch version {
        case QUICVersion.one, 0xFF00_0021...0xFF00_0022:
            [
                0x38, 0x76, 0x2C, 0xF7, 0xF5, 0x59, 0x34, 0xB3, 0x4D, 0x17, 0x9A, 0xE6, 0xA4, 0xC8, 0x0C, 0xAD, 0xCC,
                0xBB, 0x7F, 0x0A,
            ]
        case QUICVersion.two:
            [
                0x0D, 0xED, 0xE3, 0xDE, 0xF7, 0x00, 0xA6, 0xDB, 0x81, 0x93, 0x81, 0xBE, 0x6E, 0x26, 0x9D, 0xCB, 0xF9,
                0xBD, 0x2E, 0xD9,
            ]
        case 0xFF00_001D...0xFF00_0020:
            [
                0xAF, 0xBF, 0xEC, 0x28, 0x99, 0x93, 0xD2, 0x4C, 0x9E, 0x97, 0x86, 0xF1, 0x9C, 0x61, 0x11, 0xE0, 0x43,
                0x90, 0xA8, 0x99,
            ]
        case 0xFF00_0017...0xFF00_001C, 0xFACE_B002, 0xFACE_B00E, 0xFACE_B011...0xFACE_B013:
            [
                0xC3, 0xEE, 0xF7, 0x12, 0xC7, 0x2E, 0xBB, 0x5A, 0x11, 0xA7, 0xD2, 0x43, 0x2B, 0xB4, 0x63, 0x65, 0xBE,
                0xF9, 0xF5, 0x02,
            ]
        case 0xFF00_0016, 0xFACE_B001:
            [
                0x7F, 0xBC, 0xDB, 0x0E, 0x7C, 0x66, 0xBB, 0xE9, 0x19, 0x3A, 0x96, 0xCD, 0x21, 0x51, 0x9E, 0xBD, 0x7A,
                0x02, 0x64, 0x4A,
            ]
        default: nil
        }
    }
}

/// Versions of QUIC and their names.
enum QUICVersion {
    static let one: UInt32 = 1
    static let two: UInt32 = 0x6B33_43CF

    /// Nil for a version that is not read.
    static func name(_ version: UInt32) -> StaticString? {
        switch version {
        case one: "1"
        case two: "quicv2"
        case 0xFF00_0016: "draft-22"
        case 0xFF00_0017: "draft-23"
        case 0xFF00_0018: "draft-24"
        case 0xFF00_0019: "draft-25"
        case 0xFF00_001A: "draft-26"
        case 0xFF00_001B: "draft-27"
        case 0xFF00_001C: "draft-28"
        case 0xFF00_001D: "draft-29"
        // The field's logs name 31 so.
        case 0xFF00_001E, 0xFF00_001F: "draft-30"
        case 0xFF00_0020: "draft-32"
        case 0xFF00_0021: "draft-33"
        case 0xFF00_0022: "draft-34"
        case 0xFACE_B001: "mvfst (faceb001)"
        case 0xFACE_B002: "mvfst (faceb002)"
        case 0xFACE_B00E: "mvfst (faceb00e)"
        case 0xFACE_B011: "mvfst (faceb011)"
        case 0xFACE_B012: "mvfst (faceb012)"
        case 0xFACE_B013: "mvfst (faceb013)"
        default: nil
        }
    }
}
