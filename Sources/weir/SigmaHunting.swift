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
    /// Seconds in which hits of one rule about the same become one alert.
    var foldSeconds = AlertSettings().foldSeconds

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
        let known = writesAlerts ? try SigmaKnown(query) : nil
        let appender = writesAlerts ? try StoreAppender(folder: store, sensorName: sensor) : nil
        var new: [AlertRecord] = []
        var (count, written) = (0, 0)
        func write() {
            let alerts = FoldedAlerts.fold(new, seconds: foldSeconds)
            for alert in alerts { appender?.append(alert) }
            written += alerts.count
            new.removeAll(keepingCapacity: true)
        }
        try hunt.run(query, since: since, until: until) { hit in
            count += 1
            if count <= limit { print(isJSON ? hit.json : line(hit)) }
            if known?.contains(hit) == false { new.append(hit.alert) }
            if new.count == SigmaHunting.heldMax { write() }
            return writesAlerts || count < limit
        }
        write()
        try appender?.commit()
        Console.say(
            "\(count) hits in \(hunt.rowCount) records" + (count > limit ? ", \(limit) shown" : "")
                + (writesAlerts ? "; \(written) new alerts" : ""))
    }

    /// New hits that wait to be folded.
    private static let heldMax = 50_000

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
