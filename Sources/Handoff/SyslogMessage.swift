// SPDX-License-Identifier: Apache-2.0
//
// Syslog messages of RFC 5424 that carry CEF or LEEF 2.0.
//
// Reads   a delivery.
// Writes  one message within its bound; what does not fit is cut at the end of a value.
// Leaves  the transport.

internal import Foundation

struct SyslogMessage {
    var facility: Int
    var enterprise: Int
    var bytesMax: Int
    var isLEEF: Bool
    /// Of this program, for the formats' headers.
    var version: String
    /// The receiver's own fields, by the configuration.
    var fields: [(String, String)]

    func octets(_ delivery: Delivery) -> [UInt8] {
        let head = Array((header(delivery) + " ").utf8)
        let room = bytesMax - head.count
        let facts = SIEMFacts(delivery)
        let body = isLEEF ? LEEF.text(facts, fields, version, room: room) : CEF.text(facts, fields, version, room: room)
        return head + Array(body.utf8)
    }

    /// Everything before MSG: PRI, version, time, host, application, process, message's kind, structured data.
    func header(_ delivery: Delivery) -> String {
        let priority = facility * 8 + SyslogMessage.severity(delivery.incident.severity)
        let host = SyslogMessage.name(delivery.incident.sensor, 255)
        let data =
            "[weir@\(enterprise) uid=\"\(SyslogMessage.parameter(delivery.key))\""
            + " incident=\"\(SyslogMessage.parameter(delivery.incident.key))\""
            + " kind=\"\(delivery.kind.rawValue)\"]"
        return "<\(priority)>1 \(UTC.text(delivery.event.time)) \(host) weir - incident \(data)"
    }

    /// RFC 5424 table 2.
    static func severity(_ severity: HandoffSeverity) -> Int {
        switch severity {
        case .critical: 2
        case .high: 3
        case .medium: 4
        case .low: 5
        case .info: 6
        }
    }

    /// A field of the header: printable US-ASCII without blanks, `-` for none (RFC 5424 section 6).
    static func name(_ text: String, _ count: Int) -> String {
        let octets = text.utf8.map { (0x21...0x7E).contains($0) ? $0 : 0x5F }
        let plain = String(decoding: octets.prefix(count), as: UTF8.self)
        return plain.isEmpty ? "-" : plain
    }

    /// The value of a parameter: `"`, `\` and `]` escaped (RFC 5424 section 6.3.3).
    static func parameter(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "\"", "\\", "]": escaped += "\\"
            case _ where character.value < 0x20 || character.value == 0x7F:
                escaped += " "
                continue
            default: break
            }
            escaped.unicodeScalars.append(character)
        }
        return escaped
    }
}

/// What both formats say about a delivery, before either names it.
struct SIEMFacts {
    let delivery: Delivery
    let alert: HandoffAlert?

    init(_ delivery: Delivery) {
        self.delivery = delivery
        alert = delivery.incident.leadingAlert
    }

    var incident: HandoffIncident { delivery.incident }
    /// Identity of the kind of message, for rules at the receiver.
    var eventID: String { "incident-\(delivery.kind.rawValue)" }
    var milliseconds: Int64 { delivery.event.time / 1_000 }

    /// The host that the incident is about, where no alert names one.
    var source: String? { alert?.sourceAddress ?? incident.entities(of: "host").first }
    var target: String? { alert?.targetAddress }
    var user: String? { incident.entities(of: "user").first ?? incident.entities(of: "principal").first }
}

/// ArcSight's Common Event Format.
enum CEF {
    static let vendor = "Weir"
    static let product = "Sensor"

    static func severity(_ severity: HandoffSeverity) -> Int {
        switch severity {
        case .info: 1
        case .low: 3
        case .medium: 5
        case .high: 8
        case .critical: 10
        }
    }

    /// - Parameter room: octets at most. Pairs at the end are left out where they do not fit, values are cut.
    static func text(_ facts: SIEMFacts, _ fields: [(String, String)], _ version: String, room: Int) -> String {
        let head = [
            "CEF:0", header(vendor), header(product), header(version), header(facts.eventID),
            header(facts.incident.heading.cut(512)), "\(severity(facts.incident.severity))",
        ].joined(separator: "|") + "|"
        var text = head
        var separator = ""
        for (key, value) in pairs(facts) + fields where isKey(key) {
            let left = room - text.utf8.count - separator.utf8.count - key.utf8.count - 1
            let escaped = CEF.cut(value, to: left, escape)
            guard !escaped.isEmpty else { continue }
            text += separator + key + "=" + escaped
            separator = " "
        }
        return text
    }

