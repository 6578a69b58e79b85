// SPDX-License-Identifier: Apache-2.0
//
// Syslog with CEF or LEEF: one message a delivery.

/// Syslog has no idempotency; the message's `uid` is the same in every attempt, so that a receiver can tell.
struct SyslogConnector: Connector {
    let settings: ConnectorSettings
    let version: String
    let transport: SyslogTransport

    func deliver(_ delivery: Delivery) async -> DeliveryOutcome {
        let message = SyslogMessage(
            facility: settings.options.facility, enterprise: settings.options.enterprise,
            bytesMax: settings.options.messageBytesMax, isLEEF: settings.options.isLEEF, version: version,
            fields: settings.values(delivery))
        guard let fault = await transport.send(message.octets(delivery)) else {
            return .delivered(remote: nil, status: nil, note: "")
        }
        return .of(fault)
    }

    func health() async -> DeliveryOutcome? { nil }

    func shutdown() async {}
}
