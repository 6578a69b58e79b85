// SPDX-License-Identifier: Apache-2.0
//
// Where matches of signatures become alerts: rows of the store, EVE events, Zeek's log.
//
// Reads   candidates of all workers.
// Writes  rows into the collector's own batches.
// Leaves  which candidates do (AlertFilter.swift).

import Records
import Signatures
import Wire

/// Choices of the alerts; each is a key of the configuration.
package struct AlertSettings: Sendable {
    /// Seconds in which alerts of one rule between the same hosts become one row; 0 for one row each.
    package var foldSeconds = 60

    package init() {}
}

/// The collector's desk for alerts.
struct AlertDesk {
    private var filter = AlertFilter()
    let writesEvents: Bool
    private var folded: FoldedAlerts
    private var event = EventRecord()
    private var match = SignatureMatchRecord()
    private(set) var count: UInt64 = 0
    /// Rows that were written before their time.
    private var unfolded: UInt64 = 0

    init(_ settings: AlertSettings, writesEvents: Bool) {
        folded = FoldedAlerts(seconds: settings.foldSeconds)
        self.writesEvents = writesEvents
    }

    /// Limits that were met.
    var limits: LimitCounters {
        var limits = filter.limits
        limits.met(.alerts, unfolded)
        return limits
    }

    /// Takes candidates in any order; empties the list.
    mutating func take(_ candidates: inout [AlertCandidate], into own: inout RecordOutput) {
        guard !candidates.isEmpty else { return }
        let sorted = candidates.enumerated().sorted { left, right in
            if left.element.order != right.element.order { return left.element.order < right.element.order }
            if left.element.ordinal != right.element.ordinal { return left.element.ordinal < right.element.ordinal }
            return left.offset < right.offset
        }
        for (_, next) in sorted {
            var candidate = next
            guard filter.admits(&candidate) else { continue }
            count &+= 1
            own.order = candidate.order
            own.ordinal = candidate.ordinal
            write(candidate, into: &own)
        }
        candidates.removeAll(keepingCapacity: true)
    }

    /// Writes the folded rows whose time is over.
    mutating func advance(to time: Timestamp, order: UInt64, into own: inout RecordOutput) {
        while let row = folded.next(at: time) { write(row, order: order, into: &own) }
    }

    /// Writes every folded row.
    mutating func finish(into own: inout RecordOutput) {
        while let row = folded.next() { write(row, order: .max, into: &own) }
    }

    private func write(_ row: FoldedAlerts.Row, order: UInt64, into own: inout RecordOutput) {
        own.order = order
        own.ordinal = row.ordinal
        own.emit(row.record)
    }

    // MARK: rows

    private mutating func write(_ candidate: AlertCandidate, into own: inout RecordOutput) {
        let rule = candidate.rule.id
        let key = AlertFoldKey(
            rule: UInt64(rule.generator) << 32 | UInt64(rule.signature), detail: UInt64(rule.revision),
            first: candidate.id.originator, second: candidate.id.responder)
        if folded.seconds == 0 {
            own.emit(AlertDesk.record(candidate))
        } else if !folded.count(key, at: candidate.alert.facts.now) {
            if folded.isFull, let row = folded.next() {
                unfolded &+= 1
                write(row, order: candidate.order, into: &own)
            }
            folded.hold(AlertDesk.record(candidate), key, ordinal: candidate.ordinal)
        }
        own.order = candidate.order
        own.ordinal = candidate.ordinal
        writeMatch(candidate, into: &own)
        if writesEvents { writeEvent(candidate, into: &own) }
    }

