// SPDX-License-Identifier: Apache-2.0
//
// Texts that rows are grouped, counted and joined by, numbered as they first come.
//
// Most of the time goes into waiting for memory. So texts are looked up many at a time, step by step for all of them:
// the processor then waits for many places at once.

import Store

/// Distinct texts.
struct KeyTexts: Sendable {
    private(set) var pool = TextPool()
    /// Upper half: part of the hash; lower half: number + 1; 0 is a free place. At most half full.
    private var slots: [UInt64] = Array(repeating: 0, count: 1 << 10)
    /// Hostile texts cannot be made to share a place without it. The same for all, so that workers agree on hashes.
    static let seed = UInt64.random(in: .min ... .max)
    /// Texts that are looked up together; as many places have the arrays of `lookUp`.
    private static let batch = 256
    /// Octets of all texts: places in the pool have 32 bits.
    static let bytesMax = 1 << 31

    var count: Int { pool.count }

    /// The number of a text, which is added if it is new.
    mutating func number(of octets: [UInt8], _ range: Range<Int>) -> UInt32 {
        let hash = XXHash.hash(octets, range, seed: KeyTexts.seed)
        if let known = find(octets, range, hash) { return known }
        return add(octets, range, hash)
    }

    /// The numbers of some texts of a pool; those that are new are added.
    mutating func numbers(of texts: TextPool, _ places: [UInt32], into numbers: inout [UInt32]) {
        lookUp(texts, places) { (own, place, hash, known) in
            let range = texts.range(place)
            return known ?? own.find(texts.bytes, range, hash) ?? own.add(texts.bytes, range, hash)
        } note: { numbers.append($0) }
    }

    /// The numbers of some texts of a pool, `UInt32.max` for those that are not here.
    func known(of texts: TextPool, _ places: [UInt32], into numbers: inout [UInt32]) {
        var copy = self
        copy.lookUp(texts, places) { (own, place, hash, known) in
            known ?? own.find(texts.bytes, texts.range(place), hash) ?? .max
        } note: { numbers.append($0) }
    }

    /// Looks texts up in batches; `decide` gets what the first place of each holds, if that is the text.
    @inline(__always)
    private mutating func lookUp(
        _ texts: TextPool, _ places: [UInt32],
        decide: (inout KeyTexts, Int, UInt64, UInt32?) -> UInt32, note: (UInt32) -> Void
    ) {
        var hashes = [256 of UInt64](repeating: 0)
        var found = [256 of UInt64](repeating: 0)
        var starts = [256 of Int](repeating: 0)
        var start = 0
        while start < places.count {
            let count = min(KeyTexts.batch, places.count &- start)
            let mask = UInt64(slots.count &- 1)
            for index in 0..<count {
                let hash = XXHash.hash(texts.bytes, texts.range(Int(places[start &+ index])), seed: KeyTexts.seed)
                hashes[index] = hash
                found[index] = slots[Int(hash >> 32 & mask)]
            }
            for index in 0..<count {
                let slot = found[index]
                let isTagged = slot != 0 && slot >> 32 == hashes[index] >> 32
                starts[index] = isTagged ? pool.range(Int(slot & 0xFFFF_FFFF) &- 1).lowerBound : -1
            }
            for index in 0..<count {
                let place = Int(places[start &+ index])
                var known: UInt32?
                if starts[index] >= 0 {
                    let number = Int(found[index] & 0xFFFF_FFFF) &- 1
                    if isSame(number, texts.bytes, texts.range(place)) { known = UInt32(truncatingIfNeeded: number) }
                }
                note(decide(&self, place, hashes[index], known))
            }
            start &+= count
        }
    }

    private func find(_ octets: [UInt8], _ range: Range<Int>, _ hash: UInt64) -> UInt32? {
        let mask = UInt64(slots.count &- 1)
        var place = Int(hash >> 32 & mask)
        while slots[place] != 0 {
            let slot = slots[place]
            if slot >> 32 == hash >> 32 {
                let number = Int(slot & 0xFFFF_FFFF) &- 1
                if isSame(number, octets, range) { return UInt32(truncatingIfNeeded: number) }
            }
            place = Int((UInt64(place) &+ 1) & mask)
        }
        return nil
    }

    private mutating func add(_ octets: [UInt8], _ range: Range<Int>, _ hash: UInt64) -> UInt32 {
        if (count &+ 1) &* 2 > slots.count { grow() }
        let mask = UInt64(slots.count &- 1)
        var place = Int(hash >> 32 & mask)
        while slots[place] != 0 { place = Int((UInt64(place) &+ 1) & mask) }
        slots[place] = (hash & 0xFFFF_FFFF_0000_0000) | UInt64(count &+ 1)
        pool.append(octets, range)
        return UInt32(truncatingIfNeeded: count &- 1)
    }

    private func isSame(_ number: Int, _ octets: [UInt8], _ range: Range<Int>) -> Bool {
        let own = pool.range(number)
        guard own.count == range.count else { return false }
        for offset in 0..<range.count
        where pool.bytes[own.lowerBound &+ offset] != octets[range.lowerBound &+ offset] { return false }
        return true
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
