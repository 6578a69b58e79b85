// SPDX-License-Identifier: Apache-2.0
//
// Distinct values of a column of one row group, numbered as they first come.
//
// The tables are open-addressed, at most half full, and hash with a seed of their own process, so that
// traffic cannot be made to collide. What is written does not depend on the seed: numbers follow the rows.

internal import Records

/// Where a text begins, in an order: its first eight octets, the first the most significant.
func textPrefix(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
    var prefix: UInt64 = 0
    for offset in 0 ..< min(8, range.count) {
        prefix |= UInt64(bytes[range.lowerBound &+ offset]) << UInt64(56 &- offset &* 8)
    }
    return prefix
}

/// Distinct texts.
package struct TextDictionary: Sendable {
    package private(set) var pool = TextPool()
    /// Of each text its first octets, for comparing (see `textPrefix`).
    private(set) var prefixes: [UInt64] = []
    /// Whether some text is not UTF-8 or has control characters.
    private(set) var needsEscaping = false
    /// Upper half: part of the hash; lower half: index + 1; 0 is a free place.
    private var slots: [UInt64] = []
    private static let seed = UInt64.random(in: .min ... .max)

    package init() {}

    package var count: Int { pool.count }
    var byteCount: Int { pool.bytes.count &+ pool.count &* 12 &+ slots.count &* 8 }

    mutating func clear() {
        pool.bytes.removeAll(keepingCapacity: true)
        pool.ends.removeAll(keepingCapacity: true)
        prefixes.removeAll(keepingCapacity: true)
        needsEscaping = false
        // A table that was once large would be cleared at a cost for ever.
        slots = [UInt64](repeating: 0, count: min(slots.count, 1 << 12))
    }

    /// The number of a text.
    package mutating func index(of bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        if (count &+ 1) &* 2 > slots.count { grow() }
        let hash = XXHash.hash(bytes, range, seed: TextDictionary.seed) >> 32
        let mask = UInt64(slots.count &- 1)
        var place = Int(hash & mask)
        while slots[place] != 0 {
            let slot = slots[place]
            if slot >> 32 == hash {
                let index = Int(slot & 0xFFFF_FFFF) &- 1
                if equals(index, bytes, range) { return UInt32(truncatingIfNeeded: index) }
            }
            place = Int((UInt64(place) &+ 1) & mask)
        }
        let index = count
        slots[place] = hash << 32 | UInt64(index &+ 1)
        pool.bytes.append(contentsOf: bytes[range])
        pool.ends.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        prefixes.append(textPrefix(bytes, range))
        if !needsEscaping { needsEscaping = !TextEscaping.isPlain(bytes[range]) }
        return UInt32(truncatingIfNeeded: index)
    }

    private func equals(_ index: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        areSameOctets(pool.bytes, pool.range(index), bytes, range)
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: max(64, old.count &* 2))
        let mask = UInt64(slots.count &- 1)
        for slot in old where slot != 0 {
            var place = Int(slot >> 32 & mask)
            while slots[place] != 0 { place = Int((UInt64(place) &+ 1) & mask) }
            slots[place] = slot
        }
    }

    /// Makes the texts what the store holds: valid UTF-8 without control characters.
    mutating func escape() {
        guard needsEscaping else { return }
        var escaped = TextPool()
        for index in 0..<count {
            TextEscaping.appendEscaped(pool.bytes, pool.range(index), to: &escaped.bytes)
            escaped.ends.append(UInt32(truncatingIfNeeded: escaped.bytes.count))
            prefixes[index] = textPrefix(escaped.bytes, escaped.range(index))
        }
        pool = escaped
        needsEscaping = false
    }

    /// Appends a text that is known to be new, plain and never looked up (addresses).
    mutating func appendNew(_ write: (inout [UInt8]) -> Void) {
        write(&pool.bytes)
        pool.ends.append(UInt32(truncatingIfNeeded: pool.bytes.count))
        prefixes.append(textPrefix(pool.bytes, pool.range(count &- 1)))
    }
}

/// Distinct addresses: compared as 128 bits, formatted once.
struct AddressDictionary: Sendable {
    private(set) var addresses: [Address] = []
    /// Index + 1; 0 is a free place.
    private var slots: [UInt32] = []
    private static let seed = UInt64.random(in: .min ... .max) | 1

    var byteCount: Int { addresses.count &* 16 &+ slots.count &* 4 }

    mutating func clear() {
        addresses.removeAll(keepingCapacity: true)
        slots = [UInt32](repeating: 0, count: min(slots.count, 1 << 12))
    }

    /// The number of an address; its text goes into `texts` when it is new.
    mutating func index(of address: Address, texts: inout TextDictionary) -> UInt32 {
        if (addresses.count &+ 1) &* 2 > slots.count { grow() }
        var place = home(address)
        while slots[place] != 0 {
            let index = slots[place] &- 1
            if addresses[Int(index)] == address { return index }
            place = (place &+ 1) & (slots.count &- 1)
        }
        slots[place] = UInt32(truncatingIfNeeded: addresses.count &+ 1)
        addresses.append(address)
        texts.appendNew { address.write(to: &$0) }
        return slots[place] &- 1
    }

    private func home(_ address: Address) -> Int {
        var hash = (address.low ^ AddressDictionary.seed) &* 0x9E37_79B1_85EB_CA87
        hash = (hash ^ hash >> 32 ^ address.high) &* (AddressDictionary.seed ^ 0x27D4_EB2F_1656_67C4)
        return Int((hash ^ hash >> 29) >> 16 & UInt64(slots.count &- 1))
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: max(64, slots.count &* 2))
        for (index, address) in addresses.enumerated() {
            var place = home(address)
            while slots[place] != 0 { place = (place &+ 1) & (slots.count &- 1) }
            slots[place] = UInt32(truncatingIfNeeded: index &+ 1)
        }
    }
}

/// Distinct numbers, as long as they are few.
struct WordDictionary {
    private(set) var values: [UInt64] = []
    private(set) var indices: [UInt32] = []
    private var slots: [UInt32] = []
    private static let seed = UInt64.random(in: .min ... .max) | 1
    static let countMax = 1024

    /// Numbers all of `words`; false where there are too many different ones for it to pay.
    mutating func build(_ words: [UInt64]) -> Bool {
        values.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        slots = [UInt32](repeating: 0, count: WordDictionary.countMax &* 4)
        let limit = min(WordDictionary.countMax, words.count / 4)
        var last: UInt64 = 0
        var lastIndex: UInt32 = .max
        for word in words {
            if word == last && lastIndex != .max {
                indices.append(lastIndex)
                continue
            }
            let index = self.index(of: word)
            if values.count > limit { return false }
            indices.append(index)
            (last, lastIndex) = (word, index)
        }
        return !words.isEmpty
    }

    private mutating func index(of word: UInt64) -> UInt32 {
        let hash = (word ^ word >> 32) &* WordDictionary.seed
        var place = Int(hash >> 40) & (slots.count &- 1)
        while slots[place] != 0 {
            let index = slots[place] &- 1
            if values[Int(index)] == word { return index }
            place = (place &+ 1) & (slots.count &- 1)
        }
        slots[place] = UInt32(truncatingIfNeeded: values.count &+ 1)
        values.append(word)
        return slots[place] &- 1
    }
}
