// SPDX-License-Identifier: Apache-2.0
//
// What every connector can do, and how one is made of its settings.

internal import Foundation
internal import JSON

/// A way into one system. Deliveries of different incidents may run at once.
package protocol Connector: Sendable {
    var settings: ConnectorSettings { get }
    /// One attempt. `remember` keeps the receiver's identity as soon as it is known.
    func deliver(_ delivery: Delivery) async -> DeliveryOutcome
    /// The product's own call that says whether it is well; nil where it has none.
    func health() async -> DeliveryOutcome?
    func shutdown() async
}

package enum Connectors {
    /// Makes a connector and reads its secrets.
    ///
    /// - Parameter version: of this program.
    package static func make(
        _ settings: ConnectorSettings, version: String,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(HandoffError) -> any Connector {
        var settings = settings
        var words: [String] = []
        if let place = settings.urlPlace {
            let url = try read(place, "\(settings.name): url", environment)
            if let reason = Endpoint.refusal(of: url.exposed, settings) {
                throw HandoffError("\(settings.name): url: \(reason)")
            }
            words.append(url.exposed)
            settings.url = url.exposed
        }
        let secret = try settings.secret.map { place throws(HandoffError) in
            try read(place, "\(settings.name): secret", environment)
        }
        if let secret { words.append(secret.exposed) }
        if let secret, let user = settings.options.user {
            words.append(Data("\(user):\(secret.exposed)".utf8).base64EncodedString())
        }
        var identity: TLSIdentity?
        if let certificate = settings.certificateFile, let key = settings.keyFile {
            identity = TLSIdentity(
                certificateFile: certificate,
                key: try Secret.read(file: key, key: "\(settings.name): key_file", whole: true))
        }
        let redaction = Redaction(words)
        if settings.kind == .syslog {
            return SyslogConnector(
                settings: settings, version: version,
                transport: try SyslogTransport(settings, identity: identity, redaction: redaction))
        }
        let http = try HTTPTransport(
            timeout: settings.timeout, authorityFile: settings.authorityFile, identity: identity, redaction: redaction)
        switch settings.kind {
        case .webhook, .syslog: return WebhookConnector(settings: settings, secret: secret, http: http)
        case .splunk: return SplunkConnector(settings: settings, token: secret ?? Secret(""), http: http)
        case .servicenow: return ServiceNowConnector(settings: settings, secret: secret ?? Secret(""), http: http)
        case .xsoar: return XSOARConnector(settings: settings, key: secret ?? Secret(""), http: http)
        case .thehive: return TheHiveConnector(settings: settings, key: secret ?? Secret(""), http: http)
        }
    }

    private static func read(
        _ place: ConnectorSettings.SecretPlace, _ key: String, _ environment: [String: String]
    ) throws(HandoffError) -> Secret {
        switch place {
        case .file(let path): try Secret.read(file: path, key: key + "_file")
        case .variable(let name): try Secret.read(variable: name, key: key + "_env", environment: environment)
        }
    }
}

extension ConnectorSettings {
    /// The configured fields with the incident's values, in order of their names.
    func values(_ delivery: Delivery) -> [(String, String)] {
        fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text(delivery)) }
    }

    /// The URL with `path` behind it, whether or not it ends with a slash.
    func url(_ path: String) -> String {
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        return base + path
    }
}

extension RecordBody {
    mutating func set(_ values: [(String, String)]) {
        for (key, value) in values { set(key, value) }
    }
}

extension HTTPTransport {
    /// Sends a call whose status alone decides.
    func outcome(_ call: HTTPCall) async -> DeliveryOutcome {
        switch await send(call) {
        case .success(let answer): .of(answer)
        case .failure(let fault): .of(fault)
        }
    }
}

extension DeliveryOutcome {
    /// An error of the network passes; a certificate that is wrong stops the connector, as credentials do.
    static func of(_ fault: DeliveryFault) -> DeliveryOutcome {
        NetworkFault.isCertificate(fault) ? .stopped(fault) : .passing(fault, after: nil)
    }

    var isDelivered: Bool {
        if case .delivered = self { return true }
        return false
    }

    package var fault: DeliveryFault? {
        switch self {
        case .delivered: nil
        case .passing(let fault, _), .refused(let fault), .stopped(let fault): fault
        }
    }
}

extension HTTPAnswer {
    /// The body as JSON; nil where it is none, or beyond what an answer may be.
    func json() -> JSONDocument? {
        let limits = JSONLimits(depthMax: 32, bytesMax: HTTPTransport.bodyBytesMax, nodesMax: 65_536)
        return try? JSONDocument(body, limits: limits)
    }
}

/// A value of a query, percent-encoded (RFC 3986 section 3.4); `/`, `:`, `@` and `=` may stand as they are.
func queryValue(_ text: String) -> String {
    var encoded = ""
    for octet in text.utf8 {
        let isLetter = (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
        if isLetter || (0x30...0x39).contains(octet) || "-._~/:@=".utf8.contains(octet) {
            encoded.unicodeScalars.append(Unicode.Scalar(octet))
        } else {
            encoded += "%" + (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)
        }
    }
    return encoded
}
