// SPDX-License-Identifier: Apache-2.0
//
// Addresses by the sets that most rules name.
//
// Reads   headers of rules, and the address sets that they name.
// Writes  nothing: made once, then shared by all workers.
// Leaves  whether a rule holds for an address (RuleGate.swift).

import Records

/// Pairs of zones, a bit each: where packets go that a rule may look at.
struct ZonePairs: OptionSet, Sendable, BitwiseCopyable {
    let rawValue: UInt16
    static let all = ZonePairs(rawValue: .max)

    init(rawValue: UInt16) { self.rawValue = rawValue }
    init(pair: Int) { rawValue = 1 << UInt16(truncatingIfNeeded: pair) }

    func contains(pair: Int) -> Bool { rawValue &>> UInt16(truncatingIfNeeded: pair) & 1 != 0 }
}

/// The addresses of one version that are in the same of the sets that most rules name are one zone. Published rules
/// name the home network, what is not of it, and little else: of the four ways between these two most rules look at
/// one. What is looked for in a packet is chosen by its way.
final class AddressZones: Sendable {
    /// Zones, so that pairs of them have a bit each in `ZonePairs`.
    static let countMax = 4
    private static let setsMax = 4
    /// A set that fewer rules name than one in so many makes no zones.
    private static let shareMin = 50

    /// The sets, and their numbers in `RuleSet.addressSets`.
    private let sets: [AddressSet]
    private let numbers: [UInt32]
    /// By the version of an address and the sets that hold it, a bit each, its zone; and back.
    private let zones: [UInt8]
    private let members: [UInt8]
    let count: Int
    /// All pairs, those too that hold no rule's packets.
    var pairCount: Int { count &* count }

    init(_ set: RuleSet) {
        var uses = [Int](repeating: 0, count: set.addressSets.count)
        for rule in set.rules {
            uses[Int(rule.header.sources)] += 1
            if rule.header.targets != rule.header.sources { uses[Int(rule.header.targets)] += 1 }
        }
        let least = max(1, set.rules.count / AddressZones.shareMin)
        var numbers = uses.indices.filter { $0 > 0 && uses[$0] >= least && !set.addressSets[$0].isAny }
        numbers.sort { (uses[$1], $0) < (uses[$0], $1) }
        numbers = Array(numbers.prefix(AddressZones.setsMax))
        var members = AddressZones.members(numbers.map { set.addressSets[$0] })
        while members.count > AddressZones.countMax, !numbers.isEmpty {
            numbers.removeLast()
            members = AddressZones.members(numbers.map { set.addressSets[$0] })
        }
        sets = numbers.map { set.addressSets[$0] }
        self.numbers = numbers.map { UInt32($0) }
        self.members = members
        count = members.count
        var zones = [UInt8](repeating: 0, count: 2 << AddressZones.setsMax)
        for (zone, bits) in members.enumerated() { zones[Int(bits)] = UInt8(zone) }
        self.zones = zones
    }

    /// Which of the sets hold an address, a bit each, and the bit `isV4` where it is one of IPv4: for every stretch of
    /// addresses that the ends of their ranges leave.
    private static func members(_ sets: [AddressSet]) -> [UInt8] {
        let lastV4 = Address(v4: .max)
        var firsts = [Address(high: 0, low: 0), Address(v4: 0)]
        if let next = lastV4.next { firsts.append(next) }
        for set in sets {
            for range in set.ranges {
                firsts.append(range.first)
                if let next = range.last.next { firsts.append(next) }
            }
        }
        var seen: [UInt8] = []
        for address in firsts {
            let bits = AddressZones.bits(address, sets)
            if !seen.contains(bits) { seen.append(bits) }
        }
        return seen
    }

    private static let isV4: UInt8 = 1 << UInt8(setsMax)

    private static func bits(_ address: Address, _ sets: [AddressSet]) -> UInt8 {
        var bits: UInt8 = address.isV4 ? isV4 : 0
        for place in sets.indices where sets[place].contains(address) { bits |= 1 << UInt8(truncatingIfNeeded: place) }
        return bits
    }

    func zone(of address: Address) -> Int { Int(zones[Int(AddressZones.bits(address, sets))]) }

    /// The number of a way from one address to another.
    func pair(from source: Address, to target: Address) -> Int { zone(of: source) &* count &+ zone(of: target) }

    /// Ways from one version of IP to another, which only made-up packets go.
    var strangePairs: ZonePairs {
        var pairs: ZonePairs = []
        for source in 0..<count {
            for target in 0..<count where (members[source] ^ members[target]) & AddressZones.isV4 != 0 {
                pairs.insert(ZonePairs(pair: source * count + target))
            }
        }
        return pairs
    }

    /// The ways of packets whose addresses a rule may take.
    func pairs(_ header: RuleHeader, bothWays: Bool = false) -> ZonePairs {
        var pairs: ZonePairs = []
        for source in 0..<count where mayHold(header.sources, source) {
            for target in 0..<count where mayHold(header.targets, target) {
                pairs.insert(ZonePairs(pair: source * count + target))
                if bothWays { pairs.insert(ZonePairs(pair: target * count + source)) }
            }
        }
        return pairs
    }

    /// Whether an address of the zone may be in a set; of sets that make no zones nothing is known.
    private func mayHold(_ number: UInt32, _ zone: Int) -> Bool {
        guard let place = numbers.firstIndex(of: number) else { return true }
        return members[zone] >> UInt8(place) & 1 != 0
    }
}

/// Patterns by the number of the way of the packets that they are looked for in; nil where there are none.
struct ZonedPatterns: Sendable {
    let groups: [PatternGroup?]

    /// The ways for which there are patterns.
    var pairs: ZonePairs {
        groups.indices.reduce(into: []) { if groups[$1] != nil { $0.insert(ZonePairs(pair: $1)) } }
    }
}
