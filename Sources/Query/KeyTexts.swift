// SPDX-License-Identifier: Apache-2.0
//
// Texts that rows are grouped, counted and joined by, numbered as they first come.
//
// Most of the time goes into waiting for memory. So texts are looked up many at a time, step by step for all of them:
// the processor then waits for many places at once.

import Store

/// Distinct texts.
struct KeyTexts: Sendable {
    /// A text as it is looked up: one of at most 15 octets is two words; of others the hash and the length.
    private struct Key {
        var first: UInt64
        var second: UInt64
        var hash: UInt64

        var isShort: Bool { second >> 56 < 16 }

        @inline(__always) init(_ octets: [UInt8], _ range: Range<Int>) {
            if let words = shortText(octets, range) {
                (first, second) = words
                hash = GroupTable.fold(GroupTable.fold(first ^ seed, second ^ 0xC2B2_AE3D_27D4_EB4F), seed | 1)
            } else {
                hash = XXHash.hash(octets, range, seed: seed)
                first = hash
                second = UInt64(truncatingIfNeeded: range.count) | 0xFF << 56
            }
        }
    }

    private(set) var pool = TextPool()
    /// Some bits of each text's hash, by its number: the same for the same text, whoever numbered it.
    private(set) var marks: [UInt16] = []
    /// The words of each text's key, one text behind the other.
    private var words: [UInt64] = []
    /// Upper half: part of the hash; lower half: number + 1; 0 is a free place. At most half full.
    private var slots: [UInt64] = Array(repeating: 0, count: 1 << 10)
    /// Hostile texts cannot be made to share a place without it. The same for all, so that workers agree on hashes.
    private static let seed = UInt64.random(in: .min ... .max)
    /// Texts that are looked up together; as many places have the arrays of `lookUp`.
    private static let batch = 256
    /// Octets of all texts: places in the pool have 32 bits.
    static let bytesMax = 1 << 31

    var count: Int { pool.count }

    /// The number of a text, which is added if it is new.
    mutating func number(of octets: [UInt8], _ range: Range<Int>) -> UInt32 {
        let key = Key(octets, range)
        return find(octets, range, key) ?? add(octets, range, key)
    }

    /// The numbers of some texts of a pool; those that are new are added.
    mutating func numbers(of texts: TextPool, _ places: [UInt32], into numbers: inout [UInt32]) {
        numbers.reserveCapacity(numbers.count &+ places.count)
        lookUp(texts, places) { (own, place, key) in
            let range = texts.range(place)
            return own.find(texts.bytes, range, key) ?? own.add(texts.bytes, range, key)
        } note: { numbers.append($0) }
    }

    /// The numbers of some texts of a pool, `UInt32.max` for those that are not here.
    func known(of texts: TextPool, _ places: [UInt32], into numbers: inout [UInt32]) {
        numbers.reserveCapacity(numbers.count &+ places.count)
        var copy = self
        copy.lookUp(texts, places) { (own, place, key) in
            own.find(texts.bytes, texts.range(place), key) ?? .max
        } note: { numbers.append($0) }
    }

    /// Looks texts up in batches; `decide` is asked where the first place of a text does not hold it.
    @inline(__always)
    private mutating func lookUp(
        _ texts: TextPool, _ places: [UInt32], decide: (inout KeyTexts, Int, Key) -> UInt32, note: (UInt32) -> Void
    ) {
        var keys = [256 of Key](repeating: Key([], 0..<0))
        var found = [256 of UInt64](repeating: 0)
        var start = 0
        while start < places.count {
            let count = min(KeyTexts.batch, places.count &- start)
            let mask = UInt64(slots.count &- 1)
            for index in 0..<count {
                let key = Key(texts.bytes, texts.range(Int(places[start &+ index])))
                keys[index] = key
                found[index] = slots[Int(key.hash >> 32 & mask)]
            }
            for index in 0..<count where found[index] != 0 {
                let number = Int(found[index] & 0xFFFF_FFFF) &- 1
                let isSame =
                    words[number &* 2] == keys[index].first && words[number &* 2 &+ 1] == keys[index].second
                    && keys[index].isShort
                if !isSame { found[index] = 0 }
            }
            for index in 0..<count {
                let number = UInt32(truncatingIfNeeded: found[index])
                note(number != 0 ? number &- 1 : decide(&self, Int(places[start &+ index]), keys[index]))
            }
            start &+= count
        }
    }

    private func find(_ octets: [UInt8], _ range: Range<Int>, _ key: Key) -> UInt32? {
        let mask = UInt64(slots.count &- 1)
        var place = Int(key.hash >> 32 & mask)
        while slots[place] != 0 {
            let slot = slots[place]
            if slot >> 32 == key.hash >> 32 {
                let number = Int(slot & 0xFFFF_FFFF) &- 1
                if words[number &* 2] == key.first, words[number &* 2 &+ 1] == key.second,
                    key.isShort || areSameOctets(pool.bytes, pool.range(number), octets, range)
                {
                    return UInt32(truncatingIfNeeded: number)
                }
            }
            place = Int((UInt64(place) &+ 1) & mask)
        }
        return nil
    }

    private mutating func add(_ octets: [UInt8], _ range: Range<Int>, _ key: Key) -> UInt32 {
        if (count &+ 1) &* 2 > slots.count { grow() }
        let mask = UInt64(slots.count &- 1)
        var place = Int(key.hash >> 32 & mask)
        while slots[place] != 0 { place = Int((UInt64(place) &+ 1) & mask) }
        slots[place] = (key.hash & 0xFFFF_FFFF_0000_0000) | UInt64(count &+ 1)
        pool.append(octets, range)
        words.append(key.first)
        words.append(key.second)
        marks.append(UInt16(truncatingIfNeeded: key.hash))
        return UInt32(truncatingIfNeeded: count &- 1)
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count &* 4)
        let mask = UInt64(slots.count &- 1)
        for slot in old where slot != 0 {
            var place = Int(slot >> 32 & mask)
            while slots[place] != 0 { place = Int((UInt64(place) &+ 1) & mask) }
            slots[place] = slot
        }
    }
}
