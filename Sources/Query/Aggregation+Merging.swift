// SPDX-License-Identifier: Apache-2.0
//
// The groups of several workers put together, where these made them apart.
//
// They are split by their keys into parts, and each part is put together by one thread: no group is in two. The numbers
// of texts are the first worker's; what others call a text is translated once.

import Records
import Store
import Synchronization

/// Groups of one worker that belong to one part of another's.
struct MovedGroups: Sendable {
    /// Their keys as the other share has them.
    var keys: [UInt64] = []
    /// Their numbers where they come from, and how many of them come from each part there.
    var numbers: [UInt32] = []
    var runs: [(part: Int, count: Int)] = []

    var isEmpty: Bool { numbers.isEmpty }
}

extension Aggregation {
    /// Groups up to which one worker puts them together alone.
    private static let groupsAlone = 20_000

    /// All groups.
    static func merged(_ shares: consuming [Aggregation]) throws(VectorFailure) -> Aggregation {
        // Taken out, so that it is not copied when it is changed.
        var all = shares.removeFirst()
        let others = shares
        guard !others.isEmpty else { return all }
        let count = others.reduce(all.groupCount) { $0 + $1.groupCount }
        if count > groupsAlone { all.split(into: others.count + 1) }
        let maps = others.map { other in
            var map: [UInt32] = []
            all.coder.appendNumbers(of: other.texts.pool, to: &map)
            return map
        }
        let partCount = all.parts.count
        let groups = ScanCores.map(others.count) { others[$0].moved(to: partCount, maps[$0]) }
        try all.absorb(others, groups, maps)
        guard all.groupCount <= GroupTable.countMax, all.texts.pool.bytes.count < KeyTexts.bytesMax else {
            throw .notOurs
        }
        return all
    }

    private mutating func absorb(
        _ others: [Aggregation], _ moved: [[MovedGroups]], _ maps: [[UInt32]]
    ) throws(VectorFailure) {
        let (plan, texts) = (plan, texts)
        let boxes = parts.map { Outcome($0) }
        // Each part is in its box alone, so that it is not copied.
        parts = []
        let merged = ScanCores.map(boxes.count) { number in
            boxes[number].value.withLock { part in
                Result { () throws(VectorFailure) in
                    for index in others.indices {
                        try part.merge(others[index].parts, moved[index][number], plan, maps[index], texts)
                    }
                }
            }
        }
        for outcome in merged { try outcome.get() }
        parts = boxes.map { $0.value.withLock { $0 } }
    }

    /// Has the groups in so many parts (at most 256).
    mutating func split(into count: Int) {
        guard parts.count < count else { return }
        let old = self
        let groups = moved(to: count, nil)
        parts = groups.map { group in
            var part = GroupPart(plan)
            // The sums are there already: none overflows.
            try? part.merge(old.parts, group, plan, nil, old.texts)
            return part
        }
    }

    /// The groups by the part to which they belong where the texts are called otherwise.
    func moved(to count: Int, _ map: [UInt32]?) -> [MovedGroups] {
        var moved = [MovedGroups](repeating: MovedGroups(), count: count)
        let width = plan.width
        let (translations, keyParts, marks) = (plan.translations, KeyParts(plan, count: count), texts.marks)
        var key = [UInt64](repeating: 0, count: width)
        for (number, part) in parts.enumerated() {
            for group in 0..<part.groups.count {
                for word in 0..<width { key[word] = part.groups.keys[group &* width &+ word] }
                let target = keyParts.part(of: key, at: 0, marks)
                if let map { for change in translations { change.apply(to: &key, map) } }
                moved[target].keys.append(contentsOf: key)
                moved[target].numbers.append(UInt32(truncatingIfNeeded: group))
                if moved[target].runs.last?.part == number {
                    moved[target].runs[moved[target].runs.count &- 1].count &+= 1
                } else {
                    moved[target].runs.append((number, 1))
                }
            }
        }
        return moved
    }
}

extension GroupPart {
    /// Adds groups of another share's parts.
    mutating func merge(
        _ others: [GroupPart], _ moved: MovedGroups, _ plan: AggregationPlan, _ map: [UInt32]?, _ texts: KeyTexts
    ) throws(VectorFailure) {
        var own: [UInt32] = []
        find(moved.keys, into: &own)
        extend(plan)
        var start = 0
        for run in moved.runs {
            let range = start ..< start + run.count
            let pairs = GroupPairs(others: moved.numbers[range], own: own[range], count: others[run.part].groups.count)
            for index in columns.indices {
                try merge(index, others[run.part].columns[index], pairs, plan, map, texts)
            }
            start = range.upperBound
        }
    }

    private mutating func merge(
        _ index: Int, _ other: AggregateColumn, _ pairs: GroupPairs, _ plan: AggregationPlan, _ map: [UInt32]?,
        _ texts: KeyTexts
    ) throws(VectorFailure) {
        func translated(_ word: UInt64, _ key: GroupKey) -> UInt64 {
            guard key.isText, let map else { return word }
            return UInt64(map[Int(word)])
        }
        switch plan.aggregates[index].inner {
        case .countRows, .count, .countIf, .filtered:
            for (group, own) in zip(pairs.others, pairs.own) {
                columns[index].counts[Int(own)] &+= other.counts[Int(group)]
            }
        case .countDistinct(let key):
            let owners = pairs.owners
            for number in 0..<other.distinct.count {
                let group = owners[Int(other.distinct.keys[number &* 2])]
                guard group != .max else { continue }
                columns[index].note(translated(other.distinct.keys[number &* 2 &+ 1], key), in: Int(group))
            }
        case .sum, .total, .average:
            for (group, own) in zip(pairs.others, pairs.own) {
                columns[index].counts[Int(own)] &+= other.counts[Int(group)]
                if !other.reals.isEmpty {
                    columns[index].reals[Int(own)] += other.reals[Int(group)]
                } else {
                    let (sum, overflow) = columns[index].sums[Int(own)].addingReportingOverflow(other.sums[Int(group)])
                    if overflow { throw .notOurs }
                    columns[index].sums[Int(own)] = sum
                }
            }
        case .extreme(let key, let isGreatest):
            for (group, own) in zip(pairs.others, pairs.own) where other.isSet[Int(group)] {
                keepExtreme(index, Int(own), translated(other.words[Int(group)], key), key, isGreatest, texts)
            }
        case .moment:
            for (group, own) in zip(pairs.others, pairs.own) {
                columns[index].moments[Int(own)].merge(other.moments[Int(group)])
            }
        case .quantile:
            let owners = pairs.owners
            for (place, group) in other.groups.enumerated() where owners[Int(group)] != .max {
                columns[index].values.append(other.values[place])
                columns[index].groups.append(owners[Int(group)])
            }
        }
    }
}

/// Groups of another part, and their numbers here.
private struct GroupPairs {
    let others: ArraySlice<UInt32>
    let own: ArraySlice<UInt32>
    /// How many groups the other part has.
    let count: Int

    /// For each of the other's groups its number here, `UInt32.max` for those that are not wanted.
    var owners: [UInt32] {
        var numbers = [UInt32](repeating: .max, count: count)
        for (group, number) in zip(others, own) { numbers[Int(group)] = number }
        return numbers
    }
}

/// What one thread leaves for another.
private final class Outcome<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}