    /// In order of importance: what must not be lost stands in front.
    private static func pairs(_ facts: SIEMFacts) -> [(String, String)] {
        let incident = facts.incident
        var pairs: [(String, String?)] = [
            ("externalId", facts.delivery.key), ("rt", "\(facts.milliseconds)"), ("src", facts.source),
            ("spt", facts.alert?.sourcePort.map { "\($0)" }), ("dst", facts.target),
            ("dpt", facts.alert?.targetPort.map { "\($0)" }), ("proto", facts.alert?.transport?.uppercased()),
            ("suser", facts.user), ("dhost", incident.entities(of: "domain").first),
            ("fileHash", incident.entities(of: "file").first), ("dvchost", incident.sensor),
            ("act", facts.delivery.kind.rawValue), ("cat", "incident"), ("outcome", incident.verdict),
            ("start", "\(incident.first / 1_000)"), ("end", "\(incident.last / 1_000)"),
            ("cnt", "\(incident.alertCount)"),
        ]
        func labelled(_ number: Int, _ label: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            pairs += [("cs\(number)", value), ("cs\(number)Label", label)]
        }
        labelled(1, "communityId", facts.alert?.communityID)
        labelled(2, "techniques", incident.techniques.joined(separator: " "))
        labelled(3, "status", incident.status)
        labelled(4, "incident", incident.key)
        labelled(5, "rules", incident.alerts.prefix(10).map(\.ruleID).joined(separator: " "))
        pairs.append(("reason", facts.delivery.event.why))
        pairs.append(("msg", (incident.summary.isEmpty ? incident.title : incident.summary).cut(1_023)))
        return pairs.compactMap { pair in pair.1.flatMap { $0.isEmpty ? nil : (pair.0, $0) } }
    }

    /// Header fields: `|` and `\` escaped, no line breaks.
    static func header(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "|" || scalar == "\\" { escaped += "\\" }
            escaped.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return escaped
    }

    /// One character of an extension's value: `=` and `\` escaped, line breaks as `\n` and `\r`.
    static func escape(_ character: Character) -> String {
        switch character {
        case "=": return "\\="
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\r\n": return "\\r\\n"
        default: return isControl(character) ? " " : String(character)
        }
    }

    static func isControl(_ character: Character) -> Bool {
        character.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }

    /// As many whole characters as fit; an escape is never cut in two.
    static func cut(_ value: String, to count: Int, _ escape: (Character) -> String) -> String {
        var kept = ""
        var length = 0
        for character in value {
            let piece = escape(character)
            length += piece.utf8.count
            guard length <= count else { break }
            kept += piece
        }
        return kept
    }

    /// A key of letters and digits: anything else would end the pair before it.
    static func isKey(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
            }
    }
}

/// IBM QRadar's Log Event Extended Format, version 2.0, with `^` between pairs.
enum LEEF {
    static let delimiter = "^"
    /// As the header names it.
    static let delimiterName = "x5E"

    static func text(_ facts: SIEMFacts, _ fields: [(String, String)], _ version: String, room: Int) -> String {
        var text = [
            "LEEF:2.0", header(CEF.vendor), header(CEF.product), header(version), header(facts.eventID),
            delimiterName,
        ].joined(separator: "|") + "|"
        var separator = ""
        for (key, value) in pairs(facts) + fields where CEF.isKey(key) {
            let left = room - text.utf8.count - separator.utf8.count - key.utf8.count - 1
            let plain = CEF.cut(value, to: left, replace)
            guard !plain.isEmpty else { continue }
            text += separator + key + "=" + plain
            separator = delimiter
        }
        return text
    }

    private static func pairs(_ facts: SIEMFacts) -> [(String, String)] {
        let incident = facts.incident
        let pairs: [(String, String?)] = [
            ("devTime", "\(facts.milliseconds)"), ("externalId", facts.delivery.key), ("src", facts.source),
            ("dst", facts.target), ("srcPort", facts.alert?.sourcePort.map { "\($0)" }),
            ("dstPort", facts.alert?.targetPort.map { "\($0)" }), ("proto", facts.alert?.transport?.uppercased()),
            ("usrName", facts.user), ("sev", "\(CEF.severity(incident.severity))"), ("cat", "incident"),
            ("identHostName", incident.entities(of: "domain").first), ("sensor", incident.sensor),
            ("incident", incident.key), ("title", incident.title), ("status", incident.status),
            ("verdict", incident.verdict), ("techniques", incident.techniques.joined(separator: " ")),
            ("communityId", facts.alert?.communityID),
            ("rules", incident.alerts.prefix(10).map(\.ruleID).joined(separator: " ")),
            ("alerts", "\(incident.alertCount)"), ("reason", facts.delivery.event.why),
            ("msg", incident.summary.isEmpty ? incident.title : incident.summary),
        ]
        return pairs.compactMap { pair in pair.1.flatMap { $0.isEmpty ? nil : (pair.0, $0) } }
    }

    /// The format knows no escapes: a bar in the header becomes a slash, line breaks become blanks.
    private static func header(_ text: String) -> String {
        CEF.header(text).replacingOccurrences(of: "\\|", with: "/").replacingOccurrences(of: "\\\\", with: "/")
    }

    /// A value has neither the delimiter nor line breaks in it.
    private static func replace(_ character: Character) -> String {
        CEF.isControl(character) || String(character) == delimiter ? " " : String(character)
    }
}
