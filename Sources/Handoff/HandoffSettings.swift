// SPDX-License-Identifier: Apache-2.0
//
// The list `handoff:` of the configuration: which systems incidents are handed to, and which incidents.
//
// Reads   YAML; no secret, only where it stands.
// Writes  `ConnectorSettings`.
// Leaves  every other key of the file (the sensor's settings).

internal import Foundation
internal import Yams

/// One connector as the configuration names it.
package struct ConnectorSettings: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case webhook, splunk, syslog, servicenow, xsoar, thehive
    }

    /// Where a secret stands; it is read when the connector is made.
    package enum SecretPlace: Sendable, Equatable {
        case file(String)
        case variable(String)
    }

    package var name: String
    package var kind: Kind
    /// Of syslog udp://, tcp:// or tls://, of the others https:// (http:// to this host alone, unless `allowsHTTP`).
    package var url = ""
    /// A URL that is a secret itself, as those of chat systems are.
    var urlPlace: SecretPlace?
    var secret: SecretPlace?
    /// PEM of the certificates that are trusted instead of the system's.
    var authorityFile: String?
    /// PEM by which this sensor shows who it is, TLS.
    var certificateFile: String?
    var keyFile: String?
    var allowsHTTP = false
    /// Seconds for one whole exchange.
    package var timeout = 10.0
    /// Seconds for which a delivery is tried before it becomes a dead letter.
    package var retryFor = 72.0 * 3600
    /// Deliveries at once.
    package var parallel = 4
    /// Deliveries that wait, dead letters among them.
    package var queueMax = 10_000
    /// Incidents below are not handed on.
    package var minSeverity = HandoffSeverity.info
    /// Empty for all; `none` stands for incidents that nobody has judged.
    package var verdicts: Set<String> = []
    package var kinds = Set(HandoffKind.allCases)
    /// Whether incidents from before the connector was set up are handed on.
    package var startsNow = false
    /// Names of the receiver's fields, and templates of their values.
    package var fields: [String: FieldTemplate] = [:]
    var options = ConnectorOptions()

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// Whether an incident is for this connector.
    func wants(_ incident: HandoffIncident) -> Bool {
        incident.severity >= minSeverity && (verdicts.isEmpty || verdicts.contains(incident.verdict ?? "none"))
    }
}

/// What only some kinds of connectors have.
struct ConnectorOptions: Sendable, Equatable {
    // Splunk
    var index: String?
    var source = "weir"
    var sourcetype = "weir:incident"
    var asksAcknowledgement = false
    // Syslog
    var isLEEF = false
    /// local4, as the formats' examples have it.
    var facility = 20
    /// Private enterprise number of the structured data; 32473 is the one for documentation (RFC 5612).
    var enterprise = 32_473
    var messageBytesMax = 8_192
    // ServiceNow
    var user: String?
    var table = "sn_si_incident"
    var closeState = "3"
    // XSOAR
    var authID: String?
    var incidentType = "Unclassified"
    // TheHive
    var alertType = "nta"
    var tlp = 2
    var pap = 2
    var organisation: String?
}

