// SPDX-License-Identifier: Apache-2.0
//
// Groups of rows by their keys: open addressing over words.
//
// Most of the time goes into waiting for memory. So keys are looked up many at a time, step by step for all of them:
// the processor then waits for many places at once.
//
// Leaves  what the words mean (`Aggregation`).

/// Distinct keys of `width` words each, numbered as they first come.
struct GroupTable: Sendable {
    let width: Int
    /// The keys, one behind the other.
    private(set) var keys: [UInt64] = []
    private(set) var count = 0
    /// Number + 1; 0 is a free place. At most half full.
    private var slots: [UInt32] = Array(repeating: 0, count: 1 << 10)
    private var mask = (1 << 10) - 1
    /// Hostile values cannot be made to share a place without it.
    private static let seed = UInt64.random(in: .min ... .max) | 1
    /// Keys that are looked up together; as many places has the array of `lookUp`.
    private static let batch = 256

    /// Groups of one question; more are SQLite's, which has the disk.
    static let countMax = 1 << 26

    init(width: Int) { self.width = width }

    @inline(__always) private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always) private static func hash(_ words: [UInt64], _ start: Int, _ width: Int) -> UInt64 {
        var hash = seed
        for word in 0..<width { hash = fold(hash ^ words[start &+ word], 0x9E37_79B9_7F4A_7C15) }
        return hash
    }

    /// The number of the key that stands in `words` from `start` on, which is added if it is new.
    mutating func index(of words: [UInt64], at start: Int) -> Int {
        var place = Int(truncatingIfNeeded: GroupTable.hash(words, start, width)) & mask
        while true {
            let slot = slots[place]
            if slot == 0 { break }
            if isSame(Int(slot) &- 1, words, start) { return Int(slot) &- 1 }
            place = (place &+ 1) & mask
        }
        for word in 0..<width { keys.append(words[start &+ word]) }
        slots[place] = UInt32(truncatingIfNeeded: count &+ 1)
        count &+= 1
        if count &* 2 > slots.count { grow() }
        return count &- 1
    }

    /// The number of a key that may not be here.
    func known(_ words: [UInt64], at start: Int) -> Int? {
        var place = Int(truncatingIfNeeded: GroupTable.hash(words, start, width)) & mask
        while true {
            let slot = slots[place]
            if slot == 0 { return nil }
            if isSame(Int(slot) &- 1, words, start) { return Int(slot) &- 1 }
            place = (place &+ 1) & mask
        }
    }

    @inline(__always) private func isSame(_ number: Int, _ words: [UInt64], _ start: Int) -> Bool {
        let own = number &* width
        for word in 0..<width where keys[own &+ word] != words[start &+ word] { return false }
        return true
    }

    /// Appends the numbers of the keys that stand in `words`, one behind the other; new ones are added.
    mutating func indices(of words: [UInt64], into numbers: inout [UInt32]) {
        lookUp(words, into: &numbers) { (own, start) in UInt32(truncatingIfNeeded: own.index(of: words, at: start)) }
    }

    /// Appends the numbers of keys, `UInt32.max` for those that are not here.
    func known(_ words: [UInt64], into numbers: inout [UInt32]) {
        var copy = self
        copy.lookUp(words, into: &numbers) { (own, start) in
            own.known(words, at: start).map { UInt32(truncatingIfNeeded: $0) } ?? .max
        }
    }

    /// Looks keys up in batches. `decide` is asked for those that do not stand in the first place of theirs.
    @inline(__always)
    private mutating func lookUp(
        _ words: [UInt64], into numbers: inout [UInt32], decide: (inout GroupTable, Int) -> UInt32
    ) {
        var found = [256 of UInt32](repeating: 0)
        let width = width
        let total = words.count / width
        var start = 0
        numbers.reserveCapacity(numbers.count &+ total)
        while start < total {
            let count = min(GroupTable.batch, total &- start)
            for index in 0..<count {
                let hash = GroupTable.hash(words, (start &+ index) &* width, width)
                found[index] = slots[Int(truncatingIfNeeded: hash) & mask]
            }
            for index in 0..<count where found[index] != 0 {
                let (own, other) = ((Int(found[index]) &- 1) &* width, (start &+ index) &* width)
                var isSame = true
                for word in 0..<width where keys[own &+ word] != words[other &+ word] { isSame = false }
                if !isSame { found[index] = 0 }
            }
            for index in 0..<count {
                numbers.append(
                    found[index] != 0 ? found[index] &- 1 : decide(&self, (start &+ index) &* width))
            }
            start &+= count
        }
    }

    @inline(never) private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count &* 4)
        mask = slots.count &- 1
        for number in 0..<count {
            var place = Int(truncatingIfNeeded: GroupTable.hash(keys, number &* width, width)) & mask
            while slots[place] != 0 { place = (place &+ 1) & mask }
            slots[place] = UInt32(truncatingIfNeeded: number &+ 1)
        }
    }
}
