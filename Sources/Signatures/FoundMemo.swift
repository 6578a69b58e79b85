// SPDX-License-Identifier: Apache-2.0
//
// What was found in short buffers, remembered by their octets.
//
// Reads   octets of buffers, and which rules' patterns stood in them.
// Writes  a table of fixed size.
// Leaves  the search itself (GramSearch.swift, PatternDatabase.swift).

import Wire

/// Names of hosts, agents, methods, types of content: most short buffers come again and again, and what is in them is
/// known without another search. Each place of the table holds the last buffer of those that fall there, whole, so that
/// a buffer is taken for another one only where all octets are the same.
struct FoundMemo {
    /// A buffer, the group whose patterns are looked for in it, and the way of the packet.
    struct Key: Equatable, BitwiseCopyable {
        fileprivate let value: UInt64

        init(group: Int, pair: Int, count: Int) {
            value = UInt64(truncatingIfNeeded: group) << 32 | UInt64(truncatingIfNeeded: pair) << 16
                | UInt64(truncatingIfNeeded: count)
        }
    }

    /// Octets of the longest buffer that is remembered, and rules that one may have.
    static let bytesMax = 96
    static let rulesMax = 7
    private static let wordsMax = bytesMax / 8
    private static let slotBits = 10

    /// By slot: 0 for an empty one.
    private var keys = [UInt64](repeating: 0, count: 1 << slotBits)
    private var words = [UInt64](repeating: 0, count: wordsMax << slotBits)
    /// By slot eight numbers: how many rules there are, and they.
    private var rules = [UInt32](repeating: 0, count: (rulesMax + 1) << slotBits)

    static func takes(_ bytes: RawSpan) -> Bool { bytes.byteCount > 0 && bytes.byteCount <= bytesMax }

    /// The slot of a buffer.
    func slot(_ key: Key, _ bytes: RawSpan) -> Int {
        var hash = key.value &* 0x9E37_79B9_7F4A_7C15
        for place in 0..<FoundMemo.wordCount(bytes) {
            hash = (hash ^ FoundMemo.word(place, bytes)) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash &>> 29
        }
        return Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) &>> UInt64(64 - FoundMemo.slotBits))
    }

    /// Whether the slot holds this buffer.
    func holds(_ slot: Int, _ key: Key, _ bytes: RawSpan) -> Bool {
        guard keys[slot] == key.value else { return false }
        let start = slot &* FoundMemo.wordsMax
        for place in 0..<FoundMemo.wordCount(bytes) where words[start &+ place] != FoundMemo.word(place, bytes) {
            return false
        }
        return true
    }

    /// How many rules were found in the buffer of a slot, and one of them.
    func count(_ slot: Int) -> Int { Int(rules[slot &* (FoundMemo.rulesMax &+ 1)]) }
    func rule(_ slot: Int, _ place: Int) -> UInt32 { rules[slot &* (FoundMemo.rulesMax &+ 1) &+ 1 &+ place] }

    /// Remembers what was found in a buffer, in the place of what was there; nothing where it is too much.
    mutating func keep(_ slot: Int, _ key: Key, _ bytes: RawSpan, _ found: [UInt32]) {
        guard found.count <= FoundMemo.rulesMax else { return }
        keys[slot] = key.value
        for place in 0..<FoundMemo.wordCount(bytes) {
            words[slot &* FoundMemo.wordsMax &+ place] = FoundMemo.word(place, bytes)
        }
        let start = slot &* (FoundMemo.rulesMax &+ 1)
        rules[start] = UInt32(truncatingIfNeeded: found.count)
        for (place, rule) in found.enumerated() { rules[start &+ 1 &+ place] = rule }
    }

    @inline(__always)
    private static func wordCount(_ bytes: RawSpan) -> Int { (bytes.byteCount &+ 7) &>> 3 }

    /// Eight octets: the last ones overlap those before. Together with their number the words tell all octets.
    @inline(__always)
    private static func word(_ place: Int, _ bytes: RawSpan) -> UInt64 {
        let count = bytes.byteCount
        if count >= 8 { return bytes.load64(min(place &* 8, count &- 8)) }
        if count >= 4 { return UInt64(bytes.load32(0)) << 32 | UInt64(bytes.load32(count &- 4)) }
        var word: UInt64 = 0
        for place in 0..<count { word = word << 8 | UInt64(bytes.octet(place)) }
        return word
    }
}
