// SPDX-License-Identifier: Apache-2.0
//
// Rules that look at addresses alone, found by one of a packet's addresses.
//
// Reads   the address sets of such rules.
// Writes  candidates.
// Leaves  the other address, ports, protocol (the engine).

import Records

/// For each side, stretches of addresses in order and the rules of each. A rule stands on the
/// side whose set has fewer addresses.
struct AddressIndex: Sendable {
    private struct Stretches: Sendable {
        var firsts: [Address] = []
        var rules: [[UInt32]] = []

        func rules(of address: Address) -> [UInt32] {
            var low = 0
            var high = firsts.count
            while low < high {
                let middle = (low &+ high) / 2
                if address < firsts[middle] { high = middle } else { low = middle &+ 1 }
            }
            return low == 0 ? [] : rules[low &- 1]
        }
    }

    private var sources = Stretches()
    private var targets = Stretches()
    /// Rules with any address on both sides.
    private var wide: [UInt32] = []
    let isEmpty: Bool

    init(_ rules: [UInt32], _ set: RuleSet) {
        isEmpty = rules.isEmpty
        var bySource: [UInt32] = []
        var byTarget: [UInt32] = []
        for number in rules {
            let header = set.rules[Int(number)].header
            let source = set.addressSets[Int(header.sources)]
            let target = set.addressSets[Int(header.targets)]
            if source.isAny, target.isAny {
                wide.append(number)
            } else if source.width <= target.width {
                bySource.append(number)
            } else {
                byTarget.append(number)
            }
        }
        sources = AddressIndex.stretches(bySource, set) { Int($0.sources) }
        targets = AddressIndex.stretches(byTarget, set) { Int($0.targets) }
    }

    /// Cuts the addresses at every end of a range. A sweep over the ends keeps what is open.
    private static func stretches(
        _ rules: [UInt32], _ set: RuleSet, _ side: (RuleHeader) -> Int
    ) -> Stretches {
        struct End {
            var address: Address
            var opens: Bool
            var rule: UInt32
        }
        var ends: [End] = []
        for number in rules {
            for range in set.addressSets[side(set.rules[Int(number)].header)].ranges {
                ends.append(End(address: range.first, opens: true, rule: number))
                if let next = range.last.next { ends.append(End(address: next, opens: false, rule: number)) }
            }
        }
        ends.sort { $0.address < $1.address }
        var result = Stretches()
        var open: [UInt32] = []
        var place = 0
        while place < ends.count {
            let address = ends[place].address
            while place < ends.count, ends[place].address == address {
                if ends[place].opens {
                    open.append(ends[place].rule)
                } else if let index = open.firstIndex(of: ends[place].rule) {
                    open.remove(at: index)
                }
                place += 1
            }
            result.firsts.append(address)
            result.rules.append(open)
        }
        return result
    }

    func forEach(source: Address, target: Address, _ body: (UInt32) -> Void) {
        for number in wide { body(number) }
        for number in sources.rules(of: source) { body(number) }
        for number in targets.rules(of: target) { body(number) }
    }
}

extension AddressSet {
    /// How many addresses it holds, more or less.
    fileprivate var width: Double {
        if isAny { return .infinity }
        return ranges.reduce(0) { sum, range in
            let high = Double(range.last.high &- range.first.high) * 0x1p64
            return sum + high + Double(range.last.low) - Double(range.first.low) + 1
        }
    }
}

extension Address {
    /// The address behind this one; nil behind the last.
    var next: Address? {
        if low != .max { return Address(high: high, low: low &+ 1) }
        return high == .max ? nil : Address(high: high &+ 1, low: 0)
    }
}
