// SPDX-License-Identifier: Apache-2.0
//
// Cortex XSOAR 8, by its public API.
//
// Reads   id and version of the incident.
// Writes  the incident, and the same again with id and version when it changes.

internal import Foundation
internal import JSON

/// The label `WeirIncident` carries the incident's key. Where an earlier creation may have arrived, the incident is
/// looked for by it first; where the product does not let us look, it is made again, and a pre-process rule on the
/// label keeps it single.
struct XSOARConnector: Connector {
    let settings: ConnectorSettings
    let key: Secret
    let http: HTTPTransport

    private static let label = "WeirIncident"

    private var endpoint: String { settings.url("/xsoar/public/v1/incident") }

    private var headers: [(String, String)] {
        [
            ("Authorization", key.exposed), ("x-xdr-auth-id", settings.options.authID ?? ""),
            ("Accept", "application/json"), ("Content-Type", "application/json"),
        ]
    }

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        var known = delivery.remote
        // A creation of which nothing is known, or an update whose creation gave no identity.
        if known == nil, delivery.isUnsure || delivery.kind != .created {
            switch await look(for: delivery.incident.key) {
            case .success(let found): known = found
            case .failure(let stop): return stop.outcome
            }
            if let known, delivery.kind == .created {
                return .delivered(remote: known, status: 200, note: "it was there already")
            }
        }
        let outcome = await send(delivery, known)
        guard let known, case .refused(let fault) = outcome, fault.status == 409 else { return outcome }
        // Somebody changed it there: with its present version once more.
        switch await look(for: delivery.incident.key) {
        case .success(let newer?) where newer.version != known.version:
            return await send(delivery, newer)
        case .success, .failure:
            return .passing(fault, after: nil)
        }
    }

    private struct Stop: Error {
        var outcome: DeliveryOutcome
    }

    /// The incident with our label; nil where there is none, or where the product does not let us look.
    private func look(for key: String) async -> Result<RemoteRecord?, Stop> {
        var json = JSONWriter()
        json.object { json in
            json.key("filter")
            json.object { json in
                json.member("query", "\"\(key)\"")
                json.member("page", 0)
                json.member("size", 20)
            }
        }
        let call = HTTPCall(url: settings.url("/xsoar/public/v1/incidents/search"), headers: headers, body: json.octets)
        switch await http.send(call) {
        case .failure(let fault): return .failure(Stop(outcome: .of(fault)))
        case .success(let answer):
            guard answer.isSuccess else {
                let outcome = DeliveryOutcome.of(answer)
                if case .refused = outcome { return .success(nil) }
                return .failure(Stop(outcome: outcome))
            }
            guard let document = answer.json() else { return .success(nil) }
            // The query finds the key anywhere; the label decides.
            for incident in document.root["data"]?.elements ?? document.root.elements {
                let isOurs = incident["labels"]?.elements.contains {
                    $0["type"]?.hasText(XSOARConnector.label) == true && $0["value"]?.hasText(key) == true
                }
                if isOurs == true, let remote = XSOARConnector.remote(incident) { return .success(remote) }
            }
            return .success(nil)
        }
    }

    private static func remote(_ incident: JSONValue) -> RemoteRecord? {
        guard let id = incident["id"]?.text, (1...128).contains(id.utf8.count) else { return nil }
        return RemoteRecord(id: id, version: incident["version"]?.integer)
    }

    private func send(_ delivery: Delivery, _ known: RemoteRecord?) async -> DeliveryOutcome {
        switch await http.send(HTTPCall(url: endpoint, headers: headers, body: body(delivery, known))) {
        case .failure(let fault): return .of(fault)
        case .success(let answer):
            guard answer.isSuccess else { return .of(answer) }
            var remote = answer.json().flatMap { XSOARConnector.remote($0.root) }
            // An update keeps the identity of the incident, whatever the answer calls it.
            if let known { remote = RemoteRecord(id: known.id, version: remote?.version ?? known.version) }
            return .delivered(remote: remote, status: answer.status, note: "")
        }
    }

    func body(_ delivery: Delivery, _ known: RemoteRecord?) -> [UInt8] {
        let incident = delivery.incident
        var body = RecordBody()
        if let known {
            body.set("id", known.id)
            if let version = known.version { body.set("version", version) }
        }
        body.set("name", incident.heading.cut(500))
        body.set("type", settings.options.incidentType)
        body.set("severity", XSOARConnector.severity(incident.severity))
        body.set("occurred", UTC.text(incident.first))
        body.set("details", incident.description)
        body.set("rawJSON", String(decoding: incident.body().octets, as: UTF8.self))
        body.set("labels") { json in
            json.array { json in
                for (type, value) in [(XSOARConnector.label, incident.key), ("WeirEvent", delivery.key)] {
                    json.object {
                        $0.member("type", type)
                        $0.member("value", value)
                    }
                }
            }
        }
        if known == nil { body.set("createInvestigation", true) }
        if delivery.kind == .closed {
            body.set("status", 2)
            body.set("closeReason", XSOARConnector.closeReason(incident.verdict))
            body.set("closeNotes", delivery.event.why.isEmpty ? "Closed in Weir" : delivery.event.why)
        }
        let values = settings.values(delivery)
        if !values.isEmpty {
            body.set("customFields") { json in
                json.object { json in for (key, value) in values { json.member(key, value) } }
            }
        }
        return body.octets
    }

    /// 0 unknown, 1 low, 2 medium, 3 high, 4 critical.
    private static func severity(_ severity: HandoffSeverity) -> Int64 {
        switch severity {
        case .info: 0
        case .low: 1
        case .medium: 2
        case .high: 3
        case .critical: 4
        }
    }

    private static func closeReason(_ verdict: String?) -> String {
        switch verdict {
        case "false-positive"?: "False Positive"
        case "true-positive"?: "Resolved"
        default: "Other"
        }
    }

    func health() async -> DeliveryOutcome? { nil }

    func shutdown() async { await http.shutdown() }
}
