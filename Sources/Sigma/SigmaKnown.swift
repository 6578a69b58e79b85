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
        return times[key]?.contains { $0.contains(time) } == true
    }
}
