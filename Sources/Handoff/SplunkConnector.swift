// SPDX-License-Identifier: Apache-2.0
//
// Splunk's HTTP Event Collector.
//
// Reads   its own codes beside the status.
// Writes  one event a delivery; with `ack` it waits until the indexers have it.

internal import Foundation
internal import JSON

/// The collector has no idempotency key: `fields.event_uid` is the same in every attempt, for `dedup` at search time.
struct SplunkConnector: Connector {
    let settings: ConnectorSettings
    let token: Secret
    let http: HTTPTransport
    /// Of the acknowledgements; one a connector.
    private let channel = UUID().uuidString.lowercased()

    /// Milliseconds between questions for an acknowledgement.
    private static let pauseMilliseconds = 200

    init(settings: ConnectorSettings, token: Secret, http: HTTPTransport) {
        (self.settings, self.token, self.http) = (settings, token, http)
    }

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        let call = HTTPCall(
            url: endpoint("event"), headers: headers, body: body(delivery))
        switch await http.send(call) {
        case .failure(let fault): return .of(fault)
        case .success(let answer):
            let outcome = SplunkConnector.outcome(answer)
            guard settings.options.asksAcknowledgement, outcome.isDelivered else { return outcome }
            guard let number = answer.json()?.root["ackId"]?.integer else {
                return .delivered(
                    remote: nil, status: answer.status, note: "no ackId: acknowledgement is off for this token")
            }
            return await acknowledgement(number)
        }
    }

    /// The URL may name the whole collector, or only the host.
    private func endpoint(_ leaf: String) -> String {
        let path = URLComponents(string: settings.url)?.path ?? ""
        let isBare = path.isEmpty || path == "/"
        guard !isBare else { return settings.url("/services/collector/\(leaf)") }
        let base = settings.url.hasSuffix("/event") ? String(settings.url.dropLast(6)) : settings.url("")
        return base + "/" + leaf
    }

    private var headers: [(String, String)] {
        var headers = [("Authorization", "Splunk " + token.exposed), ("Content-Type", "application/json")]
        if settings.options.asksAcknowledgement { headers.append(("X-Splunk-Request-Channel", channel)) }
        return headers
    }

    func body(_ delivery: Delivery) -> [UInt8] {
        let incident = delivery.incident
        var fields = RecordBody()
        fields.set("event_uid", delivery.key)
        fields.set("incident", incident.key)
        fields.set("kind", delivery.kind.rawValue)
        fields.set("severity", incident.severity.rawValue)
        fields.set(settings.values(delivery))
        var envelope = RecordBody()
        envelope.set("time") { $0.double(Double(delivery.event.time / 1_000) / 1_000) }
        envelope.set("host", incident.sensor)
        envelope.set("source", settings.options.source)
        envelope.set("sourcetype", settings.options.sourcetype)
        envelope.setIfAny("index", settings.options.index)
        var event = incident.body()
        event.set("uid", delivery.key)
        event.set("kind", delivery.kind.rawValue)
        event.set("event") { delivery.event.write(to: &$0) }
        envelope.set("event") { event.write(to: &$0) }
        envelope.set("fields") { fields.write(to: &$0) }
        return envelope.octets
    }

    /// What the collector's answer means, by status and code together: a pair that is not listed goes by the status.
    static func outcome(_ answer: HTTPAnswer) -> DeliveryOutcome {
        let root = answer.json()?.root
        let code = root?["code"]?.integer.map { Int(clamping: $0) }
        var fault = answer.fault
        if let code, let text = root?["text"]?.string {
            fault.reason = "the collector answered HTTP \(answer.status), code \(code): \(text.cut(200))"
        }
        switch (answer.status, code) {
        case (200, 0?), (200, 17?): return .delivered(remote: nil, status: 200, note: "")
        case (403, 1?), (401, 2?), (401, 3?), (403, 4?), (400, 7?): return .stopped(fault)
        case (400, 5?), (400, 6?), (400, .some(10...13)), (400, 15?): return .refused(fault)
        // Wrong for every event: the token's settings have to be changed.
        case (400, 14?), (400, 16?): return .stopped(fault)
        case (500, 8?), (503, 9?), (503, .some(18...20)), (503, 23?): return .passing(fault, after: answer.retryAfter)
        case (429, _): return .passing(fault, after: answer.retryAfter)
        default:
            let outcome = DeliveryOutcome.of(answer)
            // The collector's own code says that it has not taken it, whatever the status of success.
            if answer.isSuccess, let code, code != 0 { return .refused(fault) }
            return outcome
        }
    }

    /// Asks until the indexers have the event, or the time-out is over.
    private func acknowledgement(_ number: Int64) async -> DeliveryOutcome {
        var json = JSONWriter()
        json.object { json in
            json.key("acks")
            json.array { $0.integer(number) }
        }
        let call = HTTPCall(
            url: endpoint("ack") + "?channel=\(channel)", headers: headers, body: json.octets)
        let end = ContinuousClock.now + .seconds(settings.timeout)
        while ContinuousClock.now < end {
            switch await http.send(call) {
            case .failure(var fault):
                fault.isUnsure = true
                return .passing(fault, after: nil)
            case .success(let answer):
                guard answer.isSuccess else {
                    return .passing(
                        DeliveryFault(
                            status: answer.status, "the acknowledgement was refused", answer: answer.excerpt,
                            isUnsure: true), after: answer.retryAfter)
                }
                if answer.json()?.root.at("acks", "\(number)")?.bool == true {
                    return .delivered(remote: nil, status: answer.status, note: "acknowledged")
                }
            }
            try? await Task.sleep(for: .milliseconds(SplunkConnector.pauseMilliseconds))
        }
        return .passing(
            DeliveryFault("taken, but not acknowledged within \(Int(settings.timeout)) s", isUnsure: true), after: nil)
    }

    func health() async -> DeliveryOutcome? {
        switch await http.send(HTTPCall(method: "GET", url: endpoint("health"), headers: headers)) {
        case .failure(let fault): .of(fault)
        case .success(let answer): SplunkConnector.outcome(answer)
        }
    }

    func shutdown() async { await http.shutdown() }
}
