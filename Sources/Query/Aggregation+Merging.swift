// SPDX-License-Identifier: Apache-2.0
//
// The shares of several workers put together.
//
// Many groups are split by their keys into parts, and each part is put together by one thread: no group is in two. The
// numbers of texts are the first worker's; what others call a text is translated once.

import Foundation
import Records
import Store
import Synchronization

/// Groups of one share that belong to one part of another.
private struct MovedGroups: Sendable {
    /// Their keys as the other share has them.
    var keys: [UInt64] = []
    /// Their numbers where they come from, and how many of them come from each part there.
    var numbers: [UInt32] = []
    var runs: [(part: Int, count: Int)] = []
}

extension Aggregation {
    /// Groups up to which one worker puts the shares together alone.
    private static let groupsAlone = 20_000

    /// All groups.
    static func merged(_ shares: [GroupShare]) throws(VectorFailure) -> Aggregation {
        let finished = (0..<shares.count).map { _ in Outcome<Result<Aggregation, VectorFailure>>(.failure(.notOurs)) }
        DispatchQueue.concurrentPerform(iterations: shares.count) { index in
            let own = shares[index].finished()
            finished[index].value.withLock { $0 = own }
        }
        var all = try finished[0].take(.failure(.notOurs)).get()
        var taken: [Aggregation] = []
        for index in 1..<max(1, shares.count) { taken.append(try finished[index].take(.failure(.notOurs)).get()) }
        let others = taken
        guard !others.isEmpty else { return all }
        let count = others.reduce(all.groupCount) { $0 + $1.groupCount }
        if count > groupsAlone {
            let isSplit = all.parts.count > 1 || others.contains { $0.parts.count > 1 }
            all.split(into: isSplit ? partCount : shares.count)
        }
        let maps = others.map { all.translation(of: $0.texts) }
        let partCount = all.parts.count
        let moved = (0..<others.count).map { _ in Outcome<[MovedGroups]>([]) }
        DispatchQueue.concurrentPerform(iterations: others.count) { index in
            let own = others[index].moved(to: partCount, maps[index])
            moved[index].value.withLock { $0 = own }
        }
        let groups = moved.map { $0.take([]) }
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
        let failure = Mutex<VectorFailure?>(nil)
        DispatchQueue.concurrentPerform(iterations: boxes.count) { number in
            boxes[number].value.withLock { part in
                do throws(VectorFailure) {
                    for index in others.indices {
                        try part.merge(others[index].parts, moved[index][number], plan, maps[index], texts)
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        if let found = failure.withLock({ $0 }) { throw found }
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

    /// For each of another's texts its number here; those that are new are added.
    private mutating func translation(of other: KeyTexts) -> [UInt32] {
        coder.numbers(of: other.pool)
    }

    /// The groups by the part to which they belong where the texts are called otherwise.
    private func moved(to count: Int, _ map: [UInt32]?) -> [MovedGroups] {
        var moved = [MovedGroups](repeating: MovedGroups(), count: count)
        let width = plan.width
        let textKeys = plan.keys.indices.filter { plan.keys[$0].isText }
        var key = [UInt64](repeating: 0, count: width)
        for (number, part) in parts.enumerated() {
            for group in 0..<part.groups.count {
                for word in 0..<width { key[word] = part.groups.keys[group &* width &+ word] }
                if let map { for place in textKeys { translate(&key, place, map) } }
                let target = GroupTable.part(of: key, at: 0, width, count: count)
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

    /// Gives the text of a key's part its other number.
    private func translate(_ key: inout [UInt64], _ number: Int, _ map: [UInt32]) {
        guard plan.isPacked else {
            // What is unset has a code too where a key is small.
            if key[number] != TextCoder.unset { key[number] = UInt64(map[Int(key[number])]) }
            return
        }
        let shift = UInt64(number) &* 32
        let code = key[0] >> shift & TextCoder.unset
        guard code != TextCoder.unset else { return }
        key[0] = key[0] & ~(TextCoder.unset << shift) | UInt64(map[Int(code)]) << shift
    }
}

extension GroupPart {
    /// Adds groups of another share's parts.
    fileprivate mutating func merge(
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

    /// Takes it, and leaves something else, so that it is not copied when it is changed.
    func take(_ other: Value) -> Value {
        value.withLock { own in
            let taken = own
            own = other
            return taken
        }
    }
}
