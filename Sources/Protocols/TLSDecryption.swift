// SPDX-License-Identifier: Apache-2.0
//
// Opens the records of one TLS session whose secrets are known (RFC 5246 section 6.2.3.3
// with RFC 5288 and RFC 7905; RFC 8446 section 5.2).
//
// Reads   encrypted records of both directions, in order.
// Writes  application data.
// Leaves  suites that are not AEAD, 0-RTT, renegotiation: such a session is given up.

import Crypto
import Records
import Wire

/// A suite that can be opened.
struct TLSSuite {
    enum Hash {
        case sha256
        case sha384
    }

    let seal: SealKind
    let keyBytes: Int
    let hash: Hash
    let isTLS13: Bool

    /// Nil for a suite that cannot.
    init?(_ code: UInt32) {
        isTLS13 = code >> 8 == 0x13
        switch code {
        case 0x1301: (seal, keyBytes, hash) = (.aes, 16, .sha256)
        case 0x1302: (seal, keyBytes, hash) = (.aes, 32, .sha384)
        case 0x1303, 0xCCA8...0xCCAE: (seal, keyBytes, hash) = (.chaCha, 32, .sha256)
        // In these two stretches suites of 128 and 256 bits take turns.
        case 0x009C...0x00AD where code & 1 == 0, 0xC02B...0xC032 where code & 1 == 1:
            (seal, keyBytes, hash) = (.aes, 16, .sha256)
        case 0x009C...0x00AD, 0xC02B...0xC032: (seal, keyBytes, hash) = (.aes, 32, .sha384)
        default: return nil
        }
    }

    func expand(_ secret: [UInt8], _ label: StaticString, _ count: Int) -> [UInt8] {
        let key = SymmetricKey(data: secret)
        return switch hash {
        case .sha256: KeySchedule.expand(key, label, count: count, using: SHA256.self)
        case .sha384: KeySchedule.expand(key, label, count: count, using: SHA384.self)
        }
    }

    func random(_ secret: [UInt8], _ label: StaticString, _ seed: [UInt8], _ count: Int) -> [UInt8] {
        let key = SymmetricKey(data: secret)
        return switch hash {
        case .sha256: KeySchedule.random(key, label, seed: seed, count: count, using: SHA256.self)
        case .sha384: KeySchedule.random(key, label, seed: seed, count: count, using: SHA384.self)
        }
    }

    var hashBytes: Int { hash == .sha256 ? 32 : 48 }
}

final class TLSDecryption {
    /// One direction's keys and where it is.
    private struct Side {
        var key = SymmetricKey(size: .bits128)
        var nonce: [UInt8] = []
        /// The secret that the keys are of, in TLS 1.3.
        var secret: [UInt8] = []
        /// What follows the handshake, in TLS 1.3; empty once it is in use.
        var next: [UInt8] = []
        var sequence: UInt64 = 0
        /// A record was opened with these keys.
        var isProven = false
        /// A handshake message that is not whole.
        var message: [UInt8] = []
    }

    /// Octets of one encrypted handshake message.
    private static let messageBytesMax = 1 << 17

    private let suite: TLSSuite
    private var sides: [2 of Side] = [Side(), Side()]
    /// A record could not be opened, and none after it can.
    private(set) var hasFailed = false

    /// `randoms` are the client's and the server's. Nil where the secrets are not of this suite.
    init?(_ suite: TLSSuite, _ secrets: KeyLogSecrets, randoms: (client: [UInt8], server: [UInt8])) {
        self.suite = suite
        if suite.isTLS13 {
            guard secrets.application.client.count == suite.hashBytes,
                secrets.application.server.count == suite.hashBytes
            else { return nil }
            begin(0, secrets.handshake.client, secrets.application.client)
            begin(1, secrets.handshake.server, secrets.application.server)
        } else {
            guard secrets.master.count == 48 else { return nil }
            let nonceBytes = suite.seal == .aes ? 4 : 12
            let block = suite.random(
                secrets.master, "key expansion", randoms.server + randoms.client, 2 * (suite.keyBytes + nonceBytes))
            for side in 0..<2 {
                let key = side * suite.keyBytes
                sides[side].key = SymmetricKey(data: Array(block[key ..< key + suite.keyBytes]))
                let nonce = 2 * suite.keyBytes + side * nonceBytes
                sides[side].nonce = Array(block[nonce ..< nonce + nonceBytes])
            }
        }
    }

