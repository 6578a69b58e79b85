// SPDX-License-Identifier: Apache-2.0
//
// `tag`: packets that follow an alert, of its session or of one of its hosts.
//
// Reads   alerts; the packets behind them.
// Writes  whether the packet at work is tagged.
// Leaves  what becomes of a tagged packet (Sensor/Worker+Signatures.swift).
//
// The counting is Suricata's (rules user guide, "Tag"): the alert's own packet counts, and is not tagged, since the
// alert tells of it; the same rule again begins anew, ten times at most.

import Records
import Synchronization

/// One tag that is set.
struct PacketTag: BitwiseCopyable {
    /// Times one rule begins a tag anew.
    private static let renewalsMax = 10

    let rule: RuleID
    private let metric: TagMetric
    private let limit: UInt64
    private var taken: UInt64 = 0
    private var start: Timestamp
    private var renewals = 0
    private var isFresh = true

    init(_ rule: RuleID, _ metric: TagMetric, _ limit: UInt32, at now: Timestamp) {
        self.rule = rule
        self.metric = metric
        self.limit = UInt64(limit)
        start = now
    }

    /// The rule has matched again.
    mutating func renew(at now: Timestamp) {
        renewals &+= 1
        guard renewals < PacketTag.renewalsMax else { return }
        taken = 0
        start = now
    }

    enum Verdict { case tags, passes, isOver }

    /// Counts a packet of so many octets.
    mutating func take(_ octets: Int, at now: Timestamp) -> Verdict {
        switch metric {
        case .packets: taken &+= 1
        case .bytes: taken &+= UInt64(max(0, octets))
        case .seconds: break
        }
        if isFresh {
            isFresh = false
            return .passes
        }
        switch metric {
        case .packets, .bytes: return taken > limit ? .isOver : .tags
        case .seconds: return now.since(start) / 1_000_000_000 > Int64(limit) ? .isOver : .tags
        }
    }
}

/// The tags of one session or host.
struct PacketTags {
    /// Tags of one session or host.
    private static let countMax = 50

    private var tags: [PacketTag] = []
    /// When a packet was counted last.
    private(set) var last = Timestamp.zero

    var isEmpty: Bool { tags.isEmpty }

    mutating func removeAll() { tags.removeAll(keepingCapacity: true) }

    mutating func add(_ tag: PacketTag, at now: Timestamp) {
        last = now
        if let known = tags.firstIndex(where: { $0.rule == tag.rule }) {
            tags[known].renew(at: now)
        } else if tags.count < PacketTags.countMax {
            tags.append(tag)
        }
    }

    /// Whether one of them tags the packet; those that are over go.
    mutating func take(_ octets: Int, at now: Timestamp) -> Bool {
        last = now
        var isTagged = false
        var kept = 0
        for place in tags.indices {
            switch tags[place].take(octets, at: now) {
            case .tags: isTagged = true
            case .passes: break
            case .isOver: continue
            }
            if kept != place { tags[kept] = tags[place] }
            kept &+= 1
        }
        tags.removeSubrange(kept...)
        return isTagged
    }
}

/// Tags of hosts, which all workers share: with several of them the order of packets of different address pairs, and
/// so the exact packets that a host's tag takes, may differ.
package final class HostTags: Sendable {
    /// Hosts with tags at a time; silent ones go first.
    private static let hostsMax = 65_536
    private static let silence: Int64 = 300 * 1_000_000_000

    private let hosts = Mutex<[Address: PacketTags]>([:])
    /// How many hosts have tags: nothing is locked where none has.
    private let count = Atomic(0)

    func add(_ tag: PacketTag, to host: Address, at now: Timestamp) {
        hosts.withLock { hosts in
            if hosts.count >= HostTags.hostsMax, hosts[host] == nil {
                hosts = hosts.filter { now.since($0.value.last) <= HostTags.silence }
                guard hosts.count < HostTags.hostsMax else { return }
            }
            hosts[host, default: PacketTags()].add(tag, at: now)
            count.store(hosts.count, ordering: .relaxed)
        }
    }

    /// Whether a tag of one of the packet's hosts takes it.
    func take(_ facts: PacketFacts, _ octets: Int) -> Bool {
        guard count.load(ordering: .relaxed) > 0 else { return false }
        return hosts.withLock { hosts in
            var isTagged = false
            for host in [facts.source, facts.target] {
                guard let place = hosts.index(forKey: host) else { continue }
                if hosts.values[place].take(octets, at: facts.now) { isTagged = true }
                if hosts.values[place].isEmpty { hosts.remove(at: place) }
                if facts.source == facts.target { break }
            }
            count.store(hosts.count, ordering: .relaxed)
            return isTagged
        }
    }
}

extension SignatureEngine {
    /// Whether a loaded rule tags.
    package var hasTags: Bool { index.hasTags }

    /// Sets the tags of a rule whose alert stands.
    func tag(_ rule: Rule, _ alert: SignatureAlert, _ flow: SignatureFlow?) {
        for place in rule.effects.indices {
            guard case .tag(let isHost, let side, let count, let metric) = set.effects[place] else { continue }
            let tag = PacketTag(rule.id, metric, count, at: alert.facts.now)
            guard isHost else {
                flow?.tags.add(tag, at: alert.facts.now)
                hasSessionTags = true
                continue
            }
            let host = side == .target ? alert.facts.target : alert.facts.source
            index.hostTags.with(0) { $0.add(tag, to: host, at: alert.facts.now) }
        }
    }

    /// Counts the packet at work, of so many octets on the wire, behind its inspection: whether it is tagged.
    package func takeTags(_ slot: UInt32?, _ facts: PacketFacts, octets: Int) -> Bool {
        var isTagged = false
        if hasSessionTags, let slot {
            isTagged = flows.with(Int(slot)) { !$0.tags.isEmpty && $0.tags.take(octets, at: facts.now) } ?? false
        }
        return index.hostTags.with(0) { $0.take(facts, octets) } ?? false || isTagged
    }
}
