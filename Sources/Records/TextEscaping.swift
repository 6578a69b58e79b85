// SPDX-License-Identifier: Apache-2.0
//
// How octets off the wire become text: one rule for the log writers and the store.
//
// Reads   octets of any kind.
// Writes  valid UTF-8 without control characters.
// Leaves  the quotes and backslashes of JSON, the separators of TSV (log writers).

/// Octets to text as Zeek writes it: valid UTF-8 (RFC 3629) stays as it is, every
/// other octet and every ASCII control character becomes `\xnn` with lower-case
/// digits. A backslash stays single.
package enum TextEscaping {
    /// Appends `octets`, escaped. Allocates only when `target` must grow.
    package static func appendEscaped(
        _ octets: ArraySlice<UInt8>, to target: inout [UInt8], isDistinct: Bool = false
    ) {
        if !isDistinct, isPlain(octets) {
            target.append(contentsOf: octets)
            return
        }
        var index = octets.startIndex
        while index < octets.endIndex {
            let length = plainLength(octets, at: index)
            if length == 0 {
                let octet = octets[index]
                target.append(0x5C)
                target.append(0x78)
                target.append(TextBuffer.hexadecimalDigit(octet >> 4))
                target.append(TextBuffer.hexadecimalDigit(octet & 15))
                index &+= 1
            } else {
                if isDistinct, octets[index] == 0x5C, isEscape(octets, at: index) { target.append(0x5C) }
                for place in index ..< index &+ length { target.append(octets[place]) }
                index &+= length
            }
        }
    }

    /// The same for a stretch of an array, such as a text cell of a `RowBatch`.
    @inline(__always)
    package static func appendEscaped(
        _ octets: [UInt8], _ range: Range<Int>, to target: inout [UInt8], isDistinct: Bool = false
    ) {
        appendEscaped(octets[range], to: &target, isDistinct: isDistinct)
    }

    /// Whether what stands at `index` looks like the escape of an octet: `\xnn`.
    private static func isEscape(_ octets: ArraySlice<UInt8>, at index: Int) -> Bool {
        guard index &+ 4 <= octets.endIndex, octets[index &+ 1] == 0x78 else { return false }
        return isHexadecimal(octets[index &+ 2]) && isHexadecimal(octets[index &+ 3])
    }

    private static func isHexadecimal(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x66).contains(octet | 0x20)
    }

    /// Whether escaping would change nothing.
    package static func isPlain(_ octets: ArraySlice<UInt8>) -> Bool {
        var index = octets.startIndex
        let end = octets.endIndex
        while index < end {
            // Nearly all text is printable ASCII: 0x20 to 0x7E.
            if octets[index] &- 0x20 < 0x5F {
                index &+= 1
                continue
            }
            let length = plainLength(octets, at: index)
            if length == 0 { return false }
            index &+= length
        }
        return true
    }

    /// Octets of the character at `index`; 0 where what stands there must be escaped.
    private static func plainLength(_ octets: ArraySlice<UInt8>, at index: Int) -> Int {
        let first = octets[index]
        if first < 0x80 { return first >= 0x20 && first < 0x7F ? 1 : 0 }
        return sequenceLength(octets, at: index)
    }

    /// Octets of the character of several octets at `index`; 0 where none stands there.
    static func sequenceLength(_ octets: ArraySlice<UInt8>, at index: Int) -> Int {
        // RFC 3629 section 4: the second octet's range shuts out overlong forms and surrogates.
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        let length: Int
        switch octets[index] {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, low) = (3, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: length = 3
        case 0xED: (length, high) = (3, 0x9F)
        case 0xF0: (length, low) = (4, 0x90)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, high) = (4, 0x8F)
        default: return 0
        }
        guard octets.endIndex &- index >= length else { return 0 }
        guard octets[index &+ 1] >= low, octets[index &+ 1] <= high else { return 0 }
        for place in index &+ 2 ..< index &+ length where octets[place] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
