// SPDX-License-Identifier: Apache-2.0
//
// Hashes of short texts.
//
// Reads   octets.
// Writes  hexadecimal digits.
// Leaves  hashes of files, which come in pieces; hashes of certificates (X509.swift).

import Crypto
package import Records

package enum Digests {
    /// Appends the MD5 of `octets` in lower-case hexadecimal: an identity, not a protection.
    package static func md5(_ octets: [UInt8], to text: inout TextBuffer) -> Text {
        let start = text.begin()
        for octet in Insecure.MD5.hash(data: octets) { append(octet, to: &text) }
        return text.end(start)
    }

    /// Appends the first `digitCount` digits of the SHA-256 of `octets`.
    package static func sha256(_ octets: [UInt8], digitCount: Int = 64, to text: inout TextBuffer) {
        let start = text.begin()
        for octet in SHA256.hash(data: octets) { append(octet, to: &text) }
        let surplus = text.bytes.count &- start &- digitCount
        if surplus > 0 { text.bytes.removeLast(surplus) }
    }

    private static func append(_ octet: UInt8, to text: inout TextBuffer) {
        text.bytes.append(TextBuffer.hexadecimalDigit(octet >> 4))
        text.bytes.append(TextBuffer.hexadecimalDigit(octet & 15))
    }
}
