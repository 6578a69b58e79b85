// SPDX-License-Identifier: Apache-2.0
//
// An incident as it is handed to other systems: plain values, bounded, kept with each delivery.
//
// Reads   nothing: `IncidentFeed` fills them from the incidents of the store.
// Writes  JSON of itself, as the outbox keeps it.
// Leaves  each system's own form (the connectors), OCSF (`OCSFForm`).

internal import Foundation

/// How bad it is; every connector maps this onto its own scale.
package enum HandoffSeverity: String, Codable, Sendable, CaseIterable, Comparable {
    case info, low, medium, high, critical

    private var rank: Int { HandoffSeverity.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: HandoffSeverity, right: HandoffSeverity) -> Bool { left.rank < right.rank }

    /// The severity of an alert row: 1 is the most urgent, 4 the least.
    package init(alert number: Int64) {
        switch number {
        case ...1: self = .high
        case 2: self = .medium
        case 3: self = .low
        default: self = .info
        }
    }
}

/// One alert of an incident.
package struct HandoffAlert: Codable, Sendable, Equatable {
    /// Microseconds since 1970.
    package var time: Int64
    /// signature, hunt, sigma, indicator or sensor.
    package var source: String
    package var ruleID: String
    package var title: String
    /// 1 is the most urgent, 4 the least.
    package var severity: Int64
    package var category: String?
    package var techniques: [String]
    package var uid: String?
    package var communityID: String?
    package var sourceAddress: String?
    package var sourcePort: Int64?
    package var targetAddress: String?
    package var targetPort: Int64?
    package var transport: String?
    package var matched: String?
    /// Alerts of the same rule that this one stands for.
    package var count: Int64

    package init(time: Int64, source: String, ruleID: String, title: String, severity: Int64 = 3) {
        self.time = time
        self.source = source
        self.ruleID = ruleID
        self.title = title
        self.severity = severity
        techniques = []
        count = 1
    }
}

/// What happened to an incident: never overwritten, numbered upward.
package struct HandoffEvent: Codable, Sendable, Equatable {
    /// Rises by time over all incidents of a store.
    package var number: Int64
    /// Microseconds since 1970.
    package var time: Int64
    /// As the incidents name it: created, alert, note, take, verdict, contain, close, …
    package var kind: String
    package var who: String
    package var why: String

    package init(number: Int64, time: Int64, kind: String, who: String = "weir", why: String = "") {
        self.number = number
        self.time = time
        self.kind = kind
        self.who = who
        self.why = why
    }
}