/// The whole list.
package struct HandoffSettings: Sendable, Equatable {
    static let connectorsMax = 64
    static let fieldsMax = 64
    /// `none` stands for incidents that nobody has judged.
    static let knownVerdicts = ["true-positive", "benign-true-positive", "false-positive", "none"]

    package var connectors: [ConnectorSettings] = []

    package init() {}

    /// Reads the list `handoff` of a YAML file; other keys are left.
    package init(yaml text: String, path: String) throws(HandoffError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw HandoffError("\(path): this is not YAML; see Config/weir.yaml")
        }
        guard let list = node?.mapping?["handoff"], list.null == nil else { return }
        guard let sequence = list.sequence else {
            throw HandoffError("\(path): handoff: a list of connectors is wanted, each with a name and a type")
        }
        guard sequence.count <= HandoffSettings.connectorsMax else {
            throw HandoffError("\(path): handoff: at most \(HandoffSettings.connectorsMax) connectors are possible")
        }
        for entry in sequence {
            guard let mapping = entry.mapping else {
                throw HandoffError(
                    "\(path):\(entry.mark?.line ?? 1): handoff: each connector is a map with a name and a type")
            }
            let connector = try HandoffSettings.connector(SettingMap(mapping, path: path))
            guard !connectors.contains(where: { $0.name == connector.name }) else {
                throw HandoffError("\(path): handoff: two connectors are called \(connector.name); rename one")
            }
            connectors.append(connector)
        }
    }

    package func connector(named name: String) throws(HandoffError) -> ConnectorSettings {
        if let found = connectors.first(where: { $0.name == name }) { return found }
        let known = connectors.map(\.name).joined(separator: ", ")
        throw HandoffError(
            "there is no connector “\(name)”; "
                + (known.isEmpty ? "the configuration has none under handoff:" : "there are \(known)"))
    }

    private static func connector(_ map: SettingMap) throws(HandoffError) -> ConnectorSettings {
        var map = map
        let name = try map.needed("name")
        let isPlain = name.utf8.allSatisfy { octet in
            octet == 0x2D || octet == 0x2E || octet == 0x5F || (0x30...0x39).contains(octet)
                || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
        }
        guard isPlain, name.utf8.count <= 64 else {
            throw map.error("name", "“\(name)” may have letters, digits, dot, dash and underscore only")
        }
        map.name = name
        let kind = try map.choice("type", ConnectorSettings.Kind.self)
        var settings = ConnectorSettings(name: name, kind: kind)
        try readPlaces(&map, &settings)
        try readRules(&map, &settings)
        try readOptions(&map, &settings)
        try map.finish()
        return settings
    }

    private static func readPlaces(_ map: inout SettingMap, _ settings: inout ConnectorSettings) throws(HandoffError) {
        settings.allowsHTTP = try map.boolean("allow_http") ?? false
        settings.secret = try map.secret("secret")
        settings.urlPlace = try map.secret("url")
        settings.authorityFile = try map.text("ca_file")
        settings.certificateFile = try map.text("certificate_file")
        settings.keyFile = try map.text("key_file")
        guard (settings.certificateFile == nil) == (settings.keyFile == nil) else {
            throw map.error("certificate_file", "give certificate_file and key_file together")
        }
        if settings.urlPlace == nil {
            settings.url = try map.needed("url")
            if let reason = Endpoint.refusal(of: settings.url, settings) { throw map.error("url", reason) }
        } else if try map.text("url") != nil {
            throw map.error("url", "give either url or the place of a secret URL, not both")
        }
        let needsSecret: [ConnectorSettings.Kind] = [.splunk, .servicenow, .xsoar, .thehive]
        if settings.secret == nil, needsSecret.contains(settings.kind) {
            throw map.error("secret_file", "a \(settings.kind.rawValue) connector needs secret_file or secret_env")
        }
        if settings.secret != nil, settings.kind == .syslog {
            throw map.error("secret_file", "syslog has no secret; give certificate_file and key_file for tls://")
        }
    }

    private static func readRules(_ map: inout SettingMap, _ settings: inout ConnectorSettings) throws(HandoffError) {
        if let seconds = try map.seconds("timeout", 0.05...600) { settings.timeout = seconds }
        if let seconds = try map.seconds("retry_for", 0...31_536_000) { settings.retryFor = seconds }
        if let count = try map.integer("parallel", 1...64) { settings.parallel = count }
        if let count = try map.integer("queue_max", 1...10_000_000) { settings.queueMax = count }
        if try map.text("min_severity") != nil {
            settings.minSeverity = try map.choice("min_severity", HandoffSeverity.self)
        }
        settings.verdicts = Set(try map.texts("verdicts") ?? [])
        if let unknown = settings.verdicts.first(where: { !knownVerdicts.contains($0) }) {
            throw map.error(
                "verdicts", "there is no verdict “\(unknown)”; choose from \(knownVerdicts.joined(separator: ", "))")
        }
        if let kinds = try map.texts("events") {
            settings.kinds = []
            for text in kinds {
                guard let kind = HandoffKind(rawValue: text) else {
                    throw map.error("events", "there is no event “\(text)”; choose from created, updated, closed")
                }
                settings.kinds.insert(kind)
            }
            guard settings.kinds.contains(.created) else {
                throw map.error("events", "created must be among them: the others follow it")
            }
        }
        if let from = try map.text("from") {
            guard ["start", "now"].contains(from) else {
                throw map.error("from", "“\(from)”: choose start or now")
            }
            settings.startsNow = from == "now"
        }
        let fields = try map.map("fields")
        guard fields.count <= fieldsMax else { throw map.error("fields", "at most \(fieldsMax) are possible") }
        for (field, text) in fields {
            do throws(HandoffError) {
                settings.fields[field] = try FieldTemplate(text)
            } catch {
                throw map.error("fields.\(field)", error.description)
            }
        }
    }

    private static func readOptions(_ map: inout SettingMap, _ settings: inout ConnectorSettings) throws(HandoffError) {
        var options = ConnectorOptions()
        switch settings.kind {
        case .webhook:
            break
        case .splunk:
            options.index = try map.text("index")
            options.source = try map.text("source") ?? options.source
            options.sourcetype = try map.text("sourcetype") ?? options.sourcetype
            options.asksAcknowledgement = try map.boolean("ack") ?? false
        case .syslog:
            let format = try map.text("format") ?? "cef"
            guard ["cef", "leef"].contains(format) else {
                throw map.error("format", "“\(format)”: choose cef or leef")
            }
            options.isLEEF = format == "leef"
            // RFC 5426: what every receiver of datagrams should take.
            options.messageBytesMax = settings.url.hasPrefix("udp:") ? 2_048 : 8_192
            options.facility = try map.integer("facility", 0...23) ?? options.facility
            options.enterprise = try map.integer("enterprise", 1...4_294_967_295) ?? options.enterprise
            options.messageBytesMax = try map.integer("max_bytes", 480...65_000) ?? options.messageBytesMax
        case .servicenow:
            options.user = try map.text("user")
            options.table = try map.text("table") ?? options.table
            options.closeState = try map.text("close_state") ?? options.closeState
            let isName = options.table.utf8.allSatisfy {
                $0 == 0x5F || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
            }
            guard isName, !options.table.isEmpty else {
                throw map.error("table", "“\(options.table)” may have small letters, digits and underscore only")
            }
        case .xsoar:
            options.authID = try map.needed("auth_id")
            options.incidentType = try map.text("incident_type") ?? options.incidentType
        case .thehive:
            options.alertType = try map.text("alert_type") ?? options.alertType
            options.tlp = try map.integer("tlp", 0...4) ?? options.tlp
            options.pap = try map.integer("pap", 0...3) ?? options.pap
            options.organisation = try map.text("organisation")
        }
        settings.options = options
    }
}

