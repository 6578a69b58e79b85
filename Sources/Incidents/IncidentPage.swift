// SPDX-License-Identifier: Apache-2.0
//
// One incident on one page: as text for a terminal, as Markdown for a ticket.
//
// Reads   an `IncidentView`.
// Writes  lines.
// Leaves  JSON (IncidentJSON.swift).

import JSON
import Query
import Records

/// The page of an incident.
package struct IncidentPage {
    package enum Form: Sendable {
        case text
        case markdown
    }

    private let view: IncidentView
    private let form: Form
    private var lines: [String] = []

    /// Rows of a section; how many more there are is said.
    private static let rowsMax = 25

    package static func make(_ view: IncidentView, _ form: Form) -> String {
        var page = IncidentPage(view: view, form: form)
        page.write()
        return page.lines.joined(separator: "\n") + "\n"
    }

    private init(view: IncidentView, form: Form) { (self.view, self.form) = (view, form) }

    private mutating func write() {
        writeHead()
        writeTimeline()
        writeEntities()
        writeAlerts()
        writeIndicators()
        if let context = view.context { write(context) }
        writeEvents()
        if let steps = view.context?.steps, !steps.isEmpty { write(steps) }
        for gap in view.context?.gaps ?? [] { lines += ["", "not known: \(clean(gap))"] }
    }

    // MARK: forms

    private mutating func heading(_ text: String) {
        lines += form == .markdown ? ["", "## \(text)", ""] : ["", text.uppercased()]
    }

    /// Aligned columns, or a table of Markdown.
    private mutating func table(_ names: [String], _ rows: [[String]], total: Int? = nil) {
        let shown = rows.prefix(IncidentPage.rowsMax).map { row in row.map(cell) }
        if form == .markdown {
            lines.append("| " + names.joined(separator: " | ") + " |")
            lines.append("|" + String(repeating: "---|", count: names.count))
            for row in shown { lines.append("| " + row.joined(separator: " | ") + " |") }
        } else {
            let widths = names.indices.map { column in
                min(max(names[column].count, shown.map { $0[column].count }.max() ?? 0), 60)
            }
            for row in [names] + shown {
                let cells = row.enumerated().map { index, text in
                    index == row.count - 1
                        ? text : text + String(repeating: " ", count: max(0, widths[index] - text.count))
                }
                lines.append("  " + cells.joined(separator: "  "))
            }
        }
        let left = (total ?? rows.count) - shown.count
        if left > 0 { lines += form == .markdown ? ["", "… and \(left) more"] : ["  … and \(left) more"] }
    }

    private func cell(_ text: String) -> String {
        let plain = clean(text)
        return form == .markdown ? plain.replacing("|", with: "\\|") : plain
    }

    /// Nothing of what an attacker sent may move the cursor, begin a line or become a tag.
    private func clean(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028
            switch scalar {
            case _ where isControl: plain += "·"
            case "<" where form == .markdown: plain += "&lt;"
            case "`" where form == .markdown: plain += "'"
            default: plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }

    // MARK: sections

    private mutating func writeHead() {
        let title = "Incident \(view.number): \(clean(view.title))"
        lines.append(form == .markdown ? "# \(title)" : title)
        lines += ["", clean(view.sentence), ""]
        let verdict = view.verdict.map { ", \($0.rawValue)" } ?? ""
        let owner = view.owner.map { " by \(clean($0))" } ?? ""
        let target = view.mergedInto.map { " into \($0)" } ?? ""
        lines.append(
            "\(view.severity.name), \(view.state.rawValue)\(target)\(owner)\(verdict); "
                + "evidence \(Int(view.score.rounded())) of 100, \(view.alertCount) alerts; \(view.uid)")
        if view.isFoundOutside { lines.append("somebody else noticed it first") }
        let named = [
            "began", "first alert", "raised", "taken", "verdict", "escalated", "contained", "closed",
        ]
        let times = zip(named, view.times.all).compactMap { name, entry in
            entry.time.map { "\(name) \($0.text)" }
        }
        lines.append(times.joined(separator: ", "))
    }

    private mutating func writeTimeline() {
        guard !view.stages.isEmpty else { return }
        heading("Timeline")
        table(
            ["from", "to", "stage", "tactic", "alerts", "what"],
            view.stages.map { stage in
                [
                    stage.first.text, stage.last.text, stage.stage.title, stage.stage.tactic ?? "",
                    "\(stage.alertCount)", stage.titles.prefix(3).joined(separator: "; "),
                ]
            })
    }

    private mutating func writeEntities() {
        guard !view.entities.isEmpty else { return }
        heading("Entities")
        let sorted = view.entities.sorted { left, right in
            // Single records say least.
            let (mine, other) = (left.kind == "record" ? 1 : 0, right.kind == "record" ? 1 : 0)
            return (left.role.rank, mine, right.alertCount) < (right.role.rank, other, left.alertCount)
        }
        table(
            ["role", "kind", "value", "alerts", "first", "last"],
            sorted.map { entity in
                [
                    entity.role.rawValue, entity.kind, entity.value, "\(entity.alertCount)", entity.first.text,
                    entity.last.text,
                ]
            })
    }

    private mutating func writeAlerts() {
        heading("Alerts")
        // Where there are too many, those that say most, in order of time.
        let chosen = view.alerts.count <= IncidentPage.rowsMax
            ? view.alerts
            : view.alerts.sorted { ($0.rank, $0.first) < ($1.rank, $1.first) }.prefix(IncidentPage.rowsMax)
                .sorted { $0.first < $1.first }
        table(
            ["time", "source", "title", "from", "to", "count", "matched"],
            chosen.map { alert in
                [
                    alert.first.text, alert.source, alert.title, IncidentPage.end(alert.originator, nil),
                    IncidentPage.end(alert.responder, alert.responderPort), "\(alert.count)", IncidentPage.found(alert),
                ]
            }, total: view.alertCount)
    }

    /// What made an alert: the octets that matched, or the fields of a record.
    private static func found(_ alert: IncidentAlert) -> String {
        guard alert.matched.isEmpty else { return "\(alert.buffer ?? ""): \(MatchedOctets.text(alert.matched))" }
        guard alert.source == "sigma", let evidence = alert.evidence, let document = try? JSONDocument(evidence) else {
            return ""
        }
        let fields = document.root.members.filter { $0.key != "log" }.prefix(4)
        return fields.map { "\($0.key): \($0.value.text?.prefix(60) ?? "")" }.joined(separator: ", ")
    }

    private mutating func writeIndicators() {
        let found = view.alerts.filter { $0.source == "indicator" }
        guard !found.isEmpty else { return }
        heading("Indicators")
        var seen: Set<String> = []
        table(
            ["rule", "what", "confidence", "first", "hosts"],
            found.filter { seen.insert($0.rule).inserted }.map { alert in
                let same = found.filter { $0.rule == alert.rule }
                let hosts = Set(same.compactMap { $0.isFromOriginator ? $0.responder : $0.originator }).sorted()
                return [
                    alert.rule, alert.title, "\(Int(alert.confidence * 100))",
                    (same.map(\.first).min() ?? alert.first).text, hosts.joined(separator: ", "),
                ]
            })
    }

    private static func end(_ host: String?, _ port: Int?) -> String {
        guard let host else { return "" }
        // A finding about all ports of a host has none.
        guard let port, port > 0 else { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private mutating func write(_ context: IncidentContext) {
        if !context.prevalence.isEmpty {
            heading("First seen, and by how many")
            table(
                ["what", "value", "first", "last", "hosts"],
                context.prevalence.map { entry in
                    [
                        entry.kind, entry.value, entry.first.text, entry.last.text,
                        entry.kind == "source"
                            ? "went to \(entry.hostCount)" : "\(entry.hostCount) of \(entry.allHostCount)",
                    ]
                })
        }
        if !context.connections.isEmpty {
            heading("Connections")
            table(
                ["first", "last", "from", "to", "service", "count", "sent", "received"],
                context.connections.map { entry in
                    [
                        entry.first.text, entry.last.text, entry.originator,
                        IncidentPage.end(entry.responder, entry.responderPort),
                        entry.service.isEmpty ? entry.proto : entry.service, "\(entry.count)", "\(entry.sentBytes)",
                        "\(entry.receivedBytes)",
                    ]
                })
            let listed = context.connections.reduce(0) { $0 + $1.count }
            if context.connectionCount > listed {
                lines.append("  \(context.connectionCount) connections in all")
            }
        }
        writeThings(context)
    }

    private mutating func writeThings(_ context: IncidentContext) {
        if !context.names.isEmpty {
            heading("Names")
            table(
                ["first", "name", "seen in", "host", "count"],
                context.names.map { [$0.first.text, $0.name, $0.source, $0.host, "\($0.count)"] })
        }
        if !context.files.isEmpty {
            heading("Files")
            table(
                ["time", "name", "type", "octets", "SHA-256", "in"],
                context.files.map { file in
                    [
                        file.time.text, file.name ?? file.fuid, file.mimeType ?? "", "\(file.byteCount)",
                        file.sha256 ?? "", file.source,
                    ]
                })
        }
        if !context.cloudCalls.isEmpty {
            heading("Cloud calls")
            table(
                ["first", "last", "principal", "call", "from", "outcome", "count"],
                IncidentPage.folded(context.cloudCalls))
        }
    }

    /// The same call of the same principal, again and again, in one row.
    private static func folded(_ calls: [IncidentCloudCall]) -> [[String]] {
        var places: [[String]: Int] = [:]
        var rows: [(first: IncidentCloudCall, last: Timestamp, count: Int)] = []
        for call in calls {
            let key = [call.principal, call.call, call.address, call.outcome]
            if let place = places[key] {
                rows[place].last = max(rows[place].last, call.time)
                rows[place].count += 1
            } else {
                places[key] = rows.count
                rows.append((call, call.time, 1))
            }
        }
        return rows.map { first, last, count in
            [first.time.text, last.text, first.principal, first.call, first.address, first.outcome, "\(count)"]
        }
    }

    private mutating func writeEvents() {
        guard !view.events.isEmpty else { return }
        heading("What was done")
        // Of alerts that joined one after the other the last time says enough; the newest deeds count most.
        var told: [IncidentEvent] = []
        for event in view.events {
            if event.kind == .alerts, told.last?.kind == .alerts { told.removeLast() }
            told.append(event)
        }
        table(
            ["time", "who", "what", "why"],
            told.suffix(IncidentPage.rowsMax).map { [$0.time.text, $0.who, IncidentPage.deed($0), $0.why] },
            total: told.count)
    }

    /// What was done, with what it changed.
    private static func deed(_ event: IncidentEvent) -> String {
        guard let what = try? JSONDocument(event.what).root else { return event.kind.rawValue }
        func text(_ name: String) -> String { what[name]?.text ?? "" }
        let change: String =
            switch event.kind {
            case .verdict: text("verdict")
            case .taken: text("owner") == event.who ? "" : "for \(text("owner"))"
            case .escalated: "to \(text("to"))"
            case .severity: "\(text("from")) to \(text("to"))"
            case .absorbed: "incident \(text("incident"))"
            case .merged: "into incident \(text("into"))"
            case .began: what["t0"]?.integer.map { Timestamp(nanoseconds: Int64($0)).text } ?? ""
            default: ""
            }
        return change.isEmpty ? event.kind.rawValue : "\(event.kind.rawValue) \(change)"
    }

    private mutating func write(_ steps: [IncidentStep]) {
        heading("Next steps")
        for (number, step) in steps.enumerated() {
            lines.append("\(form == .markdown ? "" : "  ")\(number + 1). \(clean(step.title)). \(clean(step.text))")
            let margin = form == .markdown ? "   " : "     "
            if let command = step.command { lines += code(command, margin) }
            if let query = step.query { lines += code(query, margin) }
        }
    }

    private func code(_ text: String, _ margin: String) -> [String] {
        let inner = text.split(separator: "\n", omittingEmptySubsequences: false).map { margin + clean(String($0)) }
        return form == .markdown ? ["", "\(margin)```"] + inner + ["\(margin)```", ""] : inner
    }
}

extension IncidentAlert {
    /// The smaller the more it says: what shows somebody inside first, then by urgency.
    fileprivate var rank: Double {
        Double(severity) - confidence + (stage.isInside ? 0 : stage.isStep ? 1 : 2)
    }
}

extension IncidentEntity.Role {
    fileprivate var rank: Int {
        switch self {
        case .target: 0
        case .attacker: 1
        case .destination: 2
        case .involved: 3
        }
    }
}

/// Octets as a page shows them.
package enum MatchedOctets {
    /// Octets as rules write them: `/etc/passwd|0d 0a|`.
    package static func text(_ octets: [UInt8]) -> String {
        var text = ""
        var isOpen = false
        for octet in octets {
            let isPlain = (0x20...0x7E).contains(octet) && octet != 0x7C
            if isPlain == isOpen {
                text += "|"
                isOpen.toggle()
            } else if isOpen {
                text += " "
            }
            let digits = String(octet, radix: 16)
            text += isPlain ? String(Character(Unicode.Scalar(octet))) : (digits.count == 1 ? "0" : "") + digits
        }
        return isOpen ? text + "|" : text
    }
}
