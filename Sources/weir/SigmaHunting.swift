// SPDX-License-Identifier: Apache-2.0
//
// weir hunt --sigma: Sigma rules over what a store holds.

import ArgumentParser
import JSON
import Query
import Records
import Sensor
import Sigma
import Store

/// One run of rules over a store, as `weir hunt` asks for it.
struct SigmaHunting {
    var store: String
    var since: Timestamp?
    var until: Timestamp?
    /// Hits that are printed at most.
    var limit = 1000
    /// One JSON object a line instead of lines for people.
    var isJSON = false
    /// Whether hits are written as alerts, those that the store has already left out; and under which name.
    var writesAlerts = false
    var sensor = "hunt"

    func run(_ paths: [String], _ placeholders: SigmaPlaceholders = [:]) throws {
        let rules = try SigmaGlue.rules(paths, placeholders)
        do {
            try hunt(SigmaHunt(rules, schemas: Schemas.logs))
        } catch let error as QueryError {
            throw Console.fail(error.description)
        } catch let error as StoreError {
            throw Console.fail(error.description)
        }
    }

    private func hunt(_ hunt: SigmaHunt) throws {
        let query = try StoreQuery(store: store, schemas: Schemas.logs)
        var known = writesAlerts ? try alertsOfStore(query) : []
        let appender = writesAlerts ? try StoreAppender(folder: store, sensorName: sensor) : nil
        var (count, new) = (0, 0)
        try hunt.run(query, since: since, until: until) { hit in
            count += 1
            if count <= limit { print(isJSON ? hit.json : line(hit)) }
            if let appender, known.count < SigmaHunting.knownMax, known.insert(identity(hit)).inserted {
                appender.append(hit.alert)
                new += 1
            }
            return writesAlerts || count < limit
        }
        try appender?.commit()
        Console.say(
            "\(count) hits in \(hunt.rowCount) records" + (count > limit ? ", \(limit) shown" : "")
                + (writesAlerts ? "; \(new) new ones written as alerts" : ""))
    }

    /// Identities that are kept to write each hit once.
    private static let knownMax = 5_000_000

    private func identity(_ hit: SigmaHit) -> String {
        let micro = hit.time.nanoseconds / 1000
        return "\(hit.rule.id) \(micro) \(hit.uid?.description ?? "") \(hit.entities.joined(separator: " "))"
    }

    private func alertsOfStore(_ query: StoreQuery) throws(QueryError) -> Set<String> {
        var known: Set<String> = []
        let rows = try query.rows(
            "SELECT rule_id, epoch_us(ts) AS micro, uid, entities FROM alert WHERE source = 'sigma'")
        while let row = try rows.next(), known.count < SigmaHunting.knownMax {
            var entities = ""
            if let text = row.text("entities"), let list = try? JSONDocument(text) {
                entities = list.root.elements.compactMap(\.string).joined(separator: " ")
            }
            known.insert(
                "\(row.text("rule_id") ?? "") \(row.integer("micro") ?? 0) \(row.text("uid") ?? "") \(entities)")
        }
        return known
    }

    private func line(_ hit: SigmaHit) -> String {
        let fields = hit.fields.map { "\($0.name)=\($0.value.prefix(80))" }.joined(separator: " ")
        let whom = hit.uid?.description ?? hit.entities.joined(separator: " ")
        let parts = [TimeLine.text(hit.time), hit.rule.level.rawValue, hit.rule.title, hit.log, whom, fields]
        return parts.joined(separator: "  ")
    }
}

/// A time for a line, UTC.
private enum TimeLine {
    static func text(_ time: Timestamp) -> String {
        guard case .text(let octets) = SQLValue(time) else { return "" }
        return String(decoding: octets, as: UTF8.self)
    }
}
