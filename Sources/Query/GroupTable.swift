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
    static let seed = UInt64.random(in: .min ... .max) | 1
    static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    /// Keys that are looked up together; as many places has the array of `lookUp`.
    private static let batch = 256

    /// Groups of one question; more are SQLite's, which has the disk.
    static let countMax = 1 << 26

    init(width: Int) { self.width = width }

    @inline(__always) static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always) private static func hash(_ words: [UInt64], _ start: Int, _ width: Int) -> UInt64 {
        var hash = seed
        for word in 0..<width { hash = fold(hash ^ words[start &+ word], factor) }
        return hash
    }

    /// Which of `count` parts (at most 256) a key belongs to.
    @inline(__always) static func part(of words: [UInt64], at start: Int, _ width: Int, count: Int) -> Int {
        // The lower bits choose the place in a table.
        Int(truncatingIfNeeded: ((hash(words, start, width) >> 48) &* UInt64(count)) >> 16)
    }

    /// Adds a key of one word that is known to be new and is not looked up here.
    @inline(__always) mutating func append(_ key: UInt64) {
        keys.append(key)
        count &+= 1
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
        if width == 1 { return indicesOfOne(words, into: &numbers) }
        lookUp(words, into: &numbers) { (own, start) in UInt32(truncatingIfNeeded: own.index(of: words, at: start)) }
    }

    /// The same for keys of one word. The table grows before a batch that might fill it, never while one is looked up.
    private mutating func indicesOfOne(_ words: [UInt64], into numbers: inout [UInt32]) {
        let first = numbers.count
        numbers.append(contentsOf: repeatElement(0, count: words.count))
        var found = numbers.mutableSpan
        // Taken out while they are changed: two spans of one value's parts cannot be.
        var (ownKeys, ownSlots): ([UInt64], [UInt32]) = ([], [])
        var start = 0
        while start < words.count {
            let end = min(start &+ GroupTable.batch, words.count)
            while (count &+ end &- start) &* 2 > slots.count { grow() }
            // Room for all that may be new: what is not used is cut off again.
            keys.append(contentsOf: repeatElement(0, count: end &- start))
            var known = count
            let mask = slots.count &- 1
            swap(&ownKeys, &keys)
            swap(&ownSlots, &slots)
            var own = ownKeys.mutableSpan
            var places = ownSlots.mutableSpan
            for index in start..<end {
                let word = words[index]
                var place = Int(truncatingIfNeeded: GroupTable.fold(GroupTable.seed ^ word, GroupTable.factor)) & mask
                var slot = places[place]
                while slot != 0, own[Int(slot) &- 1] != word {
                    place = (place &+ 1) & mask
                    slot = places[place]
                }
                if slot == 0 {
                    own[known] = word
                    known &+= 1
                    slot = UInt32(truncatingIfNeeded: known)
                    places[place] = slot
                }
                found[first &+ index] = slot &- 1
            }
            swap(&ownKeys, &keys)
            swap(&ownSlots, &slots)
            keys.removeLast(keys.count &- known)
            count = known
            start = end
        }
    }

    /// Appends the numbers of keys, `UInt32.max` for those that are not here.
    func known(_ words: [UInt64], into numbers: inout [UInt32]) {
        if width == 1 { return knownOfOne(words, into: &numbers) }
        var copy = self
        copy.lookUp(words, into: &numbers) { (own, start) in
            own.known(words, at: start).map { UInt32(truncatingIfNeeded: $0) } ?? .max
        }
    }

    private func knownOfOne(_ words: [UInt64], into numbers: inout [UInt32]) {
        let (own, places, mask) = (keys.span, slots.span, mask)
        numbers.reserveCapacity(numbers.count &+ words.count)
        for word in words {
            var place = Int(truncatingIfNeeded: GroupTable.fold(GroupTable.seed ^ word, GroupTable.factor)) & mask
            var slot = places[place]
            while slot != 0, own[Int(slot) &- 1] != word {
                place = (place &+ 1) & mask
                slot = places[place]
            }
            // A free place is 0, and so no number.
            numbers.append(slot &- 1)
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
        // Large tables are not made larger than they need: memory that is touched first costs as much as a look-up.
        slots = Array(repeating: 0, count: slots.count &* (slots.count < 1 << 13 ? 4 : 2))
        mask = slots.count &- 1
        for number in 0..<count {
            var place = Int(truncatingIfNeeded: GroupTable.hash(keys, number &* width, width)) & mask
            while slots[place] != 0 { place = (place &+ 1) & mask }
            slots[place] = UInt32(truncatingIfNeeded: number &+ 1)
        }
    }
}