    private static func record(_ candidate: AlertCandidate) -> AlertRecord {
        let (rule, set, alert) = (candidate.rule, candidate.set, candidate.alert)
        var record = AlertRecord()
        record.ts = alert.facts.now
        (record.first, record.last) = (record.ts, record.ts)
        record.uid = candidate.uid
        record.id = candidate.id
        let start = record.text.begin()
        CommunityID.write(id: candidate.id, to: &record.text.bytes)
        record.communityID = record.text.end(start)
        record.ruleID = writeIdentity(rule.id, to: &record.text)
        record.title = add(set.text[rule.message.indices], to: &record.text)
        record.category = add(set.category(of: rule)[...], to: &record.text)
        record.severity = UInt64(rule.priority)
        record.action = candidate.action.name
        record.generator = UInt64(rule.id.generator)
        record.signature = UInt64(rule.id.signature)
        record.revision = UInt64(rule.id.revision)
        record.isFromOriginator = alert.isToServer
        if alert.application != .unknown { record.application = alert.application.name }
        record.transaction = alert.transaction
        for pair in set.metadata(of: rule) {
            let start = record.text.begin()
            record.text.bytes.append(contentsOf: pair.key)
            record.text.bytes.append(0x20)
            record.text.bytes.append(contentsOf: pair.value)
            record.metadata.append(record.text.end(start))
            if pair.isTechnique { record.techniques.append(add(pair.value[...], to: &record.text)) }
        }
        guard let buffer = alert.buffer else { return record }
        record.buffer = buffer.name
        record.offset = alert.offset
        record.matched = writeMatched(alert, to: &record.text)
        return record
    }

    private static func add(_ octets: ArraySlice<UInt8>, to text: inout TextBuffer) -> Text {
        let start = text.begin()
        text.bytes.append(contentsOf: octets)
        return text.end(start)
    }

    private static func writeIdentity(_ id: RuleID, to text: inout TextBuffer) -> Text {
        let start = text.begin()
        text.append(decimal: UInt64(id.generator))
        text.bytes.append(0x3A)
        text.append(decimal: UInt64(id.signature))
        text.bytes.append(0x3A)
        text.append(decimal: UInt64(id.revision))
        return text.end(start)
    }

    private static func writeMatched(_ alert: SignatureAlert, to text: inout TextBuffer) -> Text {
        let start = text.begin()
        for place in 0..<alert.matchedCount { text.bytes.append(alert.matchedOctet(place)) }
        return text.end(start)
    }

    private mutating func writeMatch(_ candidate: AlertCandidate, into own: inout RecordOutput) {
        let facts = candidate.alert.facts
        match.text.clear()
        match.ts = facts.now
        match.uid = candidate.uid
        (match.source, match.target) = (facts.source, facts.target)
        (match.sourcePort, match.targetPort) = (facts.sourcePort, facts.targetPort)
        match.signatureID = AlertDesk.writeIdentity(candidate.rule.id, to: &match.text)
        match.message = AlertDesk.add(candidate.set.text[candidate.rule.message.indices], to: &match.text)
        match.buffer = candidate.alert.buffer?.name
        match.offset = candidate.alert.buffer == nil ? nil : candidate.alert.offset
        match.matched =
            candidate.alert.buffer == nil ? .absent : AlertDesk.writeMatched(candidate.alert, to: &match.text)
        own.emit(match)
    }

    // MARK: EVE

    private mutating func writeEvent(_ candidate: AlertCandidate, into own: inout RecordOutput) {
        let (rule, set, alert) = (candidate.rule, candidate.set, candidate.alert)
        event.ts = alert.facts.now
        event.uid = candidate.uid
        event.id = candidate.id
        event.packet = candidate.packet
        event.type = "alert"
        event.isReversed = !alert.isToServer
        event.transaction = alert.transaction
        event.appProtocol = alert.application == .unknown ? nil : alert.application.name
        event.icmp =
            candidate.id.transport == .icmp ? (type: alert.facts.icmpType, code: alert.facts.icmpCode) : nil
        event.body.clear()
        event.body.open("alert")
        event.body.text("action", candidate.isBlocked ? "blocked" : "allowed" as StaticString)
        event.body.count("gid", UInt64(rule.id.generator))
        event.body.count("signature_id", UInt64(rule.id.signature))
        event.body.count("rev", UInt64(rule.id.revision))
        event.body.text("signature", set.text[rule.message.indices])
        event.body.text("category", set.category(of: rule)[...])
        event.body.count("severity", UInt64(rule.priority))
        writeEnds(rule, alert.facts)
        writeMetadata(rule, set)
        writeContext(alert, set)
        event.body.close()
        event.body.members(candidate.event[...])
        writeMatch(alert, candidate.uid)
        event.body.text("direction", alert.isToServer ? "to_server" : "to_client" as StaticString)
        own.emit(event)
    }

