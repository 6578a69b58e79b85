// SPDX-License-Identifier: Apache-2.0
//
// Field mapping: a value for a receiver's field, with places that an incident fills.

/// A text such as `{severity}: {title}`. `{{` and `}}` stand for braces.
package struct FieldTemplate: Sendable, Equatable {
    private enum Part: Sendable, Equatable {
        case text(String)
        case place(String)
    }

    private let parts: [Part]

    /// What may stand in braces.
    static let places = [
        "id", "key", "sensor", "title", "heading", "summary", "description", "severity", "status", "verdict", "owner",
        "created", "updated", "first", "last", "hosts", "users", "domains", "files", "principals", "entities",
        "techniques", "alerts", "kind",
    ]

    package init(_ text: String) throws(HandoffError) {
        var parts: [Part] = []
        var plain = ""
        var rest = Substring(text)
        while let first = rest.popFirst() {
            guard first == "{" || first == "}" else {
                plain.append(first)
                continue
            }
            if rest.first == first {
                rest.removeFirst()
                plain.append(first)
                continue
            }
            guard first == "{", let end = rest.firstIndex(of: "}") else {
                throw HandoffError("a brace stands alone; write {{ or }} for a brace")
            }
            let name = String(rest[..<end])
            guard FieldTemplate.places.contains(name) else {
                let known = FieldTemplate.places.joined(separator: ", ")
                throw HandoffError("there is no place {\(name)}; there are \(known)")
            }
            rest = rest[rest.index(after: end)...]
            if !plain.isEmpty { parts.append(.text(plain)) }
            plain = ""
            parts.append(.place(name))
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.parts = parts
    }

    func text(_ delivery: Delivery) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let plain): text += plain
            case .place(let name): text += FieldTemplate.value(name, delivery)
            }
        }
        return text
    }

    private static func value(_ name: String, _ delivery: Delivery) -> String {
        let incident = delivery.incident
        switch name {
        case "id": return incident.id
        case "key": return incident.key
        case "sensor": return incident.sensor
        case "title": return incident.title
        case "heading": return incident.heading
        case "summary": return incident.summary
        case "description": return incident.description
        case "severity": return incident.severity.rawValue
        case "status": return incident.status
        case "verdict": return incident.verdict ?? ""
        case "owner": return incident.owner ?? ""
        case "created": return UTC.text(incident.created)
        case "updated": return UTC.text(incident.updated)
        case "first": return UTC.text(incident.first)
        case "last": return UTC.text(incident.last)
        case "hosts": return incident.entities(of: "host").joined(separator: " ")
        case "users": return incident.entities(of: "user").joined(separator: " ")
        case "domains": return incident.entities(of: "domain").joined(separator: " ")
        case "files": return incident.entities(of: "file").joined(separator: " ")
        case "principals": return incident.entities(of: "principal").joined(separator: " ")
        case "entities": return incident.entities.joined(separator: " ")
        case "techniques": return incident.techniques.joined(separator: " ")
        case "alerts": return "\(incident.alertCount)"
        case "kind": return delivery.kind.rawValue
        default: return ""
        }
    }
}
