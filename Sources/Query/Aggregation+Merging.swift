// SPDX-License-Identifier: Apache-2.0
//
// The shares of several workers put together.
//
// Many groups are split by their keys into as many parts as there are workers, and each part is put together by one of
// them: a part has its own texts and its own groups, and no group is in two.

import Foundation
import Records
import Store
import Synchronization

extension Aggregation {
    /// Groups up to which one worker puts the shares together alone.
    private static let groupsAlone = 20_000

    /// All groups, in parts that have none in common.
    static func merged(_ shares: [Aggregation]) throws(VectorFailure) -> [Aggregation] {
        guard shares.count > 1 else { return shares }
        guard shares.reduce(0, { $0 + $1.groups.count }) > groupsAlone else {
            var all = shares[0]
            for share in shares.dropFirst() { try all.merge(share) { _ in true } }
            return [all]
        }
        let partCount = shares.count
        let placed = (0..<shares.count).map { _ in Outcome<[UInt8]>([]) }
        let parts = (0..<partCount).map { _ in Outcome<Result<Aggregation, VectorFailure>>(.failure(.notOurs)) }
        DispatchQueue.concurrentPerform(iterations: shares.count) { index in
            let own = shares[index].parts(partCount)
            placed[index].value.withLock { $0 = own }
        }
        let places = placed.map { $0.value.withLock { $0 } }
        DispatchQueue.concurrentPerform(iterations: partCount) { number in
            let made: Result<Aggregation, VectorFailure>
            do throws(VectorFailure) {
                var part = Aggregation(shares[0].plan, isPart: true)
                for (share, places) in zip(shares, places) {
                    try part.merge(share) { places[$0] == UInt8(truncatingIfNeeded: number) }
                }
                made = .success(part)
            } catch {
                made = .failure(error)
            }
            parts[number].value.withLock { $0 = made }
        }
        var all: [Aggregation] = []
        for part in parts {
            all.append(try part.value.withLock { $0 }.get())
        }
        return all
    }

    /// The part of each group, by what its key is and not by the numbers that its texts have here.
    private func parts(_ count: Int) -> [UInt8] {
        var hashes: [UInt64] = []
        if plan.keys.contains(where: \.isText) {
            hashes.reserveCapacity(texts.count)
            for number in 0..<texts.count {
                hashes.append(XXHash.hash(texts.pool.bytes, texts.pool.range(number), seed: KeyTexts.seed))
            }
        }
        var places: [UInt8] = []
        places.reserveCapacity(groups.count)
        for group in 0..<groups.count {
            var hash: UInt64 = 0
            for number in plan.keys.indices {
                let code = self.code(group, number)
                let word = plan.keys[number].isText && code != TextCoder.unset ? hashes[Int(code)] : code
                hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
                hash ^= hash >> 32
            }
            places.append(UInt8(truncatingIfNeeded: hash % UInt64(count)))
        }
        return places
    }

    /// The code of a key's part in a group.
    @inline(__always) private func code(_ group: Int, _ number: Int) -> UInt64 {
        plan.isPacked
            ? groups.keys[group] >> (UInt64(number) &* 32) & TextCoder.unset
            : groups.keys[group &* plan.width &+ number]
    }

    /// Adds the groups of another worker that are wanted.
    private mutating func merge(_ other: Aggregation, _ isWanted: (Int) -> Bool) throws(VectorFailure) {
        var textMap = [UInt32](repeating: .max, count: other.texts.count)
        var wanted: [Int] = []
        var words: [UInt64] = []
        for group in 0..<other.groups.count where isWanted(group) {
            wanted.append(group)
            for word in 0..<plan.width { words.append(other.groups.keys[group &* plan.width &+ word]) }
            for (number, key) in plan.keys.enumerated() where key.isText {
                let code = other.code(group, number)
                guard code != TextCoder.unset else { continue }
                let own = UInt64(translate(Int(code), other.texts, &textMap))
                let place = words.count &- plan.width
                if plan.isPacked {
                    let shift = UInt64(number) &* 32
                    words[place] = words[place] & ~(TextCoder.unset << shift) | own << shift
                } else {
                    words[place &+ number] = own
                }
            }
        }
        var numbers: [UInt32] = []
        groups.indices(of: words, into: &numbers)
        extend()
        guard groups.count <= GroupTable.countMax else { throw .notOurs }
        for index in columns.indices {
            try merge(index, other.columns[index], wanted, numbers, other.texts, &textMap)
        }
    }

    private mutating func translate(_ code: Int, _ from: KeyTexts, _ map: inout [UInt32]) -> UInt32 {
        if map[code] == .max { map[code] = coder.number(of: from.pool.bytes, from.pool.range(code)) }
        return map[code]
    }

    private mutating func merge(
        _ index: Int, _ other: AggregateColumn, _ wanted: [Int], _ numbers: [UInt32], _ from: KeyTexts,
        _ textMap: inout [UInt32]
    ) throws(VectorFailure) {
        switch plan.aggregates[index].inner {
        case .countRows, .count, .countIf, .filtered:
            for (group, own) in zip(wanted, numbers) { columns[index].counts[Int(own)] &+= other.counts[group] }
        case .countDistinct(let key):
            let own = owners(wanted, numbers, other.isSet.count)
            for number in 0..<other.distinct.count {
                let group = own[Int(other.distinct.keys[number &* 2])]
                guard group != .max else { continue }
                let code = other.distinct.keys[number &* 2 &+ 1]
                let word = key.isText ? UInt64(translate(Int(code), from, &textMap)) : code
                columns[index].note(word, in: Int(group))
            }
        case .sum, .total, .average:
            for (group, own) in zip(wanted, numbers) {
                columns[index].counts[Int(own)] &+= other.counts[group]
                if !other.reals.isEmpty {
                    columns[index].reals[Int(own)] += other.reals[group]
                } else {
                    let (sum, overflow) = columns[index].sums[Int(own)].addingReportingOverflow(other.sums[group])
                    if overflow { throw .notOurs }
                    columns[index].sums[Int(own)] = sum
                }
            }
        case .extreme(let key, let isGreatest):
            for (group, own) in zip(wanted, numbers) where other.isSet[group] {
                let word = other.words[group]
                let translated = key.isText ? UInt64(translate(Int(word), from, &textMap)) : word
                keepExtreme(index, Int(own), translated, key, isGreatest)
            }
        case .moment:
            for (group, own) in zip(wanted, numbers) { columns[index].moments[Int(own)].merge(other.moments[group]) }
        case .quantile:
            let own = owners(wanted, numbers, other.isSet.count)
            for (place, group) in other.groups.enumerated() where own[Int(group)] != .max {
                columns[index].values.append(other.values[place])
                columns[index].groups.append(own[Int(group)])
            }
        }
    }

    /// For each of another's groups its number here, `UInt32.max` for those that are not wanted.
    private func owners(_ wanted: [Int], _ numbers: [UInt32], _ count: Int) -> [UInt32] {
        var own = [UInt32](repeating: .max, count: count)
        for (group, number) in zip(wanted, numbers) { own[group] = number }
        return own
    }
}

/// What one thread leaves for another.
private final class Outcome<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}
