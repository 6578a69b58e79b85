// SPDX-License-Identifier: Apache-2.0
//
// Which hits of rules a store has as alerts already.
//
// Reads   rows of `alert`, also those that stand for several hits.
// Writes  nothing.
// Leaves  hits (SigmaHunt.swift).

import JSON
package import Query
import Records

/// The alerts of rules in a store, by rule and by whom they are about, each with its first and last time.
package struct SigmaKnown {
    private var times: [String: [ClosedRange<Int64>]] = [:]
    private var count = 0

    /// Alerts that are kept; of more the hits may be written twice.
    private static let countMax = 5_000_000

    package init(_ store: StoreQuery) throws(QueryError) {
        let rows = try store.rows(
            """
            SELECT rule_id, epoch_us(first_ts) AS began, epoch_us(last_ts) AS ended, uid, id_orig_h, id_resp_h, \
            entities FROM alert WHERE source = 'sigma'
            """)
        while let row = try rows.next(), count < SigmaKnown.countMax {
            var entities: [String] = []
            if let text = row.text("entities"), let list = try? JSONDocument(text) {
                entities = list.root.elements.compactMap(\.string)
            }
            let key = SigmaKnown.key(
                row.text("rule_id") ?? "", [row.text("id_orig_h"), row.text("id_resp_h")].compactMap { $0 }, entities,
                row.text("uid"))
            let began = row.integer("began") ?? 0
            times[key, default: []].append(began...max(began, row.integer("ended") ?? began))
            count += 1
        }
        for (key, ranges) in times { times[key] = SigmaKnown.joined(ranges) }
    }

    /// Ranges in order, of which those that touch are one: so of a time at most one can hold it.
    static func joined(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
        var found: [ClosedRange<Int64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = found.last, range.lowerBound <= last.upperBound {
                found[found.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                found.append(range)
            }
        }
        return found
    }

    /// Whether a time lies in one of the ranges, which are in order and apart.
    static func holds(_ ranges: [ClosedRange<Int64>], _ time: Int64) -> Bool {
        var place = ranges.startIndex..<ranges.endIndex
        while !place.isEmpty {
            let middle = place.lowerBound + place.count / 2
            if ranges[middle].contains(time) { return true }
            place = time < ranges[middle].lowerBound ? place.lowerBound..<middle : middle + 1..<place.upperBound
        }
        return false
    }

    /// What hits have in common that become one alert, as `AlertRecord.foldKey` has it.
    private static func key(_ rule: String, _ hosts: [String], _ entities: [String], _ uid: String?) -> String {
        let about = entities.filter { !$0.hasPrefix("record:") }
        let isAbout = !hosts.isEmpty || !about.isEmpty
        return ([rule] + hosts + about + (isAbout ? [] : [uid ?? ""])).joined(separator: "\u{0}")
    }

    /// Whether an alert stands for the hit.
    package func contains(_ hit: SigmaHit) -> Bool {
        let hosts = hit.connection.map { [$0.originator.description, $0.responder.description] } ?? []
        let key = SigmaKnown.key(hit.rule.id, hosts, hit.entities, hit.uid?.description)
        let time = hit.time.nanoseconds / 1000
        return times[key].map { SigmaKnown.holds($0, time) } ?? false
    }
}
