// SPDX-License-Identifier: Apache-2.0
//
// Alerts become incidents: what joins, what it is worth, what people do with it.

import Foundation
import Records
import Store
import Testing

@testable import Incidents

/// A store in a new folder that goes with its owner.
final class IncidentStore {
    let path = NSTemporaryDirectory() + "/weir-incidents-" + UUID().uuidString
    let ledger: IncidentLedger

    init(_ settings: CorrelationSettings = CorrelationSettings()) throws {
        _ = try StoreAppender(folder: path, sensorName: "test")
        ledger = try IncidentLedger(folder: path, settings: settings)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Adds alerts to the store as a hunt would.
    func append(_ alerts: [StoredAlert]) throws {
        let appender = try StoreAppender(folder: path, sensorName: "test")
        for alert in alerts { appender.append(AlertRecord(alert)) }
        try appender.commit()
    }
}

extension AlertRecord {
    fileprivate init(_ alert: StoredAlert) {
        self.init()
        func add(_ string: String) -> Text {
            let start = text.begin()
            text.bytes.append(contentsOf: string.utf8)
            return text.end(start)
        }
        (ts, first, last) = (alert.ts, alert.first, alert.last)
        source = alert.source == "hunt" ? "hunt" : alert.source == "indicator" ? "indicator" : "signature"
        ruleID = add(alert.rule)
        title = add(alert.title)
        severity = UInt64(alert.severity)
        techniques = alert.techniques.map(add)
        entities = alert.entities.map(add)
        count = UInt64(alert.count)
        if let evidence = alert.evidence { self.evidence = add(evidence) }
        uid = alert.uid.flatMap { UID(octets: Array($0.utf8)[...]) }
        if let originator = alert.originator, let responder = alert.responder {
            id = ConnectionID(
                originator: originator, responder: responder, originatorPort: UInt16(alert.originatorPort ?? 0),
                responderPort: UInt16(alert.responderPort ?? 0), transport: .tcp, protocolNumber: 6)
        }
    }
}

/// An alert `seconds` after the start of the day.
func alert(
    _ seconds: Int64, _ rule: String, _ from: String?, _ to: String?, technique: String? = nil,
    source: String = "signature",
    severity: Int = 1, entities: [String] = [], port: Int = 80
) -> StoredAlert {
    var alert = StoredAlert()
    alert.ts = Timestamp(seconds: 1_796_083_200 + seconds)
    (alert.first, alert.last) = (alert.ts, alert.ts)
    (alert.source, alert.rule, alert.title, alert.severity) = (source, rule, rule, severity)
    alert.techniques = technique.map { [$0] } ?? []
    alert.originator = from.flatMap { Address($0) }
    alert.responder = to.flatMap { Address($0) }
    (alert.originatorPort, alert.responderPort) = (from == nil ? nil : 40_000 + Int(seconds), to == nil ? nil : port)
    alert.entities = entities
    return alert
}

/// One break-in from the first probe to the last stolen octet, and what goes on beside it.
let breakIn = [
    alert(22, "scan", "203.0.113.66", "10.20.5.80", technique: "T1595", source: "hunt", severity: 2),
    alert(54, "log4shell", "203.0.113.66", "10.20.5.80", technique: "T1190"),
    alert(117, "beacon", "10.20.5.80", "198.51.100.77", technique: "T1071.001", source: "hunt", severity: 2),
    alert(120, "feed", "10.20.1.13", "198.51.100.77", source: "indicator", severity: 2),
    alert(180, "admin share", "10.20.5.80", "10.20.0.45", technique: "T1021.002", severity: 2),
    alert(204, "iodine", "10.20.0.45", "10.20.0.53", technique: "T1071.004", port: 53),
    alert(204, "iodine", "10.20.0.53", "198.51.100.78", technique: "T1071.004", port: 53),
    alert(237, "upload", "10.20.5.80", "198.51.100.77", technique: "T1041", source: "hunt", severity: 2),
]

@Suite("incidents") struct IncidentTests {
    @Test func `a break-in is one incident, with its stages in order`() throws {
        let store = try IncidentStore()
        let outcome = try store.ledger.correlate(breakIn)
        #expect(outcome.raised.count == 1)
        let list = try store.ledger.list(IncidentState.allCases)
        #expect(list.filter { $0.state != .merged }.map(\.state) == [.new])
        let view = try store.ledger.view(try #require(outcome.raised.first))
        let steps = view.stages.map(\.stage).filter(\.isStep)
        #expect(steps == [.scan, .exploit, .beacon, .lateral, .tunnel, .exfiltration])
        #expect(view.severity == .critical)
        #expect(view.alertCount == breakIn.count)
        #expect(view.times.began == breakIn[0].ts && view.times.alerted == breakIn[0].ts)
        #expect(view.times.raised != nil && view.times.taken == nil)
        #expect(view.title.contains("10.20.5.80"))
        #expect(view.sentence.hasPrefix("203.0.113.66 scanned 10.20.5.80, then 203.0.113.66 attacked 10.20.5.80"))
        #expect(view.entities.first { $0.value == "203.0.113.66" }?.role == .attacker)
        #expect(view.entities.first { $0.value == "198.51.100.77" }?.role == .destination)
        #expect(view.entities.first { $0.value == "10.20.0.45" }?.role == .target)
    }

    @Test func `the order in which alerts come does not matter`() throws {
        let store = try IncidentStore()
        for alert in breakIn.reversed() { _ = try store.ledger.correlate([alert]) }
        let open = try store.ledger.list(IncidentState.allCases.filter { $0 != .merged })
        #expect(open.count == 1)
        #expect(open.first?.alertCount == breakIn.count)
    }

    @Test func `the same alerts again change nothing`() throws {
        let store = try IncidentStore()
        let first = try store.ledger.correlate(breakIn)
        let number = try #require(first.raised.first)
        let before = try store.ledger.view(number)
        let again = try store.ledger.correlate(breakIn + breakIn)
        #expect(again == CorrelationOutcome())
        let after = try store.ledger.view(number)
        #expect(after.revision == before.revision)
        #expect(after.alerts == before.alerts)
    }

    @Test func `segments of the store are looked at once`() throws {
        let store = try IncidentStore()
        try store.append(Array(breakIn[..<4]))
        #expect(try store.ledger.isBehind())
        let first = try store.ledger.correlate()
        #expect(first.alertCount == 4 && first.raised.count == 1 && first.faults.isEmpty)
        #expect(try !store.ledger.isBehind())
        #expect(try store.ledger.correlate() == CorrelationOutcome())
        try store.append(Array(breakIn[4...]))
        let second = try store.ledger.correlate()
        #expect(second.alertCount == breakIn.count - 4 && second.raised.isEmpty && second.changed == first.raised)
        let view = try store.ledger.view(first.raised[0])
        #expect(view.alertCount == breakIn.count)
        #expect(view.events.map(\.kind) == [.raised, .alerts, .severity])
        // What was stored is what was read.
        #expect(view.alerts[0].originator == "203.0.113.66" && view.alerts[0].rule == "scan")
    }

    @Test func `what is every day's weather is watched, not raised`() throws {
        let store = try IncidentStore()
        let outcome = try store.ledger.correlate([
            alert(10, "one attempt", "203.0.113.9", "10.20.5.80", technique: "T1190"),
            alert(20, "password in clear", "10.20.1.11", "10.20.0.45", technique: "T1040", severity: 1),
            alert(30, "basic auth", "10.20.1.12", "10.20.0.80", technique: "T1040", severity: 1),
        ])
        #expect(outcome.raised.isEmpty)
        #expect(try store.ledger.list([.new]).isEmpty)
        #expect(try store.ledger.list([.watched]).count == 3)
        #expect(try store.ledger.events(after: 0).isEmpty)
    }

    @Test func `a loud rule does not outweigh a quiet one`() throws {
        let one = RuleEvidence(
            source: "signature", rule: "a", title: "a", stage: .exploit, severity: 1, confidence: 0.7, alertCount: 1,
            first: .zero, last: .zero)
        var loud = one
        loud.alertCount = 100_000
        #expect(Evidence([one]).points == Evidence([loud]).points)
        var other = one
        (other.stage, other.source, other.severity) = (.beacon, "hunt", 2)
        #expect(Evidence([one, other]).points > 2 * Evidence([one]).points)
        #expect(Evidence([one, other]).severity > Evidence([loud]).severity)
    }

    @Test func `nobody joins by a resolver, a shared name or after a day`() throws {
        let store = try IncidentStore()
        _ = try store.ledger.correlate([
            alert(0, "a", "10.20.1.11", "10.20.0.53", technique: "T1071", entities: ["user:root"], port: 53),
            alert(5, "b", "10.20.1.12", "10.20.0.53", technique: "T1071", entities: ["user:root"], port: 53),
            alert(9, "c", "10.20.1.13", "198.51.100.9", technique: "T1071", entities: ["user:Alice"]),
            alert(11, "d", "10.20.1.14", "198.51.100.8", technique: "T1071", entities: ["user:alice"]),
            alert(2 * 86_400, "e", "10.20.1.13", "198.51.100.9", technique: "T1071"),
        ])
        let open = try store.ledger.list([.new, .watched])
        #expect(open.map(\.alertCount).sorted() == [1, 1, 1, 2])
    }

    @Test func `what very many have in common joins none of them`() throws {
        var settings = CorrelationSettings()
        settings.sharedMax = 3
        let store = try IncidentStore(settings)
        _ = try store.ledger.correlate(
            (0..<4).map { alert(Int64($0), "own \($0)", "10.1.0.\($0)", "198.51.100.\($0)", technique: "T1071") })
        for host in 0..<4 {
            // Each of the four has met the shared one; a fifth who meets it too is nobody's.
            _ = try store.ledger.correlate([
                alert(100 + Int64(host), "shared \(host)", "10.1.0.\(host)", "198.51.100.200", technique: "T1071")
            ])
        }
        let joined = try store.ledger.list([.new, .watched])
        #expect(joined.count == 1, "each meeting joins the ones before, while they are few")
        let other = try IncidentStore(settings)
        var many: [StoredAlert] = []
        for host in 0..<6 { many.append(alert(Int64(host), "r", "10.2.0.\(host)", nil, technique: "T1071")) }
        _ = try other.ledger.correlate(many)
        _ = try other.ledger.correlate([
            alert(50, "all", nil, nil, technique: "T1071", entities: (0..<6).map { "host:10.2.0.\($0)" })
        ])
        // One alert that names all of them joins them: each by its own name.
        #expect(try other.ledger.list([.new, .watched]).count == 1)
    }

    @Test func `alerts above the bound are counted and not kept`() throws {
        var settings = CorrelationSettings()
        settings.alertsMax = 5
        settings.entitiesMax = 4
        let store = try IncidentStore(settings)
        let many = (0..<20).map { alert(Int64($0), "r", "10.1.0.1", "198.51.100.\($0)", technique: "T1071") }
        let number = try #require(try store.ledger.correlate(many).raised.first)
        let view = try store.ledger.view(number)
        #expect(view.alertCount == 20)
        #expect(view.alerts.count == 5)
        #expect(view.entities.count == 4)
        #expect(try store.ledger.correlate(many) == CorrelationOutcome())
    }

    @Test func `a tunnel through a resolver leads to its domain`() throws {
        let store = try IncidentStore()
        let entities = ["host:10.1.0.7", "domain:Tunnel.example"]
        let number = try #require(
            try store.ledger.correlate([
                alert(0, "dns-tunnels", nil, nil, technique: "T1071.004", source: "hunt", entities: entities)
            ]).raised.first)
        #expect(try store.ledger.view(number).sentence == "10.1.0.7 tunnelled to tunnel.example.")
    }

