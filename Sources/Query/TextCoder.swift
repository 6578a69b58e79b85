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

    /// Appends the codes of a text column for some rows; answers which are unset, nothing where none is.
    mutating func codes(
        _ column: Int, _ rows: [UInt32], _ page: PageColumns, into codes: inout [UInt64]
    ) throws(VectorFailure) -> [Bool] {
        guard let vector = try page.vector(column) else {
            codes.append(contentsOf: repeatElement(TextCoder.unset, count: rows.count))
            return Array(repeating: true, count: rows.count)
        }
        let indices = vector.indices
        let isUnset = vector.isFull ? [] : rows.map { !vector.has(Int($0)) }
        func isSet(_ index: Int) -> Bool { isUnset.isEmpty || !isUnset[index] }
        guard vector.isDictionary else {
            var (wanted, found): ([UInt32], [UInt32]) = ([], [])
            for index in rows.indices where isSet(index) { wanted.append(indices[Int(rows[index])]) }
            texts.numbers(of: vector.texts, wanted, into: &found)
            var next = 0
            for index in rows.indices {
                codes.append(isSet(index) ? UInt64(found[next]) : TextCoder.unset)
                next &+= isSet(index) ? 1 : 0
            }
            return isUnset
        }
        var map = maps.removeValue(forKey: column) ?? (pool: Int.min, map: [])
        if map.pool != page.pool(column) || map.map.count != vector.texts.count {
            map = (page.pool(column), [UInt32](repeating: 0, count: vector.texts.count))
        }
        number(vector.texts, indices, rows, isUnset, &map.map)
        if isUnset.isEmpty {
            for row in rows { codes.append(UInt64(map.map[Int(indices[Int(row)])] &- 1)) }
        } else {
            for index in rows.indices {
                codes.append(
                    isUnset[index] ? TextCoder.unset : UInt64(map.map[Int(indices[Int(rows[index])])] &- 1))
            }
        }
        maps[column] = map
        return isUnset
    }

    /// Puts the numbers, +1, of the texts that some rows have and that have none yet into `map`.
    private mutating func number(
        _ pool: TextPool, _ indices: [UInt32], _ rows: [UInt32], _ isUnset: [Bool], _ map: inout [UInt32]
    ) {
        var (wanted, found): ([UInt32], [UInt32]) = ([], [])
        for index in rows.indices where isUnset.isEmpty || !isUnset[index] {
            let place = Int(indices[Int(rows[index])])
            guard map[place] == 0 else { continue }
            map[place] = .max
            wanted.append(UInt32(truncatingIfNeeded: place))
        }
        guard !wanted.isEmpty else { return }
        texts.numbers(of: pool, wanted, into: &found)
        for (place, number) in zip(wanted, found) { map[Int(place)] = number &+ 1 }
    }
}
