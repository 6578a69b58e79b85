// SPDX-License-Identifier: Apache-2.0
//
// Tables that count no references: what they hold is held, once, and given back.

import Testing

@testable import Signatures

private final class Kept: Sendable {
    let number: Int
    init(_ number: Int) { self.number = number }
}

struct TableTests {
    @Test func `a list of candidates has each rule once, in the order of evaluation`() {
        var list = CandidateList(1000)
        for round in 0..<3 {
            list.begin()
            for rule: UInt32 in [7, 999, 7, 0, 999, 12] { list.add(rule) }
            list.sort()
            let all = (0..<list.count).map { list[$0] }
            let (holds, lacks) = (list.holds(999), list.holds(UInt32(20 + round)))
            #expect(all == [0, 7, 12, 999])
            #expect(holds && !lacks)
        }
        list.begin()
        let (isEmpty, holds) = (list.isEmpty, list.holds(7))
        #expect(isEmpty && !holds)
        for rule in 0..<UInt32(1000) { list.add(999 - rule) }
        list.sort()
        let isWhole = (0..<1000).allSatisfy { list[$0] == UInt32($0) }
        #expect(isWhole)
    }

    @Test func `a table has what it was made of`() {
        let table = FixedTable((0..<100).map { UInt16($0 * 3) })
        let isSame = table.indices.allSatisfy { table[$0] == UInt16($0 * 3) }
        let empty = FixedTable<UInt8>([])
        let (count, isEmpty) = (table.count, empty.isEmpty)
        #expect(isSame && count == 100 && isEmpty)
    }

    @Test func `objects live as long as the table that keeps them, and no longer`() {
        weak var first: Kept?
        weak var second: Kept?
        do {
            let (one, two) = (Kept(1), Kept(2))
            (first, second) = (one, two)
            let table = ObjectTable([one, nil, two, one])
            let numbers = (0..<5).map { place in table.with(place) { $0.number } }
            #expect(numbers == [1, nil, 2, 1, nil])
        }
        #expect(first == nil && second == nil)
    }

    @Test func `a slot gives its object back, and the rest goes with the slots`() {
        weak var taken: Kept?
        weak var left: Kept?
        do {
            var slots = ObjectSlots<Kept>()
            do {
                let (one, two) = (Kept(1), Kept(2))
                (taken, left) = (one, two)
                slots.put(one, 0)
                slots.put(two, 5)
            }
            let seen = (0..<7).map { place in slots.with(place) { $0.number } }
            #expect(seen == [1, nil, nil, nil, nil, 2, nil])
            let number = slots.take(0)?.number
            let again = slots.take(0)
            #expect(number == 1 && again == nil && taken == nil && left != nil)
            slots.put(Kept(3), 0)
            let (count, hasNew) = (slots.count, slots.has(0))
            #expect(count == 6 && hasNew)
        }
        #expect(left == nil)
    }
}