    /// Who attacks and who is attacked, where the rule says so.
    private mutating func writeEnds(_ rule: Rule, _ facts: PacketFacts) {
        guard rule.target != .none else { return }
        let isTarget = rule.target == .destination
        for (key, isSource) in [("source" as StaticString, isTarget), ("target", !isTarget)] {
            event.body.open(key)
            event.body.address("ip", isSource ? facts.source : facts.target)
            let port = isSource ? facts.sourcePort : facts.targetPort
            if facts.protocolNumber == 6 || facts.protocolNumber == 17 { event.body.count("port", UInt64(port)) }
            event.body.close()
        }
    }

    /// Where the rule matched: the connection's identity, the buffer, the offset in it, the octets.
    private mutating func writeMatch(_ alert: SignatureAlert, _ uid: UID?) {
        guard let buffer = alert.buffer else { return }
        var octets: [UInt8] = []
        for place in 0..<alert.matchedCount { octets.append(alert.matchedOctet(place)) }
        event.body.open("match")
        if let uid { event.body.text("uid", Array("\(uid)".utf8)[...]) }
        event.body.text("buffer", buffer.name)
        event.body.count("offset", alert.offset)
        event.body.text("octets", octets[...])
        event.body.close()
    }

    /// What the rule has captured for its alert.
    private mutating func writeContext(_ alert: SignatureAlert, _ set: RuleSet) {
        guard !alert.context.isEmpty else { return }
        event.body.open("context")
        for variable in alert.context {
            let name = Array(set.variableNames[Int(variable.name)].utf8)
            event.body.text(key: name.octets, variable.octets.octets)
        }
        event.body.close()
    }

    private mutating func writeMetadata(_ rule: Rule, _ set: RuleSet) {
        let pairs = set.metadata(of: rule)
        guard !pairs.isEmpty else { return }
        event.body.open("metadata")
        var written: [[UInt8]] = []
        for pair in pairs where !written.contains(pair.key) {
            written.append(pair.key)
            event.body.openList(key: pair.key.octets)
            for other in pairs where other.key == pair.key { event.body.item(other.value.octets) }
            event.body.closeList()
        }
        event.body.close()
    }
}

extension RuleAction {
    /// The word of the rule language.
    var name: StaticString {
        switch self {
        case .pass: "pass"
        case .drop: "drop"
        case .rejectSource: "reject"
        case .rejectTarget: "rejectdst"
        case .rejectBoth: "rejectboth"
        case .alert: "alert"
        case .config: "config"
        }
    }
}

/// One `key value` of a rule's metadata.
struct RuleMetadata {
    var key: [UInt8]
    var value: [UInt8]

    /// `mitre_technique_id T1059`, and sub-techniques.
    var isTechnique: Bool { key == Array("mitre_technique_id".utf8) }
}

extension RuleSet {
    /// The text of a rule's class; empty where it has none.
    func category(of rule: Rule) -> [UInt8] {
        // They are counted from 1.
        Array(classifications[safe: Int(rule.classification) - 1]?.description.utf8 ?? "".utf8)
    }

    func metadata(of rule: Rule) -> [RuleMetadata] {
        var pairs: [RuleMetadata] = []
        for part in text[rule.metadata.indices].split(separator: 0x2C) {
            let words = part.drop { $0 == 0x20 }
            guard let blank = words.firstIndex(of: 0x20) else { continue }
            var value = words[blank...].drop { $0 == 0x20 }
            while value.last == 0x20 { value.removeLast() }
            pairs.append(RuleMetadata(key: Array(words[..<blank]), value: Array(value)))
        }
        return pairs
    }
}

extension Array {
    /// The element at a place, nil outside.
    fileprivate subscript(safe place: Int) -> Element? { indices.contains(place) ? self[place] : nil }
}
