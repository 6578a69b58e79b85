// SPDX-License-Identifier: Apache-2.0
//
// Counts, or places, by a number of 64 bits.
//
// Reads   numbers that traffic chooses: a random factor keeps it from choosing collisions.
// Writes  nothing.
// Leaves  the bound on its size to whoever fills it.

/// An open hash table from a number other than 0 to 32 bits.
struct NumberTable: Sendable {
    /// 0 is a free place.
    private(set) var keys: [UInt64]
    var values: [UInt32]
    private(set) var count = 0
    private var shift: UInt64

    private static let factor = UInt64.random(in: 0 ... .max) | 1

    /// - Parameter capacity: numbers that fit before the table grows.
    init(capacity: Int = 1024) {
        var places = 64
        while places * 5 < capacity * 8 { places *= 2 }
        keys = [UInt64](repeating: 0, count: places)
        values = [UInt32](repeating: 0, count: places)
        shift = UInt64(64 - places.trailingZeroBitCount)
    }

    /// Spreads a number over 64 bits; the same for every table of the process.
    static func hash(_ key: UInt64) -> UInt64 {
        let mixed = (key ^ key >> 32) &* factor
        return (mixed ^ mixed >> 29) &* 0x9E37_79B9_7F4A_7C15
    }

    /// The place of a number; nil where it is not there.
    func find(_ key: UInt64) -> Int? {
        var place = Int(NumberTable.hash(key) >> shift)
        while keys[place] != key {
            if keys[place] == 0 { return nil }
            place = (place &+ 1) & (keys.count &- 1)
        }
        return place
    }

    /// The place of a number, put in with the value 0 where it was not there.
    mutating func place(_ key: UInt64) -> Int {
        precondition(key != 0, "0 is no key")
        var place = Int(NumberTable.hash(key) >> shift)
        while keys[place] != key {
            if keys[place] == 0 {
                if count &* 8 >= keys.count &* 5 {
                    grow()
                    return self.place(key)
                }
                keys[place] = key
                count &+= 1
                return place
            }
            place = (place &+ 1) & (keys.count &- 1)
        }
        return place
    }

    private mutating func grow() {
        let (oldKeys, oldValues) = (keys, values)
        keys = [UInt64](repeating: 0, count: oldKeys.count * 2)
        values = [UInt32](repeating: 0, count: oldKeys.count * 2)
        shift -= 1
        count = 0
        for (key, value) in zip(oldKeys, oldValues) where key != 0 { values[place(key)] = value }
    }
}
