// SPDX-License-Identifier: Apache-2.0
//
// A store as OCSF events: alerts, cloud audit records, incidents.
//
// Reads   the logs `alert` and `cloud_audit`, the incidents.
// Writes  one line of JSON an event.
// Leaves  the events' form (`OCSFForm`).

import Handoff
import JSON
import Query
import Records
import Sensor

/// What of a store becomes OCSF events, and how.
struct OCSFExport {
    enum EventClass: String, CaseIterable {
        /// 2004, detection finding.
        case findings
        /// 6003, API activity.
        case cloud
        /// 2005, incident finding.
        case incidents
    }

    var store: String
    var sensor: String
    var classes = EventClass.allCases
    /// Records at and after, and before, these moments; of incidents the last sign counts.
    var since: Timestamp?
    var until: Timestamp?

    /// Hands every event to `take`, without its line's end.
    ///
    /// - Returns: how many events there were.
    func write(_ take: ([UInt8]) throws -> Void) throws -> Int {
        let form = OCSFForm(version: WeirVersion.text, sensor: sensor)
        var count = 0
        func each(_ log: String, _ event: (JSONValue) -> [UInt8]) throws {
            let query = try StoreQuery(store: store, schemas: Schemas.logs)
            var conditions: [String] = []
            var values: [String: SQLValue] = [:]
            if let since {
                conditions.append("ts >= :since")
                values["since"] = SQLValue(since)
            }
            if let until {
                conditions.append("ts < :until")
                values["until"] = SQLValue(until)
            }
            let filter = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
            let rows = try query.rows("SELECT * FROM \(log)\(filter)", values)
            let document = JSONDocument()
            while let row = try rows.next() {
                try document.read(row.json)
                try take(event(document.root))
                count += 1
            }
        }
        if classes.contains(.findings) { try each("alert") { form.finding(row: $0) } }
        if classes.contains(.cloud) { try each("cloud_audit") { form.cloud(row: $0) } }
        if classes.contains(.incidents) {
            for incident in try LedgerFeed(store: store, sensor: sensor).incidents() where isWanted(incident) {
                try take(form.incident(incident))
                count += 1
            }
        }
        return count
    }

    private func isWanted(_ incident: HandoffIncident) -> Bool {
        let last = incident.last.multipliedReportingOverflow(by: 1_000)
        let time = Timestamp(nanoseconds: last.overflow ? .max : last.partialValue)
        return since.map { time >= $0 } != false && until.map { time < $0 } != false
    }
}
