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
        var flow: UID?
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
        /// The second since which the filter's action holds.
        var since: Int64?

        /// Counts a match. Beyond so many in so many seconds the rule does something else for a while; the match that
        /// ends this while is the rule's own again, and is not counted (Suricata's `TYPE_RATE`).
        mutating func isMet(_ limit: RuleLimit, at now: Timestamp) -> Bool {
            let second = now.nanoseconds / 1_000_000_000
            if let since {
                guard second &- since > Int64(limit.timeoutSeconds) else { return true }
                self.since = nil
                return false
            }
            guard counter.exceeds(limit, at: now) else { return false }
            since = second
            return true
        }
    }

    private var counters: [CounterKey: LimitCounter] = [:]
    private var rates: [CounterKey: Rate] = [:]
    private var bits: [BitKey: Timestamp] = [:]
    /// When bits that are over were last looked for among as many as there may be.
    private var purged = Timestamp.zero
    /// What found no room.
    private(set) var limits = LimitCounters()
    /// The packet that a `rate_filter` let pass: what follows of it is no alert.
    private var passed: (order: UInt64, ordinal: UInt64)?
    /// Flows of which a `rate_filter` wants to hear no more. Empty where none ever does.
    private var ended: Set<UID> = []
    /// Alerts that thresholds held back.
    private(set) var suppressed: UInt64 = 0

    private static let none = Address(v4: 0)

    /// Whether a candidate becomes an alert, and what its rule does. Bits are set by matches that do not, too.
    mutating func admits(_ candidate: inout AlertCandidate) -> Bool {
        if !ended.isEmpty, let flow = candidate.uid, ended.contains(flow) { return false }
        if let passed, passed == (candidate.order, candidate.ordinal) { return false }
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
            let holds: Bool
            switch limit.kind {
            case .suppress: holds = !suppresses(limit, set, facts)
            case .rateFilter: holds = passesRate(limit, UInt32(place), &candidate)
            // The worker has counted these.
            case _ where limit.track == .flow: holds = true
            default: holds = passesCount(limit, UInt32(place), candidate)
            }
            guard holds else {
                suppressed &+= 1
                return false
            }
        }
        return true
    }

    // MARK: thresholds

    private func key(_ limit: RuleLimit, _ place: UInt32, _ candidate: AlertCandidate) -> CounterKey {
        let (rule, facts) = (candidate.rule, candidate.alert.facts)
        var key = CounterKey(
            rule: rule.id, place: place &- rule.limits.start, first: AlertFilter.none, second: AlertFilter.none)
        switch limit.track {
        case .source: key.first = facts.source
        case .target: key.first = facts.target
        case .both: (key.first, key.second) = AlertFilter.ordered(facts)
        case .flow: key.flow = candidate.uid
        case .none, .rule: break
        }
        return key
    }

    private mutating func passesCount(_ limit: RuleLimit, _ place: UInt32, _ candidate: AlertCandidate) -> Bool {
        if counters.count >= entriesMax {
            limits.met(.thresholds, counters.count)
            counters.removeAll(keepingCapacity: true)
        }
        let key = key(limit, place, candidate)
        return counters[key, default: LimitCounter()].admits(limit, at: candidate.alert.facts.now)
    }

    /// A filter whose rate is met changes what the rule does: `pass` ends the packet's alerts; and a rule of flows ends
    /// with `pass`, `drop` and `reject` all that is to come of the flow.
    private mutating func passesRate(_ limit: RuleLimit, _ place: UInt32, _ candidate: inout AlertCandidate) -> Bool {
        if rates.count >= entriesMax {
            limits.met(.thresholds, rates.count)
            rates.removeAll(keepingCapacity: true)
        }
        let key = key(limit, place, candidate)
        guard rates[key, default: Rate()].isMet(limit, at: candidate.alert.facts.now) else { return true }
        candidate.raised = limit.newAction
        if limit.newAction != .alert, candidate.rule.isOfFlow(isStream: candidate.alert.isStream) { end(candidate.uid) }
        guard limit.newAction == .pass else { return true }
        passed = (candidate.order, candidate.ordinal)
        return false
    }

    private mutating func end(_ flow: UID?) {
        guard let flow else { return }
        if ended.count >= entriesMax {
            limits.met(.thresholds, ended.count)
            ended.removeAll(keepingCapacity: true)
        }
        ended.insert(flow)
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
