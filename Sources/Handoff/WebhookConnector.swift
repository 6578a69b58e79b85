// SPDX-License-Identifier: Apache-2.0
//
// A generic webhook: JSON by POST, signed as the Standard Webhooks specification 1.0 says.
//
// Reads   the status of the answer; any 2xx counts.
// Writes  the event and the whole incident.

internal import Crypto
internal import Foundation
internal import JSON

/// Headers `webhook-id` (the idempotency key, again as `Idempotency-Key`), `webhook-timestamp` (seconds) and
/// `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over id, timestamp and body with dots between them.
struct WebhookConnector: Connector {
    let settings: ConnectorSettings
    let secret: Secret?
    let http: HTTPTransport

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        let body = WebhookConnector.body(delivery, settings.values(delivery))
        var headers = [
            ("Content-Type", "application/json"), ("webhook-id", delivery.key), ("Idempotency-Key", delivery.key),
        ]
        let timestamp = "\(UTC.now / 1_000_000)"
        headers.append(("webhook-timestamp", timestamp))
        if let secret {
            headers.append(
                ("webhook-signature", WebhookConnector.signature(secret, delivery.key, timestamp, body)))
        }
        return await http.outcome(HTTPCall(url: settings.url, headers: headers, body: body))
    }

    static func body(_ delivery: Delivery, _ values: [(String, String)]) -> [UInt8] {
        var body = RecordBody()
        body.set("type", "incident.\(delivery.kind.rawValue)")
        body.set("key", delivery.key)
        body.set("timestamp", UTC.text(delivery.event.time))
        body.set("event") { delivery.event.write(to: &$0) }
        body.set("incident") { delivery.incident.body().write(to: &$0) }
        body.set(values)
        return body.octets
    }

    /// A secret that begins with `whsec_` is base64 behind it; any other is taken by its octets.
    static func signature(_ secret: Secret, _ id: String, _ timestamp: String, _ body: [UInt8]) -> String {
        var key = Data(secret.exposed.utf8)
        if secret.exposed.hasPrefix("whsec_"), let decoded = Data(base64Encoded: String(secret.exposed.dropFirst(6))) {
            key = decoded
        }
        var hash = HMAC<SHA256>(key: SymmetricKey(data: key))
        hash.update(data: Data("\(id).\(timestamp).".utf8))
        hash.update(data: body)
        return "v1," + Data(hash.finalize()).base64EncodedString()
    }

    func health() async -> DeliveryOutcome? { nil }

    func shutdown() async { await http.shutdown() }
}