/// Where a connector's URL leads, and what is refused of it.
enum Endpoint {
    /// Why this URL cannot be used; nil where it can.
    static func refusal(of text: String, _ settings: ConnectorSettings) -> String? {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            let host = url.host, !host.isEmpty
        else {
            return "this is not a URL such as \(example(settings.kind))"
        }
        guard url.user == nil, url.password == nil else {
            return "leave user and password out of the URL: secrets stand in files or the environment"
        }
        guard url.fragment == nil else { return "leave out what stands behind #" }
        if settings.kind == .syslog {
            guard ["udp", "tcp", "tls"].contains(scheme) else {
                return "\(scheme)://: choose udp://, tcp:// or tls://"
            }
            return nil
        }
        guard scheme == "https" || scheme == "http" else { return "\(scheme)://: https:// is wanted" }
        if scheme == "http", !settings.allowsHTTP, !isLoopback(host) {
            return "http:// would carry secrets for everybody to read; use https://, or say allow_http: true"
        }
        return nil
    }

    private static func example(_ kind: ConnectorSettings.Kind) -> String {
        kind == .syslog ? "tls://siem.example:6514" : "https://siem.example:8088"
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "[::1]" || host == "::1" || host.hasPrefix("127.")
    }

    /// Scheme, host and port alone, fit to be shown.
    static func shown(_ text: String) -> String {
        guard let url = URLComponents(string: text), let scheme = url.scheme, let host = url.host else { return "?" }
        return "\(scheme)://\(host)" + (url.port.map { ":\($0)" } ?? "")
    }

    /// The host without the brackets of IPv6, and the port.
    static func hostAndPort(_ text: String, port: Int) -> (host: String, port: Int)? {
        guard let url = URLComponents(string: text), var host = url.host, !host.isEmpty else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host, url.port ?? port)
    }
}