    @Test func `a stage between our own hosts alone still names where it led`() throws {
        let store = try IncidentStore()
        let entities = ["host:10.1.0.8", "domain:C2.example"]
        let beacon = alert(0, "beacons", nil, nil, technique: "T1071", source: "hunt", entities: entities)
        let far = [
            alert(0, "iodine", "10.1.0.7", "10.1.0.53", technique: "T1071.004", port: 53),
            alert(1, "iodine", "10.1.0.7", "10.1.0.53", technique: "T1071.004", port: 53),
            alert(2, "iodine", "10.1.0.53", "198.51.100.78", technique: "T1071.004", port: 53),
        ]
        let first = try #require(try store.ledger.correlate([beacon]).raised.first)
        #expect(try store.ledger.view(first).sentence == "10.1.0.8 kept in touch with c2.example.")
        let second = try #require(try store.ledger.correlate(far).raised.first)
        #expect(try store.ledger.view(second).sentence == "10.1.0.7 tunnelled to 198.51.100.78.")
    }

    @Test func `hostile numbers and texts are taken as they are`() throws {
        let store = try IncidentStore()
        var first = alert(
            0, "' OR 1=1 --", "10.1.0.1", "198.51.100.1", technique: "T1071",
            entities: ["domain:a'b", "x", ":", "host:zz"])
        first.count = .max
        first.evidence = String(repeating: "[", count: 100_000)
        first.matched = [0, 255, 10]
        var second = first
        (second.ts, second.first, second.last) = (
            .init(nanoseconds: .max), .init(nanoseconds: .max), .init(nanoseconds: .max)
        )
        var third = second
        (third.ts, third.first, third.last) = (
            .init(nanoseconds: .min), .init(nanoseconds: .min), .init(nanoseconds: .min)
        )
        try store.append([first])
        let outcome = try store.ledger.correlate()
        #expect(outcome.alertCount == 1)
        #expect(try store.ledger.correlate([second, third]).alertCount == 2)
        #expect(try !store.ledger.list(IncidentState.allCases).isEmpty)
    }
}
