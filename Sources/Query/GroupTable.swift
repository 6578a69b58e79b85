// SPDX-License-Identifier: Apache-2.0
//
// Groups of rows by their keys: open addressing over words.
//
// Leaves  what the words mean (`Aggregation`).

/// Distinct keys of `width` words each, numbered as they first come.
struct GroupTable {
    let width: Int
    /// The keys, one behind the other.
    private(set) var keys: [UInt64] = []
    private(set) var count = 0
    /// Number + 1; 0 is a free place. At most half full.
    private var slots: [UInt32] = Array(repeating: 0, count: 1 << 10)
    private var mask = (1 << 10) - 1
    /// Hostile values cannot be made to share a place without it.
    private static let seed = UInt64.random(in: .min ... .max) | 1

    /// Groups of one question; more are SQLite's, which has the disk.
    static let countMax = 1 << 26

    init(width: Int) { self.width = width }

    @inline(__always) private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// The number of a key of one word.
    @inline(__always) mutating func index(of key: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: GroupTable.fold(key ^ GroupTable.seed, 0x9E37_79B9_7F4A_7C15)) & mask
        while true {
            let slot = slots[place]
            if slot == 0 { break }
            if keys[Int(slot) &- 1] == key { return Int(slot) &- 1 }
            place = (place &+ 1) & mask
        }
        keys.append(key)
        return add(at: place)
    }

    /// The number of a key of two words.
    @inline(__always) mutating func index(of first: UInt64, _ second: UInt64) -> Int {
        let hash = GroupTable.fold(
            GroupTable.fold(GroupTable.seed ^ first, 0x9E37_79B9_7F4A_7C15) ^ second, 0x9E37_79B9_7F4A_7C15)
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[place]
            if slot == 0 { break }
            let own = (Int(slot) &- 1) &* 2
            if keys[own] == first, keys[own &+ 1] == second { return Int(slot) &- 1 }
            place = (place &+ 1) & mask
        }
        keys.append(first)
        keys.append(second)
        return add(at: place)
    }

    /// The number of the key that stands in `words` from `start` on.
    @inline(__always) mutating func index(of words: [UInt64], at start: Int) -> Int {
        var place = Int(truncatingIfNeeded: GroupTable.hash(words, start, width)) & mask
        probe: while true {
            let slot = slots[place]
            if slot == 0 { break }
            let own = (Int(slot) &- 1) &* width
            place = (place &+ 1) & mask
            for word in 0..<width where keys[own &+ word] != words[start &+ word] { continue probe }
            return Int(slot) &- 1
        }
        for word in 0..<width { keys.append(words[start &+ word]) }
        return add(at: place)
    }

    @inline(__always) private static func hash(_ words: [UInt64], _ start: Int, _ width: Int) -> UInt64 {
        var hash = seed
        for word in 0..<width { hash = fold(hash ^ words[start &+ word], 0x9E37_79B9_7F4A_7C15) }
        return hash
    }

    private mutating func add(at place: Int) -> Int {
        slots[place] = UInt32(truncatingIfNeeded: count &+ 1)
        count &+= 1
        if count &* 2 > slots.count { grow() }
        return count &- 1
    }

    @inline(never) private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count &* 4)
        mask = slots.count &- 1
        for number in 0..<count {
            let hash =
                width == 1
                ? GroupTable.fold(keys[number] ^ GroupTable.seed, 0x9E37_79B9_7F4A_7C15)
                : GroupTable.hash(keys, number &* width, width)
            var place = Int(truncatingIfNeeded: hash) & mask
            while slots[place] != 0 { place = (place &+ 1) & mask }
            slots[place] = UInt32(truncatingIfNeeded: number &+ 1)
        }
    }
}
