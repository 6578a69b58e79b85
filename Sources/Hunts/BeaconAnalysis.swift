// SPDX-License-Identifier: Apache-2.0
//
// Which pairs beacon: RITA's choice of pairs and its score, over the store.
//
// Reads   conn; the names of ssl and http, by uid.
// Writes  pairs of addresses, and pairs of an address and a name, with their scores.
// Leaves  what to think of them (`ThreatAnalysis`, the hunts).
//
// Two passes over columns for each kind of pair: one counts, one gathers the times and sizes of the pairs that have
// enough connections and not too many. Above `rowsMax` rows both are done for one part of the pairs after the other.

import Foundation
package import Records
package import Store

/// What is asked.
package struct BeaconQuestion: Sendable {
    /// Rows wanted; nil is open.
    package var since: Timestamp?
    package var until: Timestamp?
    /// Seconds before the newest connection that are looked at; 0 is all. RITA looks at a day.
    package var windowSeconds: Int64 = 86_400
    package var site = SiteNetworks.standard
    /// The same networks as texts.
    package var networkTexts = SiteNetworks.privateNetworks
    package var settings = BeaconSettings()
    /// Pairs with a lower score are left out.
    package var scoreMin = 0.0

    package init() {}
}

/// A pair and its score.
package struct BeaconPair: Sendable {
    package var source: Address
    /// Nil where the pair is one of an address and a name.
    package var target: Address?
    package var name: [UInt8]?
    package var score: BeaconScore
    package var connectionCount: Int
    /// Octets that the originator sent, IP headers included.
    package var byteCount: Double
    /// Seconds since 1970.
    package var first: Int64
    package var last: Int64
    /// Medians: seconds between two connections, octets of one.
    package var interval: Double
    package var size: Double
}

/// A pair with so many connections that they are no beacon.
package struct StrobePair: Sendable {
    package var source: Address
    package var target: Address?
    package var name: [UInt8]?
    package var connectionCount: Int
}

package struct BeaconAnswer: Sendable {
    /// First and last second that the scores are relative to; nil where no connection counts.
    package var range: ClosedRange<Int64>?
    /// By score, the highest first; equal ones by source and target.
    package var beacons: [BeaconPair] = []
    package var strobes: [StrobePair] = []
}

/// One run over a store.
package struct BeaconAnalysis {
    private let store: StoreReader
    private let question: BeaconQuestion
    private let hosts: HostNumbers

    /// Rows that are worked on at a time.
    private static let rowsMax = 24 << 20

    package static func run(_ store: StoreReader, _ question: BeaconQuestion) throws(StoreError) -> BeaconAnswer {
        try BeaconAnalysis(store: store, question: question, hosts: HostNumbers(question.site)).answer()
    }

    private func answer() throws(StoreError) -> BeaconAnswer {
        var answer = BeaconAnswer()
        guard let (range, times) = try range() else { return answer }
        answer.range = range
        let names = try ConnectionNames(store, times: times)
        var beaconNames = NumberTable()
        if !names.isEmpty {
            let keys = NamePairKeys(hosts: hosts, names: names, times: times)
            for group in try groups(keys, range) {
                let (source, name) = NamePairKeys.parts(group.key)
                // Even a pair of a low score takes its connections away from the pairs of addresses.
                if !group.isStrobe { beaconNames.values[beaconNames.place(group.key)] = 1 }
                add(group, hosts.address(source), nil, names.text(name), to: &answer)
            }
        }
        let keys = AddressPairKeys(hosts: hosts, names: names, beaconNames: beaconNames, times: times)
        for group in try groups(keys, range) {
            let (source, target) = AddressPairKeys.parts(group.key)
            add(group, hosts.address(source), hosts.address(target), nil, to: &answer)
        }
        answer.beacons.sort(by: BeaconAnalysis.isBefore)
        answer.strobes.sort { left, right in
            left.connectionCount != right.connectionCount
                ? left.connectionCount > right.connectionCount : left.source < right.source
        }
        return answer
    }

    private func add(
        _ group: PairGroup, _ source: Address, _ target: Address?, _ name: [UInt8]?, to answer: inout BeaconAnswer
    ) {
        if group.isStrobe {
            answer.strobes.append(
                StrobePair(source: source, target: target, name: name, connectionCount: group.connectionCount))
        } else if let score = group.score, score.score >= question.scoreMin {
            answer.beacons.append(
                BeaconPair(
                    source: source, target: target, name: name, score: score, connectionCount: group.connectionCount,
                    byteCount: group.byteCount, first: group.first, last: group.last, interval: group.interval,
                    size: group.size))
        }
    }

    private static func isBefore(_ left: BeaconPair, _ right: BeaconPair) -> Bool {
        if left.score.score != right.score.score { return left.score.score > right.score.score }
        if left.connectionCount != right.connectionCount { return left.connectionCount > right.connectionCount }
        if left.source != right.source { return left.source < right.source }
        if let one = left.target, let other = right.target { return one < other }
        if let one = left.name, let other = right.name { return one.lexicographicallyPrecedes(other) }
        return left.name != nil
    }

    // MARK: the range

    /// The seconds that scores are relative to, and the microseconds of the rows that count: from the beginning of the
    /// hour in which the window begins, as RITA's tables are by the hour.
    private func range() throws(StoreError) -> (ClosedRange<Int64>, ClosedRange<Int64>)? {
        let asked = BeaconAnalysis.microseconds(question.since, question.until)
        guard let asked else { return nil }
        let scan = try ColumnScan(store, log: "conn", columns: AddressPairKeys.columns, times: asked)
        let keys = AddressPairKeys(
            hosts: hosts, names: nil, beaconNames: NumberTable(), times: asked)
        guard let newest = try scan.outermost(isNewestFirst: true, { keys.outermost($0, isNewest: true) }),
            let oldest = try scan.outermost(isNewestFirst: false, { keys.outermost($0, isNewest: false) })
        else { return nil }
        let last = newest.quotient(by: 1_000_000)
        var first = oldest.quotient(by: 1_000_000)
        var lowest = asked.lowerBound
        if question.windowSeconds > 0, last - first > question.windowSeconds {
            first = last - question.windowSeconds
            lowest = max(lowest, (first - first % 3600) * 1_000_000)
        }
        return (first...last, lowest...asked.upperBound)
    }

    /// Times as a closed range of microseconds; nil where it is empty.
    static func microseconds(_ since: Timestamp?, _ until: Timestamp?) -> ClosedRange<Int64>? {
        let low = since.map { $0.nanoseconds / 1000 } ?? .min
        let high = until.map { $0.nanoseconds / 1000 } ?? .max
        return low <= high ? low...high : nil
    }

    // MARK: groups

    private func groups<Keys: RowKeys>(_ keys: Keys, _ range: ClosedRange<Int64>) throws(StoreError) -> [PairGroup] {
        let scan = try ColumnScan(store, log: "conn", columns: Keys.columns, times: keys.times)
        let parts = UInt64(scan.rowCount / BeaconAnalysis.rowsMax + 1)
        var groups: [PairGroup] = []
        for part in 0..<parts {
            let pass = PairPass(keys: keys, part: part, partCount: parts, settings: question.settings)
            groups += try pass.run(scan, range)
        }
        return groups
    }
}

extension Int64 {
    /// Rounds down, also below 0.
    func quotient(by divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