    private func begin(_ side: Int, _ handshake: [UInt8], _ application: [UInt8]) {
        if handshake.count == suite.hashBytes {
            sides[side].next = application
            use(handshake, side)
        } else {
            // Records of the handshake stay closed; what follows them shows itself.
            use(application, side)
        }
    }

    private func use(_ secret: [UInt8], _ side: Int) {
        sides[side].secret = secret
        sides[side].key = SymmetricKey(data: suite.expand(secret, "key", suite.keyBytes))
        sides[side].nonce = suite.expand(secret, "iv", 12)
        sides[side].sequence = 0
        sides[side].isProven = false
    }

    /// Opens one record. Its application data; nil where it has none.
    func open(_ type: UInt8, _ body: RawSpan, version: UInt16, isClient: Bool) -> [UInt8]? {
        guard !hasFailed else { return nil }
        return suite.isTLS13 ? open13(body, isClient ? 0 : 1) : open12(type, body, version, isClient ? 0 : 1)
    }

    /// TLS 1.2: GCM sends half of its nonce, ChaCha20-Poly1305 none of it.
    private func open12(_ type: UInt8, _ body: RawSpan, _ version: UInt16, _ side: Int) -> [UInt8]? {
        let sent = suite.seal == .aes ? 8 : 0
        let plain = body.byteCount &- sent &- SealKind.tagBytes
        guard plain >= 0 else { return fail() }
        var nonce = sides[side].nonce
        if sent > 0 { body.extracting(0..<sent).append(to: &nonce) } else { mix(sides[side].sequence, into: &nonce) }
        var header: [UInt8] = []
        for shift in stride(from: 56, through: 0, by: -8) {
            header.append(UInt8(truncatingIfNeeded: sides[side].sequence >> UInt64(shift)))
        }
        header.append(type)
        header.append(UInt8(version >> 8))
        header.append(UInt8(version & 0xFF))
        header.append(UInt8(truncatingIfNeeded: plain >> 8))
        header.append(UInt8(truncatingIfNeeded: plain))
        let sealed = body.extracting(sent..<body.byteCount)
        guard let opened = suite.seal.open(sealed, key: sides[side].key, nonce: nonce, authenticating: header) else {
            return fail()
        }
        sides[side].sequence &+= 1
        return type == 23 ? opened : nil
    }

    /// TLS 1.3: the type stands behind the content, and zeroes may stand behind the type.
    private func open13(_ body: RawSpan, _ side: Int) -> [UInt8]? {
        var nonce = sides[side].nonce
        mix(sides[side].sequence, into: &nonce)
        let count = body.byteCount
        let header = [23, 3, 3, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
        guard
            var opened = suite.seal.open(body, key: sides[side].key, nonce: nonce, authenticating: header)
        else {
            // Of the handshake, whose secret is not known; or 0-RTT.
            return sides[side].isProven ? fail() : nil
        }
        sides[side].sequence &+= 1
        sides[side].isProven = true
        while opened.last == 0 { opened.removeLast() }
        switch opened.popLast() {
        case 22:
            handshake(opened, side)
            return nil
        case 23: return opened
        default: return nil
        }
    }

    private func mix(_ sequence: UInt64, into nonce: inout [UInt8]) {
        for place in 0..<8 { nonce[4 &+ place] ^= UInt8(truncatingIfNeeded: sequence >> UInt64(56 &- 8 &* place)) }
    }

    /// Messages of TLS 1.3: Finished and KeyUpdate change the keys of their side.
    private func handshake(_ bytes: [UInt8], _ side: Int) {
        sides[side].message += bytes
        var at = 0
        let all = sides[side].message
        while all.count &- at >= 4 {
            let count = 4 &+ (Int(all[at &+ 1]) << 16 | Int(all[at &+ 2]) << 8 | Int(all[at &+ 3]))
            guard count <= TLSDecryption.messageBytesMax else {
                _ = fail()
                return
            }
            guard all.count &- at >= count else { break }
            switch all[at] {
            case 20 where !sides[side].next.isEmpty:
                let next = sides[side].next
                sides[side].next = []
                use(next, side)
            case 24: use(suite.expand(sides[side].secret, "traffic upd", suite.hashBytes), side)
            default: break
            }
            at &+= count
        }
        sides[side].message.removeFirst(at)
    }

    private func fail() -> [UInt8]? {
        hasFailed = true
        return nil
    }
}
