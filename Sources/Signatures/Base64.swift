// SPDX-License-Identifier: Apache-2.0
//
// Base64 (RFC 4648, RFC 2045) as signatures decode it.
//
// Reads   text.
// Writes  octets.
// Leaves  nothing.

import Wire

enum Base64 {
    /// The value of each character; 0xFF where it is none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Appends the padded text that stands for the octets.
    static func append(_ octets: [UInt8], to text: inout [UInt8]) {
        for start in stride(from: 0, to: octets.count, by: 3) {
            var group: UInt32 = 0
            for place in 0..<3 {
                group = group << 8 | UInt32(start + place < octets.count ? octets[start + place] : 0)
            }
            for digit in 0..<4 {
                let isPadding = start + digit > octets.count
                text.append(isPadding ? 0x3D : alphabet[Int(group >> UInt32(18 - 6 * digit) & 63)])
            }
        }
    }

    /// What the whole text stands for; nil where it is no base64 of this mode.
    static func decode(_ text: RuleText, mode: Base64Mode) -> [UInt8]? {
        var octets: [UInt8] = []
        return decode(text.octets, mode: mode, into: &octets) ? octets : nil
    }

    /// Appends what the text stands for. In `strict` mode a character outside of the alphabet or a lack of padding
    /// is a failure; RFC 4648's stops at it; RFC 2045's steps over it. All stop at `=`.
    static func decode(_ text: RawSpan, mode: Base64Mode, into octets: inout [UInt8]) -> Bool {
        var group: UInt32 = 0
        var held = 0
        var used = 0
        for index in 0..<text.byteCount {
            let character = text.octet(index)
            let value = values[Int(character)]
            guard value != 0xFF else {
                if mode == .rfc2045, character != 0x3D { continue }
                if mode == .strict, !isPadding(text, index, used) { return false }
                break
            }
            used &+= 1
            group = group << 6 | UInt32(value)
            held &+= 1
            guard held == 4 else { continue }
            octets.append(UInt8(truncatingIfNeeded: group >> 16))
            octets.append(UInt8(truncatingIfNeeded: group >> 8))
            octets.append(UInt8(truncatingIfNeeded: group))
            group = 0
            held = 0
        }
        if mode == .strict, text.byteCount % 4 != 0 { return false }
        if held >= 2 { octets.append(UInt8(truncatingIfNeeded: group >> UInt32(6 &* held &- 8))) }
        if held == 3 { octets.append(UInt8(truncatingIfNeeded: group >> 2)) }
        return true
    }

    /// One or two `=` fill the last group up to four, and nothing follows them.
    private static func isPadding(_ text: RawSpan, _ start: Int, _ used: Int) -> Bool {
        let count = text.byteCount &- start
        guard count <= 2, (used &+ count) % 4 == 0 else { return false }
        for index in start..<text.byteCount where text.octet(index) != 0x3D { return false }
        return true
    }
}
