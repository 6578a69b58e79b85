// SPDX-License-Identifier: Apache-2.0
//
// ServiceNow Security Incident Response, by the Table API.
//
// Reads   sys_id and number of the record.
// Writes  the record; work notes for what happens later; its closing.

internal import Foundation
internal import JSON

/// `correlation_id` is the incident's key: before a record is made it is looked for, so that a creation whose
/// answer was lost is not made again.
struct ServiceNowConnector: Connector {
    let settings: ConnectorSettings
    let secret: Secret
    let http: HTTPTransport

    private var table: String { settings.url("/api/now/table/\(settings.options.table)") }

    private var headers: [(String, String)] {
        let value =
            settings.options.user.map {
                "Basic " + Data("\($0):\(secret.exposed)".utf8).base64EncodedString()
            } ?? "Bearer " + secret.exposed
        return [("Authorization", value), ("Accept", "application/json"), ("Content-Type", "application/json")]
    }

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        if let remote = delivery.remote { return await change(delivery, remote) }
        let key = queryValue(delivery.incident.key)
        let look = HTTPCall(
            method: "GET",
            url: table + "?sysparm_query=correlation_id=\(key)&sysparm_limit=1&sysparm_fields=sys_id,number",
            headers: headers)
        switch await http.send(look) {
        case .failure(let fault): return .of(fault)
        case .success(let answer):
            guard answer.isSuccess else { return .of(answer) }
            guard let result = answer.json()?.root["result"], result.isArray else {
                return .refused(DeliveryFault(status: answer.status, "the answer is no list", answer: answer.excerpt))
            }
            if let found = result[0].flatMap(ServiceNowConnector.remote) {
                guard delivery.kind != .created else {
                    return .delivered(remote: found, status: answer.status, note: "it was there already")
                }
                return await change(delivery, found)
            }
        }
        return await create(delivery)
    }

    private static func remote(_ record: JSONValue) -> RemoteRecord? {
        guard let id = record["sys_id"]?.string, isID(id) else { return nil }
        return RemoteRecord(id: id, number: record["number"]?.string)
    }

    /// What may stand in a path: an answer must not lead us elsewhere.
    private static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
            }
    }

    private func create(_ delivery: Delivery) async -> DeliveryOutcome {
        let incident = delivery.incident
        var body = RecordBody()
        body.set("short_description", incident.heading.cut(160))
        body.set("description", incident.description)
        body.set("business_criticality", ServiceNowConnector.criticality(incident.severity))
        body.set("correlation_id", incident.key)
        body.set("correlation_display", incident.sensor)
        body.set("work_notes", ServiceNowConnector.note(delivery))
        if incident.isClosed { close(incident, &body) }
        body.set(settings.values(delivery))
        switch await http.send(HTTPCall(url: table, headers: headers, body: body.octets)) {
        case .failure(let fault): return .of(fault)
        case .success(let answer):
            guard answer.isSuccess else { return .of(answer) }
            guard let remote = answer.json()?.root["result"].flatMap(ServiceNowConnector.remote) else {
                // Made, but its identity was lost: the next attempt finds it by the key.
                return .passing(
                    DeliveryFault(
                        status: answer.status, "the answer does not name the record", answer: answer.excerpt,
                        isUnsure: true), after: nil)
            }
            return .delivered(remote: remote, status: answer.status, note: "")
        }
    }

    private func change(_ delivery: Delivery, _ remote: RemoteRecord) async -> DeliveryOutcome {
        let incident = delivery.incident
        var body = RecordBody()
        body.set("short_description", incident.heading.cut(160))
        body.set("description", incident.description)
        body.set("business_criticality", ServiceNowConnector.criticality(incident.severity))
        body.set("work_notes", ServiceNowConnector.note(delivery))
        if delivery.kind == .closed { close(incident, &body) }
        body.set(settings.values(delivery))
        let call = HTTPCall(method: "PATCH", url: table + "/" + remote.id, headers: headers, body: body.octets)
        switch await http.outcome(call) {
        case .delivered(_, let status, let note): return .delivered(remote: remote, status: status, note: note)
        case let other: return other
        }
    }

    private func close(_ incident: HandoffIncident, _ body: inout RecordBody) {
        body.set("state", settings.options.closeState)
        body.set("close_code", incident.verdict == "false-positive" ? "False positive" : "Threat mitigated")
        body.set("close_notes", "Closed in Weir" + (incident.verdict.map { ": \($0)" } ?? ""))
    }

    /// 1 critical, 2 high, 3 the rest.
    private static func criticality(_ severity: HandoffSeverity) -> String {
        switch severity {
        case .critical: "1"
        case .high: "2"
        case .medium, .low, .info: "3"
        }
    }

    static func note(_ delivery: Delivery) -> String {
        let event = delivery.event
        return "\(event.kind) by \(event.who)" + (event.why.isEmpty ? "" : ": \(event.why)") + " (\(delivery.key))"
    }

    func health() async -> DeliveryOutcome? {
        await http.outcome(
            HTTPCall(method: "GET", url: table + "?sysparm_limit=1&sysparm_fields=sys_id", headers: headers))
    }

    func shutdown() async { await http.shutdown() }
}