/// An incident as it stands, with what has happened to it.
package struct HandoffIncident: Codable, Sendable, Equatable {
    /// Longest lists that are handed on; `alertCount` has the true number.
    package static let alertsMax = 50
    package static let entitiesMax = 200
    package static let eventsMax = 100

    /// Identity that stays the same for ever, wherever the incident is told.
    package var id: String
    /// What people call it: its number in the sensor's store.
    package var number: Int64
    package var sensor: String
    package var title: String
    /// What happened, in a sentence.
    package var summary: String
    package var severity: HandoffSeverity
    /// As the incidents name it: new, acknowledged, contained, closed, …
    package var status: String
    package var isClosed: Bool
    /// true_positive, false_positive, benign, …; nil before somebody has judged.
    package var verdict: String?
    package var owner: String?
    /// Times in microseconds since 1970.
    package var created: Int64
    package var updated: Int64
    package var first: Int64
    package var last: Int64
    /// The times t0 to t7 by name, those that are known.
    package var times: [String: Int64]
    /// As alerts name them: `host:10.0.0.5`, `user:alice`, `domain:evil.example`, `file:SHA256`.
    package var entities: [String]
    /// ATT&CK techniques.
    package var techniques: [String]
    package var alerts: [HandoffAlert]
    package var alertCount: Int64
    package var events: [HandoffEvent]
    /// Made by `weir handoff test`.
    package var isTest: Bool

    package init(id: String, sensor: String, title: String, severity: HandoffSeverity, created: Int64) {
        self.id = id
        self.sensor = sensor
        number = 0
        self.title = title
        self.severity = severity
        self.created = created
        (updated, first, last) = (created, created, created)
        (summary, status) = ("", "new")
        (isClosed, isTest) = (false, false)
        (times, entities, techniques, alerts, events) = ([:], [], [], [], [])
        alertCount = 0
    }

    /// The identity that receivers know the incident by, the same for ever.
    package var key: String { sensor + "/" + id }

    /// The texts of one kind of entity, such as `host`.
    func entities(of kind: String) -> [String] {
        entities.filter { $0.hasPrefix(kind + ":") }.map { String($0.dropFirst(kind.utf8.count + 1)) }
    }

    /// The alert that the incident is shown by: the most urgent, then the oldest.
    var leadingAlert: HandoffAlert? {
        alerts.min { ($0.severity, $0.time) < ($1.severity, $1.time) }
    }

    /// Title with the severity in front, as ticket lists show it.
    var heading: String { (isTest ? "[TEST] " : "") + "[\(severity.rawValue)] \(title)" }

    /// The incident in plain text, for the description of a ticket.
    var description: String {
        var lines = [summary.isEmpty ? title : summary, ""]
        lines.append("Incident \(number) (\(key)), status \(status)" + (verdict.map { ", verdict \($0)" } ?? ""))
        lines.append("Seen from \(UTC.text(first)) to \(UTC.text(last)), \(alertCount) alerts")
        if !entities.isEmpty { lines.append("Entities: " + entities.prefix(40).joined(separator: ", ")) }
        if !techniques.isEmpty { lines.append("ATT&CK: " + techniques.joined(separator: ", ")) }
        if !alerts.isEmpty { lines.append("Alerts:") }
        for alert in alerts.prefix(20) {
            var line = "- \(UTC.text(alert.time)) \(alert.title) (\(alert.source) \(alert.ruleID))"
            if let source = alert.sourceAddress, let target = alert.targetAddress {
                line += " \(source) → \(target)" + (alert.targetPort.map { ":\($0)" } ?? "")
            }
            lines.append(line)
        }
        if alertCount > 20 { lines.append("- … \(alertCount) in all") }
        return lines.joined(separator: "\n")
    }

    /// What the outbox keeps.
    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    static func decoded(_ data: Data) throws -> HandoffIncident {
        try JSONDecoder().decode(HandoffIncident.self, from: data)
    }

    /// The lists cut to what is handed on.
    package mutating func bound() {
        alertCount = max(alertCount, Int64(alerts.count))
        if alerts.count > HandoffIncident.alertsMax {
            alerts = Array(alerts.sorted { ($0.severity, $0.time) < ($1.severity, $1.time) }
                .prefix(HandoffIncident.alertsMax))
        }
        alerts.sort { $0.time < $1.time }
        entities = Array(entities.prefix(HandoffIncident.entitiesMax))
        events = Array(events.suffix(HandoffIncident.eventsMax))
        title = title.cut(500)
        summary = summary.cut(4000)
    }
}

/// What a delivery tells the receiver.
package enum HandoffKind: String, Codable, Sendable, CaseIterable {
    case created, updated, closed
}

/// Times as texts, UTC.
enum UTC {
    /// `2024-08-01T08:13:20.123Z`, milliseconds, as RFC 3339 and RFC 5424 want it.
    static func text(_ microseconds: Int64) -> String {
        // In whole numbers: a Double has no exact milliseconds.
        var (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1_000_000) }
        let text = Date(timeIntervalSince1970: Double(seconds)).formatted(Date.ISO8601FormatStyle())
        let fraction = String(rest / 1_000)
        return text.dropLast() + "." + String(repeating: "0", count: 3 - fraction.count) + fraction + "Z"
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1e6) }
}

extension String {
    /// At most `count` octets of UTF-8, cut between characters, with “…” where something is left out.
    func cut(_ count: Int) -> String {
        guard utf8.count > count else { return self }
        var kept = ""
        var length = 0
        let room = max(0, count - 3)
        for character in self {
            length += character.utf8.count
            guard length <= room else { break }
            kept.append(character)
        }
        return count >= 3 ? kept + "…" : kept
    }
}
