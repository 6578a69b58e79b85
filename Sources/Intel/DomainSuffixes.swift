// SPDX-License-Identifier: Apache-2.0
//
// Suffixes below which anybody registers names: they are no indicators.
//
// Reads   Mozilla's public suffix list, where the system has it (Debian: publicsuffix).
// Writes  nothing.
// Leaves  internationalised names: the list's own are in Unicode, ours in ASCII.

import Foundation

enum DomainSuffixes {
    private static let path = "/usr/share/publicsuffix/public_suffix_list.dat"

    /// Whether a name, in lower case, is a public suffix itself. Without the list only those of one label are.
    static func isSuffix(_ name: [UInt8]) -> Bool {
        let text = String(decoding: name, as: UTF8.self)
        if rules.contains(text) { return true }
        guard let dot = text.firstIndex(of: ".") else { return true }
        return rules.contains("*" + text[dot...]) && !rules.contains("!" + text)
    }

    private static let rules: Set<String> = {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return usual }
        var rules = usual
        for line in text.split(separator: "\n") where !line.hasPrefix("//") {
            guard let word = line.split(whereSeparator: \.isWhitespace).first else { continue }
            rules.insert(String(word))
        }
        return rules
    }()

    /// The greatest of two labels, for systems without the list.
    private static let usual: Set<String> = [
        "co.uk", "org.uk", "ac.uk", "gov.uk", "com.au", "net.au", "org.au", "co.nz", "co.jp", "ne.jp", "or.jp",
        "com.br",
        "com.cn", "com.tr", "com.mx", "com.ar", "com.tw", "com.hk", "com.sg", "co.kr", "co.in", "co.za", "com.ua",
        "com.pl",
        "github.io", "blogspot.com", "herokuapp.com", "duckdns.org", "ddns.net", "no-ip.org", "workers.dev",
        "pages.dev",
        "web.app", "azurewebsites.net", "cloudfront.net", "s3.amazonaws.com",
    ]
}
