// SPDX-License-Identifier: Apache-2.0
//
// TheHive 5: incidents become alerts.
//
// Reads   the alert's identity.
// Writes  the alert with its observables; changes of it.

internal import Foundation
internal import JSON

/// An alert is single by (type, source, sourceRef), which are the configured type, the sensor and the incident's
/// identity: a creation that was made before is refused with 400 "already exists", and that counts as delivered.
struct TheHiveConnector: Connector {
    let settings: ConnectorSettings
    let key: Secret
    let http: HTTPTransport

    private static let observablesMax = 100

    private var headers: [(String, String)] {
        var headers = [("Authorization", "Bearer " + key.exposed), ("Content-Type", "application/json")]
        if let organisation = settings.options.organisation { headers.append(("X-Organisation", organisation)) }
        return headers
    }

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        if delivery.kind == .created { return await create(delivery) }
        var remote = delivery.remote
        if remote == nil {
            switch await look(for: delivery.incident) {
            case .success(let found): remote = found
            case .failure(let fault): return .of(fault)
            }
        }
        guard let remote else {
            return .refused(
                DeliveryFault("the alert of \(delivery.incident.key) cannot be found there, so it cannot be changed"))
        }
        let call = HTTPCall(
            method: "PATCH", url: settings.url("/api/v1/alert/\(queryValue(remote.id))"), headers: headers,
            body: change(delivery))
        switch await http.outcome(call) {
        case .delivered(_, let status, let note): return .delivered(remote: remote, status: status, note: note)
        case let other: return other
        }
    }

    private func create(_ delivery: Delivery) async -> DeliveryOutcome {
        let call = HTTPCall(url: settings.url("/api/v1/alert"), headers: headers, body: body(delivery))
        switch await http.send(call) {
        case .failure(let fault): return .of(fault)
        case .success(let answer):
            let root = answer.json()?.root
            if answer.status == 400, root?["message"]?.string?.contains("already exist") == true {
                var remote: RemoteRecord?
                if case .success(let found) = await look(for: delivery.incident) { remote = found }
                return .delivered(remote: remote, status: 400, note: "it was there already")
            }
            guard answer.isSuccess else { return .of(answer) }
            return .delivered(
                remote: root?["_id"]?.string.flatMap(TheHiveConnector.remote), status: answer.status, note: "")
        }
    }

    private static func remote(_ id: String) -> RemoteRecord? {
        let isPlain = id.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }
        // Dots alone would lead a level up.
        let isWay = id.allSatisfy { $0 == "." }
        return isPlain && !isWay && (1...128).contains(id.utf8.count) ? RemoteRecord(id: id) : nil
    }

    /// The alert's identity, asked for by what makes it single; nil where it is not there or not told.
    private func look(for incident: HandoffIncident) async -> Result<RemoteRecord?, DeliveryFault> {
        var json = JSONWriter()
        json.object { json in
            json.key("query")
            json.array { json in
                json.object { $0.member("_name", "listAlert") }
                json.object { json in
                    json.member("_name", "filter")
                    json.key("_and")
                    json.array { json in
                        let terms = [
                            ("type", settings.options.alertType), ("source", incident.sensor),
                            ("sourceRef", incident.id),
                        ]
                        for (field, value) in terms {
                            json.object {
                                $0.member("_field", field)
                                $0.member("_value", value)
                            }
                        }
                    }
                }
                json.object {
                    $0.member("_name", "page")
                    $0.member("from", 0)
                    $0.member("to", 1)
                }
            }
        }
        switch await http.send(HTTPCall(url: settings.url("/api/v1/query"), headers: headers, body: json.octets)) {
        case .failure(let fault): return .failure(fault)
        case .success(let answer):
            guard answer.isSuccess else {
                if case .refused = DeliveryOutcome.of(answer) { return .success(nil) }
                return .failure(answer.fault)
            }
            return .success(answer.json()?.root[0]?["_id"]?.string.flatMap(TheHiveConnector.remote))
        }
    }

    func body(_ delivery: Delivery) -> [UInt8] {
        let incident = delivery.incident
        var body = RecordBody()
        body.set("type", settings.options.alertType)
        body.set("source", incident.sensor)
        body.set("sourceRef", incident.id)
        body.set("title", incident.heading.cut(512))
        body.set("description", incident.description)
        body.set("severity", TheHiveConnector.severity(incident.severity))
        body.set("date", incident.first / 1_000)
        body.set("tlp", Int64(settings.options.tlp))
        body.set("pap", Int64(settings.options.pap))
        body.set("tags", TheHiveConnector.tags(incident))
        body.set("observables") { json in
            json.array { json in
                for (type, value) in TheHiveConnector.observables(incident) {
                    json.object {
                        $0.member("dataType", type)
                        $0.member("data", value)
                    }
                }
            }
        }
        setCustomFields(delivery, &body)
        return body.octets
    }

    func change(_ delivery: Delivery) -> [UInt8] {
        let incident = delivery.incident
        var body = RecordBody()
        body.set("title", incident.heading.cut(512))
        body.set("description", incident.description)
        body.set("severity", TheHiveConnector.severity(incident.severity))
        body.set("tags", TheHiveConnector.tags(incident))
        body.set("lastSyncDate", delivery.event.time / 1_000)
        if delivery.kind == .closed {
            body.set("summary", "Closed in Weir" + (incident.verdict.map { ": \($0)" } ?? ""))
            // A true positive is for the case that was made of the alert: its state is not ours to set.
            if incident.verdict == "false-positive" {
                body.set("status", "FalsePositive")
            } else if incident.verdict != "true-positive" {
                body.set("status", "Ignored")
            }
        }
        setCustomFields(delivery, &body)
        return body.octets
    }

    private func setCustomFields(_ delivery: Delivery, _ body: inout RecordBody) {
        let values = settings.values(delivery)
        guard !values.isEmpty else { return }
        body.set("customFields") { json in
            json.array { json in
                for (name, value) in values {
                    json.object {
                        $0.member("name", name)
                        $0.member("value", value)
                    }
                }
            }
        }
    }

    private static func severity(_ severity: HandoffSeverity) -> Int64 {
        switch severity {
        case .info, .low: 1
        case .medium: 2
        case .high: 3
        case .critical: 4
        }
    }

    private static func tags(_ incident: HandoffIncident) -> [String] {
        ["weir", "sensor:\(incident.sensor)"] + incident.techniques
            + (incident.verdict.map { ["verdict:\($0)"] } ?? []) + (incident.isTest ? ["test"] : [])
    }

    private static func observables(_ incident: HandoffIncident) -> [(String, String)] {
        var found: [(String, String)] = []
        for entity in incident.entities {
            guard found.count < observablesMax, let colon = entity.firstIndex(of: ":") else { continue }
            let value = String(entity[entity.index(after: colon)...])
            switch entity[..<colon] {
            case "host": found.append((value.contains(":") || value.first?.isNumber == true ? "ip" : "hostname", value))
            case "domain": found.append(("domain", value))
            case "file": found.append(("hash", value))
            case "user", "principal": found.append(("other", value))
            default: break
            }
        }
        return found
    }

    func health() async -> DeliveryOutcome? {
        await http.outcome(HTTPCall(method: "GET", url: settings.url("/api/v1/user/current"), headers: headers))
    }

    func shutdown() async { await http.shutdown() }
}
