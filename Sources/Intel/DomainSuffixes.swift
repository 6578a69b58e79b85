// SPDX-License-Identifier: Apache-2.0
//
// Suffixes below which anybody registers names: they are no indicators.
//
// Reads   the public suffix list of module Signatures, where the system has it.
// Writes  nothing.

import Signatures
import Wire

enum DomainSuffixes {
    /// Whether a name, in lower case, is a public suffix itself.
    static func isSuffix(_ name: [UInt8]) -> Bool {
        guard PublicSuffix.isKnown else { return !name.contains(0x2E) || usual.contains(name) }
        return PublicSuffix.domain(name.octets).isEmpty
    }

    /// The greatest of two labels, for systems without the list.
    private static let usual: Set<[UInt8]> = Set(
        [
            "co.uk", "org.uk", "ac.uk", "gov.uk", "com.au", "net.au", "org.au", "co.nz", "co.jp", "ne.jp", "or.jp",
            "com.br", "com.cn", "com.tr", "com.mx", "com.ar", "com.tw", "com.hk", "com.sg", "co.kr", "co.in", "co.za",
            "com.ua", "com.pl", "github.io", "blogspot.com", "herokuapp.com", "duckdns.org", "ddns.net", "workers.dev",
            "pages.dev", "web.app", "azurewebsites.net", "cloudfront.net",
        ].map { Array($0.utf8) })
}
