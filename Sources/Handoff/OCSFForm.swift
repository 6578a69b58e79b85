// SPDX-License-Identifier: Apache-2.0
//
// Incidents and alerts as events of the Open Cybersecurity Schema Framework 1.9.
//
// Reads   incidents; rows of the log `alert` as JSON objects, as `weir query --format json` writes them.
// Writes  one line of JSON an event: classes 2005 (incident finding) and 2004 (detection finding).
// Leaves  cloud records (OCSFForm+Cloud.swift).

internal import Foundation
package import JSON

/// Writes OCSF events. Times are milliseconds since 1970, as the schema has them.
package struct OCSFForm: Sendable {
    static let schemaVersion = "1.9.0-dev"

    /// Of this program.
    let version: String
    let sensor: String

    package init(version: String, sensor: String) {
        self.version = version
        self.sensor = sensor
    }

    /// What an event is: class, activity.
    func begin(_ json: inout JSONWriter, classID: Int, category: Int, activity: Int) {
        json.member("class_uid", classID)
        json.member("category_uid", category)
        json.member("activity_id", activity)
        json.member("type_uid", classID * 100 + activity)
    }

    func metadata(
        _ json: inout JSONWriter, uid: String?, profiles: [String] = [], log: String? = nil,
        more: (inout JSONWriter) -> Void = { _ in }
    ) {
        json.key("metadata")
        json.object { json in
            json.member("version", OCSFForm.schemaVersion)
            json.key("product")
            json.object { json in
                json.member("name", "Weir")
                json.member("vendor_name", "Weir")
                json.member("version", version)
            }
            json.memberIfAny("uid", uid)
            json.memberIfAny("log_name", log)
            json.member("reporter") { json in json.object { $0.member("name", sensor) } }
            if !profiles.isEmpty { json.member("profiles", profiles) }
            more(&json)
        }
    }

    // MARK: 2005, incident finding

    /// An incident as it stands: created where nothing has happened to it, closed where it is, updated otherwise.
    package func incident(_ incident: HandoffIncident) -> [UInt8] {
        let isNew = incident.status == "new" && incident.verdict == nil
        var json = JSONWriter()
        json.object { json in
            begin(&json, classID: 2005, category: 2, activity: incident.isClosed ? 3 : isNew ? 1 : 2)
            json.member("severity_id", OCSFForm.severity(incident.severity))
            json.member("severity", OCSFForm.severityNames[OCSFForm.severity(incident.severity)])
            json.member("status_id", OCSFForm.status(incident))
            json.member("time", incident.created / 1_000)
            json.member("start_time", incident.first / 1_000)
            json.member("end_time", incident.last / 1_000)
            json.member("message", incident.title)
            json.memberIfAny("desc", incident.summary.isEmpty ? nil : incident.summary)
            metadata(&json, uid: incident.key, profiles: ["incident"])
            json.key("finding_info_list")
            json.array { json in
                for alert in incident.alerts { write(alert, of: incident, to: &json) }
                // The list is wanted even where the alerts are no longer kept.
                if incident.alerts.isEmpty {
                    json.object { json in
                        json.member("uid", incident.key)
                        json.member("title", incident.title)
                    }
                }
            }
            json.member(incident.owner == nil ? "assignee_group" : "assignee") { json in
                json.object { $0.member("name", incident.owner ?? "unassigned") }
            }
            json.member("verdict_id", OCSFForm.verdict(incident))
            json.member("priority_id", OCSFForm.priority(incident.severity))
            json.member("impact_id", OCSFForm.priority(incident.severity))
            attacks(incident.techniques, &json)
            if !incident.events.isEmpty { notes(incident, &json) }
            observables(incident.entities, &json)
        }
        return json.octets
    }

    private func write(_ alert: HandoffAlert, of incident: HandoffIncident, to json: inout JSONWriter) {
        json.object { json in
            let flow = alert.communityID ?? alert.uid ?? "\(alert.time)"
            json.member("uid", "\(alert.source):\(alert.ruleID):\(flow)")
            json.member("title", alert.title)
            json.member("types", [alert.source])
            json.member("created_time", alert.time / 1_000)
            analytic(id: alert.ruleID, name: alert.title, source: alert.source, &json)
            attacks(alert.techniques, &json)
            json.member("data_sources", [incident.sensor])
        }
    }

    private func notes(_ incident: HandoffIncident, _ json: inout JSONWriter) {
        json.key("notes")
        json.array { json in
            for event in incident.events {
                json.object { json in
                    json.member("comment", event.kind + (event.why.isEmpty ? "" : ": " + event.why))
                    json.member("created_time", event.time / 1_000)
                    json.member("owner") { json in json.object { $0.member("name", event.who) } }
                }
            }
        }
    }

    static let severityNames = ["Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"]

    static func severity(_ severity: HandoffSeverity) -> Int {
        switch severity {
        case .info: 1
        case .low: 2
        case .medium: 3
        case .high: 4
        case .critical: 5
        }
    }

    /// 1 low to 4 critical, of priority and impact.
    private static func priority(_ severity: HandoffSeverity) -> Int { max(1, OCSFForm.severity(severity) - 1) }

    /// 1 new, 2 in progress, 4 resolved, 5 closed.
    private static func status(_ incident: HandoffIncident) -> Int {
        if incident.isClosed { return 5 }
        switch incident.status {
        case "new": return 1
        case "contained": return 4
        default: return 2
        }
    }

    private static func verdict(_ incident: HandoffIncident) -> Int {
        if incident.isTest { return 6 }
        switch incident.verdict {
        case "false-positive"?: return 1
        case "true-positive"?: return 2
        case "benign-true-positive"?: return 5
        default: return incident.status == "merged" ? 10 : 0
        }
    }

    // MARK: 2004, detection finding

    /// A row of the log `alert`.
    package func finding(row: JSONValue) -> [UInt8] {
        var json = JSONWriter()
        let time = OCSFForm.milliseconds(row["ts"]) ?? 0
        let source = row["source"]?.text ?? "sensor"
        let rule = row["rule_id"]?.text ?? "unknown"
        let title = row["title"]?.text ?? rule
        let severity = OCSFForm.severity(HandoffSeverity(alert: row["severity"]?.integer ?? 3))
        let flow = row["community_id"]?.text ?? row["uid"]?.text ?? ""
        let uid = "\(source):\(rule):\(flow):\(time)"
        json.object { json in
            begin(&json, classID: 2004, category: 2, activity: 1)
            json.member("severity_id", severity)
            json.member("severity", OCSFForm.severityNames[severity])
            json.member("status_id", 1)
            json.member("time", time)
            json.member("start_time", OCSFForm.milliseconds(row["first_ts"]) ?? time)
            json.member("end_time", OCSFForm.milliseconds(row["last_ts"]) ?? time)
            if let count = row["count"]?.integer { json.member("count", count) }
            json.member("message", title)
            json.member("is_alert", true)
            metadata(&json, uid: uid, log: "alert")
            json.key("finding_info")
            json.object { json in
                json.member("uid", uid)
                json.member("title", title)
                json.member("types", [source])
                json.member("created_time", time)
                json.member("first_seen_time", OCSFForm.milliseconds(row["first_ts"]) ?? time)
                json.member("last_seen_time", OCSFForm.milliseconds(row["last_ts"]) ?? time)
                json.memberIfAny("desc", row["category"]?.text)
                analytic(id: rule, name: title, source: source, &json)
                attacks(OCSFForm.texts(row["techniques"]), &json)
                json.member("data_sources", [sensor])
            }
            evidences(row, &json)
            observables(OCSFForm.entities(row), &json)
        }
        return json.octets
    }

    /// The row's entities, and the hosts of its connection, each once.
    private static func entities(_ row: JSONValue) -> [String] {
        let hosts = ["id_orig_h", "id_resp_h"].compactMap { row[$0]?.text.map { "host:" + $0 } }
        var seen: Set<String> = []
        return (hosts + texts(row["entities"])).filter { seen.insert($0).inserted }
    }

    /// The connection, and what the rule found.
    private func evidences(_ row: JSONValue, _ json: inout JSONWriter) {
        let origin = row["id_orig_h"]?.text
        let target = row["id_resp_h"]?.text
        let evidence = row["evidence"]?.text
        guard origin != nil || target != nil || evidence != nil else { return }
        json.key("evidences")
        json.array { json in
            json.object { json in
                for (key, address, port) in [
                    ("src_endpoint", origin, row["id_orig_p"]?.integer),
                    ("dst_endpoint", target, row["id_resp_p"]?.integer),
                ] {
                    guard let address else { continue }
                    json.key(key)
                    json.object { json in
                        json.member("ip", address)
                        if let port { json.member("port", port) }
                    }
                }
                if origin != nil {
                    json.key("connection_info")
                    json.object { json in
                        json.member("direction_id", 0)
                        json.memberIfAny("uid", row["uid"]?.text)
                        json.memberIfAny("community_uid", row["community_id"]?.text)
                    }
                }
                // `data` takes any JSON.
                if let evidence, let document = try? JSONDocument(evidence), document.root.isObject {
                    json.key("data")
                    json.raw(document.root.raw)
                } else if let matched = row["matched"]?.text {
                    json.key("data")
                    json.object { json in
                        json.memberIfAny("buffer", row["buffer"]?.text)
                        json.member("matched", matched)
                    }
                }
            }
        }
    }

    // MARK: what classes share

    func analytic(id: String, name: String, source: String, _ json: inout JSONWriter) {
        json.key("analytic")
        json.object { json in
            // 1 a rule, 2 behaviour, 9 exact data.
            json.member("type_id", source == "hunt" ? 2 : source == "indicator" ? 9 : 1)
            json.member("uid", id)
            json.member("name", name)
            json.member("category", source)
        }
    }

    /// Techniques and tactics of ATT&CK: `T1210`, `T1071.004`, `TA0008`.
    func attacks(_ names: [String], _ json: inout JSONWriter) {
        let known = names.filter { name in
            name.utf8.count >= 5 && name.first == "T"
                && name.dropFirst(name.hasPrefix("TA") ? 2 : 1).utf8.allSatisfy {
                    (0x30...0x39).contains($0) || $0 == 0x2E
                }
        }
        guard !known.isEmpty else { return }
        json.key("attacks")
        json.array { json in
            for name in known {
                json.object { json in
                    if name.hasPrefix("TA") {
                        json.member("tactic") { json in json.object { $0.member("uid", name) } }
                        return
                    }
                    let base = name.split(separator: ".").first.map(String.init) ?? name
                    json.member("technique") { json in json.object { $0.member("uid", base) } }
                    if base != name {
                        json.member("sub_technique") { json in json.object { $0.member("uid", name) } }
                    }
                }
            }
        }
    }

    /// Entities as observables: 1 host name, 2 address, 4 user, 8 hash, 10 resource.
    func observables(_ entities: [String], _ json: inout JSONWriter) {
        var found: [(type: Int, value: String, name: String)] = []
        for entity in entities {
            guard let colon = entity.firstIndex(of: ":") else { continue }
            let value = String(entity[entity.index(after: colon)...])
            switch entity[..<colon] {
            case "host":
                let isAddress = value.contains(":") || value.utf8.allSatisfy { (0x2E...0x39).contains($0) }
                found.append((isAddress ? 2 : 1, value, "host"))
            case "domain": found.append((1, value, "domain"))
            case "user", "principal": found.append((4, value, "user"))
            case "file": found.append((8, value, "file"))
            case "record": found.append((10, value, "record"))
            default: break
            }
        }
        guard !found.isEmpty else { return }
        json.key("observables")
        json.array { json in
            for (type, value, name) in found {
                json.object { json in
                    json.member("name", name)
                    json.member("type_id", type)
                    json.member("value", value)
                }
            }
        }
    }

    // MARK: values of rows

    /// A list, whether it stands as an array or as an array in a text.
    static func texts(_ value: JSONValue?) -> [String] {
        guard let value else { return [] }
        if value.isArray { return value.elements.compactMap(\.text) }
        guard let text = value.string, text.hasPrefix("["), let document = try? JSONDocument(text) else {
            return value.string.map { $0.isEmpty ? [] : [$0] } ?? []
        }
        return document.root.elements.compactMap(\.text)
    }

    /// A time of a row: `2026-11-22 13:00:05.250000`, the same with T and Z, or seconds since 1970.
    static func milliseconds(_ value: JSONValue?) -> Int64? {
        guard let value else { return nil }
        if value.kind == .number { return value.double.flatMap { Int64(exactly: ($0 * 1_000).rounded()) } }
        guard var text = value.string else { return nil }
        if text.hasSuffix("Z") { text.removeLast() }
        let octets = Array(text.utf8)
        guard octets.count >= 19, octets[10] == 0x20 || octets[10] == 0x54 else { return nil }
        func number(_ range: Range<Int>) -> Int? { Int(String(decoding: octets[range], as: UTF8.self)) }
        var parts = DateComponents()
        (parts.year, parts.month, parts.day) = (number(0..<4), number(5..<7), number(8..<10))
        (parts.hour, parts.minute, parts.second) = (number(11..<13), number(14..<16), number(17..<19))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        guard parts.year != nil, parts.second != nil, let date = calendar.date(from: parts) else { return nil }
        var milliseconds = Int64(date.timeIntervalSince1970) * 1_000
        if octets.count > 20, octets[19] == 0x2E {
            let digits = octets[20...].prefix(3).prefix { (0x30...0x39).contains($0) }
            var fraction: Int64 = 0
            for digit in digits { fraction = fraction * 10 + Int64(digit - 0x30) }
            for _ in digits.count..<3 { fraction *= 10 }
            milliseconds += fraction
        }
        return milliseconds
    }
}

extension JSONWriter {
    /// A member whose value `write` appends.
    mutating func member(_ key: String, _ write: (inout JSONWriter) -> Void) {
        self.key(key)
        write(&self)
    }
}
