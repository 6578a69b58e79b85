// SPDX-License-Identifier: Apache-2.0
//
// Numbers for the texts of a column, page after page: each text of a dictionary is looked up once.

import Store

struct TextCoder: Sendable {
    private(set) var texts = KeyTexts()
    /// By column: the dictionary at work, and the numbers of its texts, +1.
    private var maps: [Int: (pool: Int, map: [UInt32])] = [:]

    /// The code of what is unset.
    static let unset: UInt64 = 0xFFFF_FFFF

    mutating func number(of octets: [UInt8], _ range: Range<Int>) -> UInt32 { texts.number(of: octets, range) }

    /// Appends the numbers of a pool's texts from the one on that has none in `numbers`; those that are new are added.
    mutating func appendNumbers(of pool: TextPool, to numbers: inout [UInt32]) {
        let missing = UInt32(truncatingIfNeeded: numbers.count) ..< UInt32(truncatingIfNeeded: pool.count)
        if !missing.isEmpty { texts.numbers(of: pool, Array(missing), into: &numbers) }
    }

    /// Appends the codes of a text column for some rows; answers which are unset, nothing where none is.
    mutating func codes(
        _ column: Int, _ rows: [UInt32], _ page: PageColumns, into codes: inout [UInt64]
    ) throws(VectorFailure) -> [Bool] {
        guard let vector = try page.vector(column) else {
            codes.append(contentsOf: repeatElement(TextCoder.unset, count: rows.count))
            return Array(repeating: true, count: rows.count)
        }
        let isUnset = vector.isFull ? [] : rows.map { !vector.has(Int($0)) }
        // All rows of the page, or those that a filter took.
        let indices = rows.count == vector.rowCount ? vector.indices : rows.map { vector.indices[Int($0)] }
        let start = codes.count
        codes.append(contentsOf: repeatElement(TextCoder.unset, count: rows.count))
        guard vector.isDictionary else {
            var (wanted, found): ([UInt32], [UInt32]) = ([], [])
            if isUnset.isEmpty { wanted = indices } else {
                for index in indices.indices where !isUnset[index] { wanted.append(indices[index]) }
            }
            texts.numbers(of: vector.texts, wanted, into: &found)
            var next = 0
            for index in indices.indices where isUnset.isEmpty || !isUnset[index] {
                codes[start &+ index] = UInt64(found[next])
                next &+= 1
            }
            return isUnset
        }
        var map = maps.removeValue(forKey: column) ?? (pool: Int.min, map: [])
        if map.pool != page.pool(column) || map.map.count != vector.texts.count {
            map = (page.pool(column), [UInt32](repeating: 0, count: vector.texts.count))
        }
        number(vector.texts, indices, isUnset, &map.map)
        let numbers = map.map.span
        var target = codes.mutableSpan
        if isUnset.isEmpty {
            for index in indices.indices { target[start &+ index] = UInt64(numbers[Int(indices[index])] &- 1) }
        } else {
            for index in indices.indices where !isUnset[index] {
                target[start &+ index] = UInt64(numbers[Int(indices[index])] &- 1)
            }
        }
        maps[column] = map
        return isUnset
    }

    /// Puts the numbers, +1, of the texts at some places that have none yet into `map`.
    private mutating func number(
        _ pool: TextPool, _ places: [UInt32], _ isUnset: [Bool], _ map: inout [UInt32]
    ) {
        var (wanted, found): ([UInt32], [UInt32]) = ([], [])
        var known = map.mutableSpan
        for index in places.indices where known[Int(places[index])] == 0 {
            guard isUnset.isEmpty || !isUnset[index] else { continue }
            known[Int(places[index])] = .max
            wanted.append(places[index])
        }
        guard !wanted.isEmpty else { return }
        texts.numbers(of: pool, wanted, into: &found)
        for (place, number) in zip(wanted, found) { map[Int(place)] = number &+ 1 }
    }
}
