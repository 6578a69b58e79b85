// SPDX-License-Identifier: Apache-2.0
//
// What of signatures spans connections: thresholds by host or rule, xbits, hostbits.
//
// Reads   candidates in packet order.
// Writes  whether each becomes an alert; bits of hosts.
// Leaves  flowbits and thresholds by flow (the worker's engine).

import Records
import Signatures

/// The collector's memory of rules and hosts. Bounded: what is oldest in time goes first.
struct AlertFilter {
    /// Counters and bits that are kept at once, each.
    static let entriesMax = 1_000_000
    private let entriesMax: Int

    init(entriesMax: Int = AlertFilter.entriesMax) { self.entriesMax = entriesMax }

    private struct CounterKey: Hashable {
        var rule: RuleID
        var place: UInt32
        var first: Address
        var second: Address
    }

    private struct BitKey: Hashable {
        var name: String
        var first: Address
        var second: Address
        /// Hostbits are apart from xbits.
        var isHost: Bool
    }

    private struct Rate {
        var counter = LimitCounter()
        /// Until then the filter's action holds.
        var until = Timestamp(nanoseconds: .min)

        /// Counts a match. Beyond so many in so many seconds the rule does something else for a while; of what it
        /// may do, `pass` alone keeps an alert back.
        mutating func admits(_ limit: RuleLimit, at now: Timestamp) -> Bool {
            if now > until, counter.exceeds(limit, at: now) {
                until = now.adding(Int64(limit.timeoutSeconds) * 1_000_000_000)
            }
            return now > until || limit.newAction != .pass
        }
    }

    private var counters: [CounterKey: LimitCounter] = [:]
    private var rates: [CounterKey: Rate] = [:]
    private var bits: [BitKey: Timestamp] = [:]
    /// When bits that are over were last looked for among as many as there may be.
    private var purged = Timestamp.zero
    /// What found no room.
    private(set) var limits = LimitCounters()
    /// Alerts that thresholds held back.
    private(set) var suppressed: UInt64 = 0

    private static let none = Address(v4: 0)

    /// Whether a candidate becomes an alert. Bits are set by matches that do not, too.
    mutating func admits(_ candidate: AlertCandidate) -> Bool {
        let rule = candidate.rule
        let set = candidate.set
        let facts = candidate.alert.facts
        for place in rule.stateTests.indices {
            guard holds(set.stateTests[place], set, facts) else { return false }
        }
        for place in rule.effects.indices { apply(set.effects[place], set, facts) }
        guard !candidate.alert.isSilent else { return false }
        for place in rule.limits.indices {
            let limit = set.limits[place]
            guard limit.track != .flow else { continue }
            guard admits(limit, UInt32(place), rule, set, facts) else {
                suppressed &+= 1
                return false
            }
        }
        return true
    }

    // MARK: thresholds

    private mutating func admits(
        _ limit: RuleLimit, _ place: UInt32, _ rule: Rule, _ set: RuleSet, _ facts: PacketFacts
    ) -> Bool {
        if limit.kind == .suppress { return !suppresses(limit, set, facts) }
        var key = CounterKey(
            rule: rule.id, place: place &- rule.limits.start, first: AlertFilter.none, second: AlertFilter.none)
        switch limit.track {
        case .source: key.first = facts.source
        case .target: key.first = facts.target
        case .both: (key.first, key.second) = AlertFilter.ordered(facts)
        case .none, .rule, .flow: break
        }
        if limit.kind == .rateFilter {
            if rates.count >= entriesMax {
                limits.met(.thresholds, rates.count)
                rates.removeAll(keepingCapacity: true)
            }
            return rates[key, default: Rate()].admits(limit, at: facts.now)
        }
        if counters.count >= entriesMax {
            limits.met(.thresholds, counters.count)
            counters.removeAll(keepingCapacity: true)
        }
        return counters[key, default: LimitCounter()].admits(limit, at: facts.now)
    }

    private func suppresses(_ limit: RuleLimit, _ set: RuleSet, _ facts: PacketFacts) -> Bool {
        let addresses = set.addressSets[Int(limit.addresses)]
        return switch limit.track {
        case .source: addresses.contains(facts.source)
        case .target: addresses.contains(facts.target)
        case .both: addresses.contains(facts.source) || addresses.contains(facts.target)
        case .none, .rule, .flow: true
        }
    }

    private static func ordered(_ facts: PacketFacts) -> (Address, Address) {
        facts.source < facts.target ? (facts.source, facts.target) : (facts.target, facts.source)
    }

    // MARK: bits

    private func holds(_ test: StateTest, _ set: RuleSet, _ facts: PacketFacts) -> Bool {
        switch test {
        case .xbit(let name, let scope, let isSet):
            guard scope != .transaction else { return true }
            return isHeld(key(name, scope, set, facts), facts.now) == isSet
        case .hostbits(let names, let side, let isSet):
            for place in names.indices {
                for address in AlertFilter.hosts(side, facts) {
                    let name = set.variableNames[Int(set.nameLists[place])]
                    if isHeld(BitKey(name: name, first: address, second: AlertFilter.none, isHost: true), facts.now) {
                        return isSet
                    }
                }
            }
            return !isSet
        case .flowbits, .flowint, .flowVariable, .packetVariable: return true
        }
    }

    private func isHeld(_ key: BitKey, _ now: Timestamp) -> Bool { bits[key].map { now <= $0 } ?? false }

    private func key(_ name: UInt16, _ scope: XbitScope, _ set: RuleSet, _ facts: PacketFacts) -> BitKey {
        var key = BitKey(
            name: set.variableNames[Int(name)], first: AlertFilter.none, second: AlertFilter.none, isHost: false)
        switch scope {
        case .source: key.first = facts.source
        case .target: key.first = facts.target
        case .pair: (key.first, key.second) = AlertFilter.ordered(facts)
        case .transaction: break
        }
        return key
    }

    private static func hosts(_ side: HostSide, _ facts: PacketFacts) -> [Address] {
        switch side {
        case .source: [facts.source]
        case .target: [facts.target]
        case .both: [facts.source, facts.target]
        }
    }

    private mutating func apply(_ effect: Effect, _ set: RuleSet, _ facts: PacketFacts) {
        switch effect {
        case .xbit(let name, let scope, let change, let seconds):
            guard scope != .transaction else { return }
            self.change(key(name, scope, set, facts), change, seconds, facts.now)
        case .hostbits(let names, let side, let change, let seconds):
            for place in names.indices {
                for address in AlertFilter.hosts(side, facts) {
                    let name = set.variableNames[Int(set.nameLists[place])]
                    let key = BitKey(name: name, first: address, second: AlertFilter.none, isHost: true)
                    self.change(key, change, seconds, facts.now)
                }
            }
        default: break
        }
    }

    private mutating func change(_ key: BitKey, _ change: Effect.Change, _ seconds: UInt32, _ now: Timestamp) {
        let isHeld = isHeld(key, now)
        if change == .unset || change == .toggle && isHeld {
            bits[key] = nil
            return
        }
        if bits.count >= entriesMax, now.since(purged) >= second {
            // All of them are looked at: not for every alert while none is over.
            purged = now
            bits = bits.filter { now <= $0.value }
        }
        guard bits.count < entriesMax else {
            limits.met(.bits)
            return
        }
        bits[key] = seconds == 0 ? Timestamp(nanoseconds: .max) : now.adding(Int64(seconds) * 1_000_000_000)
    }
}
