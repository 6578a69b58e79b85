// SPDX-License-Identifier: Apache-2.0
//
// Which part of a name anybody may register below (`domain`, `tld`).
//
// Reads   Mozilla's public suffix list, where the system has it (Debian: publicsuffix).
// Writes  nothing.
// Leaves  internationalised names: they are compared as they are on the wire.

import Wire

package enum PublicSuffix {
    private enum Rule { case suffix, wildcard, exception }

    package static let path = "/usr/share/publicsuffix/public_suffix_list.dat"

    /// Rules by name. Without the list every last label is a suffix.
    private static let rules: [[UInt8]: Rule] = {
        var rules: [[UInt8]: Rule] = [:]
        guard let bytes = try? RuleFileBytes.read(path) else { return rules }
        for line in bytes[...].split(separator: 0x0A) {
            guard let word = line.words.first, !word.begins(with: "//") else { continue }
            if word.begins(with: "*.") {
                rules[Array(word.dropFirst(2))] = .wildcard
            } else if word.first == 0x21 {
                rules[Array(word.dropFirst())] = .exception
            } else {
                rules[Array(word)] = rules[Array(word)] ?? .suffix
            }
        }
        return rules
    }()

    /// Whether the list is there.
    package static var isKnown: Bool { !rules.isEmpty }

    /// The suffix of a name: `co.uk` of `www.example.co.uk`.
    static func suffix(_ name: RawSpan) -> Range<Int> { start(name)..<name.byteCount }

    /// The label before the suffix and the suffix: `example.co.uk`; empty where the name is a suffix.
    package static func domain(_ name: RawSpan) -> Range<Int> {
        let start = start(name)
        guard start > 0 else { return 0..<0 }
        var label = start &- 1
        while label > 0, name.octet(label &- 1) != 0x2E { label &-= 1 }
        return label..<name.byteCount
    }

    /// Octets of the longest rule with a label, its octets written as four, in front.
    private static let reach = 255 &+ 4 &* 63 &+ 1

    /// Where the suffix begins.
    private static func start(_ name: RawSpan) -> Int {
        guard name.byteCount <= 4 &* 255 else { return name.byteCount }
        var lowered: [UInt8] = []
        for index in 0..<name.byteCount { lowered.append(name.octet(index).lowered) }
        var best = lowered.lastIndex(of: 0x2E).map { $0 + 1 } ?? 0
        var label = 0
        while label < lowered.count {
            let next = lowered[label...].firstIndex(of: 0x2E).map { $0 + 1 } ?? lowered.count
            // No rule is as long; names are where octets are written as four.
            guard lowered.count &- label <= reach else {
                label = next
                continue
            }
            let parent = rules[Array(lowered[next...])]
            switch rules[Array(lowered[label...])] {
            case .exception: return next
            case .suffix, .wildcard: return min(best, label)
            case nil where parent == .wildcard && next < lowered.count: return min(best, label)
            case nil: break
            }
            best = min(best, lowered.count)
            label = next
        }
        return best
    }
}
