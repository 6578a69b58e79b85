// SPDX-License-Identifier: Apache-2.0
//
// Which share of our hosts meets an indicator: what most of them meet is seldom what a feed takes it for.
//
// Reads   hosts, and who meets what.
// Writes  the share, where it is too large.
// Leaves  what follows from that (IndicatorAlert.swift).

import Records

/// Counts hosts. Bounded; beyond the bounds shares are too small, which demotes nothing.
struct IndicatorPrevalence {
    /// Among fewer hosts than these a share says nothing.
    private static let hostsMin = 10
    private static let hostsMax = 100_000
    private static let meetingsMax = 100_000

    private var hosts: Set<Address> = []
    /// Hosts that were seen lately: most rows are about one of them.
    private var recent = [Address](repeating: Address(high: 0, low: 0), count: 4096)
    private var meetings: [IndicatorHit: Set<Address>] = [:]
    private var meetingCount = 0
    /// The share in percent, above which an indicator is common; 100 for never.
    let shareMax: Int

    init(shareMax: Int) { self.shareMax = shareMax }

    /// Whether shares are asked for at all.
    var isOn: Bool { shareMax < 100 }

    /// There is such a host of ours.
    mutating func see(_ host: Address) {
        let place = Int(truncatingIfNeeded: (host.low ^ host.low >> 12 ^ host.high) & 4095)
        guard recent[place] != host else { return }
        recent[place] = host
        if hosts.count < IndicatorPrevalence.hostsMax { hosts.insert(host) }
    }

    /// One of our hosts has met an indicator.
    mutating func meet(_ hit: IndicatorHit, _ host: Address) {
        guard isOn, meetingCount < IndicatorPrevalence.meetingsMax else { return }
        see(host)
        if meetings[hit, default: []].insert(host).inserted { meetingCount += 1 }
    }

    /// Whether hosts of ours are so many with one indicator that their number matters.
    var isAnyFrequent: Bool { meetings.values.contains { $0.count >= IndicatorPrevalence.hostsMin } }

    /// The share of our hosts that has met an indicator, from 0 to 1, where it is above the bound; else nil.
    func excess(_ hit: IndicatorHit) -> Double? {
        guard isOn, let count = meetings[hit]?.count, count >= IndicatorPrevalence.hostsMin,
            count * 100 > shareMax * hosts.count
        else { return nil }
        return Double(count) / Double(hosts.count)
    }

    /// Forgets who met what: the numbers of hits are others from now on.
    mutating func forget() {
        meetings = [:]
        meetingCount = 0
    }
}
