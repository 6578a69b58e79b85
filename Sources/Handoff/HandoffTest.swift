// SPDX-License-Identifier: Apache-2.0
//
// A try of a connector, for the one who sets it up.

package struct HandoffTest: Sendable, Encodable {
    package var connector: String
    /// What was asked: `incident` or `health`.
    package var asked: String
    package var arrived: Bool
    package var status: Int?
    /// What came back, or why nothing did.
    package var answer: String
    /// The receiver's own identity of the test incident.
    package var remote_id: String?

    /// Sends an incident that says it is a test, or asks the product how it is. Ends the connector.
    package static func run(_ connector: any Connector, sensor: String, health: Bool) async -> HandoffTest {
        let name = connector.settings.name
        var outcome: DeliveryOutcome?
        if health { outcome = await connector.health() }
        let asked = outcome == nil ? "incident" : "health"
        if outcome == nil { outcome = await connector.deliver(delivery(name, sensor: sensor, now: UTC.now)) }
        await connector.shutdown()
        switch outcome {
        case .delivered(let remote, let status, let note)?:
            return HandoffTest(
                connector: name, asked: asked, arrived: true, status: status,
                answer: note.isEmpty ? "taken" : note, remote_id: remote?.id)
        default:
            let fault = outcome?.fault
            return HandoffTest(
                connector: name, asked: asked, arrived: false, status: fault?.status,
                answer: fault?.description ?? "no answer")
        }
    }

    /// An incident that nobody can take for a real one; each test has its own key.
    private static func delivery(_ connector: String, sensor: String, now: Int64) -> Delivery {
        var incident = HandoffIncident(
            id: "test-\(now)", sensor: sensor, title: "Test of the connector \(connector)", severity: .low,
            created: now)
        incident.isTest = true
        incident.summary = "This is a test by weir handoff test. Nothing has happened."
        // Addresses for documentation (RFC 5737).
        incident.entities = ["host:192.0.2.1", "domain:test.example"]
        var alert = HandoffAlert(time: now, source: "sensor", ruleID: "test", title: "Test", severity: 4)
        (alert.sourceAddress, alert.targetAddress, alert.targetPort) = ("192.0.2.1", "198.51.100.1", 443)
        incident.alerts = [alert]
        incident.alertCount = 1
        return Delivery(
            id: 0, connector: connector, incident: incident,
            event: HandoffEvent(number: 1, time: now, kind: "test"), kind: .created, attempts: 0, isUnsure: false,
            remote: nil, enqueued: now)
    }

    package var text: String {
        "\(connector): " + (arrived ? "arrived" : "did not arrive") + (status.map { ", HTTP \($0)" } ?? "")
            + ": \(answer)" + (remote_id.map { " (there it is \($0))" } ?? "")
    }
}

extension ConnectorSettings {
    /// Scheme, host and port, fit to be shown.
    package var shownURL: String { urlPlace == nil ? Endpoint.shown(url) : "(a secret URL)" }
}

extension DeliveryLine {
    package var text: String {
        var text = "\(id)  \(enqueued)  \(connector)  incident \(incident)  \(kind)  \(state)"
        if attempts > 1 { text += " (\(attempts) attempts)" }
        if let status { text += "  HTTP \(status)" }
        if let name = remote_number ?? remote_id { text += "  \(name)" }
        if let reason { text += "  \(reason)" }
        if let answer, !answer.isEmpty {
            text += ": " + answer.split(whereSeparator: \.isNewline).joined(separator: " ").cut(300)
        }
        if let due { text += "  next at \(due)" }
        return text
    }
}
