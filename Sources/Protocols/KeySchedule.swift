// SPDX-License-Identifier: Apache-2.0
//
// Keys out of secrets, and what is opened with them, for TLS 1.2 and 1.3 and for QUIC
// (RFC 5246 section 5, RFC 8446 section 7.1, RFC 5116).
//
// Reads   a secret; a protected record or packet.
// Writes  keys of any size that the protocols use; the octets that were protected.
// Leaves  where secrets come from (KeyLog.swift, QUICKeys.swift).

import Crypto
import Records
import Wire

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) and the PRF of TLS 1.2.
enum KeySchedule {
    /// At most one block of the hash is ever asked for, so one HMAC gives it.
    ///
    ///     length (2)  label length (1)  "tls13 " label  context length (1)  context
    static func expand<H: HashFunction>(
        _ secret: SymmetricKey, _ label: StaticString, context: [UInt8] = [], count: Int, using _: H.Type
    ) -> [UInt8] {
        precondition(count <= H.Digest.byteCount, "more octets than one block of the hash")
        var info = TextBuffer()
        info.bytes = [0, UInt8(truncatingIfNeeded: count)]
        info.bytes.append(6 &+ UInt8(truncatingIfNeeded: label.utf8CodeUnitCount))
        info.append("tls13 ")
        info.append(label)
        info.bytes.append(UInt8(truncatingIfNeeded: context.count))
        info.bytes += context
        info.bytes.append(1)
        return Array(HMAC<H>.authenticationCode(for: info.bytes, using: secret).prefix(count))
    }

    /// The pseudo-random function of TLS 1.2 (RFC 5246 section 5).
    static func random<H: HashFunction>(
        _ secret: SymmetricKey, _ label: StaticString, seed: [UInt8], count: Int, using _: H.Type
    ) -> [UInt8] {
        var labelled = TextBuffer()
        labelled.append(label)
        labelled.bytes += seed
        var output: [UInt8] = []
        var block = Array(HMAC<H>.authenticationCode(for: labelled.bytes, using: secret))
        while output.count < count {
            output += Array(HMAC<H>.authenticationCode(for: block + labelled.bytes, using: secret))
            block = Array(HMAC<H>.authenticationCode(for: block, using: secret))
        }
        return Array(output.prefix(count))
    }
}

/// The two ciphers with a tag that protect records and packets.
enum SealKind: Sendable {
    case aes
    case chaCha

    static let tagBytes = 16

    /// Opens `sealed`, whose last 16 octets are the tag; nil where it was not sealed with this key.
    func open(_ sealed: RawSpan, key: SymmetricKey, nonce: [UInt8], authenticating header: [UInt8]) -> [UInt8]? {
        guard sealed.byteCount >= SealKind.tagBytes else { return nil }
        let split = sealed.byteCount &- SealKind.tagBytes
        var text: [UInt8] = []
        var tag: [UInt8] = []
        sealed.extracting(0..<split).append(to: &text)
        sealed.extracting(split..<sealed.byteCount).append(to: &tag)
        switch self {
        case .aes:
            guard let number = try? AES.GCM.Nonce(data: nonce),
                let box = try? AES.GCM.SealedBox(nonce: number, ciphertext: text, tag: tag),
                let opened = try? AES.GCM.open(box, using: key, authenticating: header)
            else { return nil }
            return Array(opened)
        case .chaCha:
            guard let number = try? ChaChaPoly.Nonce(data: nonce),
                let box = try? ChaChaPoly.SealedBox(nonce: number, ciphertext: text, tag: tag),
                let opened = try? ChaChaPoly.open(box, using: key, authenticating: header)
            else { return nil }
            return Array(opened)
        }
    }
}
