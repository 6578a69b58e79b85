// SPDX-License-Identifier: Apache-2.0
//
// Digests of buffers, for transforms and data sets.
//
// Reads   borrowed octets.
// Writes  raw digests.
// Leaves  digests of files (module Files).

import Crypto
import Wire

enum Hashing {
    static func md5(_ bytes: RawSpan) -> [UInt8] { digest(bytes, Insecure.MD5.self) }
    static func sha1(_ bytes: RawSpan) -> [UInt8] { digest(bytes, Insecure.SHA1.self) }
    static func sha256(_ bytes: RawSpan) -> [UInt8] { digest(bytes, SHA256.self) }

    private static func digest<Function: HashFunction>(_ bytes: RawSpan, _: Function.Type) -> [UInt8] {
        var octets: [UInt8] = []
        bytes.append(to: &octets)
        return Array(Function.hash(data: octets))
    }
}
