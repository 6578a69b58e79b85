// SPDX-License-Identifier: Apache-2.0
//
// Indicators against values, records as they are made, and records that a store has.

import Foundation
import JSON
import Query
import Records
import Store
import Testing

@testable import Intel

/// A log like the sensor's, of the columns that the tests need.
private struct TestDNS: LogRecord {
    var ts = Timestamp.zero
    var uid: UID?
    var id: ConnectionID?
    var query = Text.absent
    var answers: [Text] = []
    var text = TextBuffer()
    static let log = LogID.dns
    static let summary: StaticString = "Test."

    init() {}
    init(_ seconds: Int64, _ host: String, _ query: String, _ answers: [String] = []) {
        ts = Timestamp(seconds: seconds)
        uid = UID(value: UInt64(bitPattern: seconds))
        id = ConnectionID(
            originator: Address(host) ?? Address(v4: 0), responder: Address(v4: 0x0A00_0035), originatorPort: 5000,
            responderPort: 53, transport: .udp, protocolNumber: 17)
        self.query = text.add(query)
        self.answers = answers.map { text.add($0) }
    }

    func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("query", query, in: text, "Query.", isKey: true)
        row.textVector("answers", answers, in: text, "Answers.")
    }
}

private struct TestConn: LogRecord {
    var ts = Timestamp.zero
    var uid: UID?
    var id: ConnectionID?
    static let log = LogID.conn
    static let summary: StaticString = "Test."

    init() {}
    init(_ seconds: Int64, _ from: String, _ to: String, _ port: UInt16) {
        ts = Timestamp(seconds: seconds)
        uid = UID(value: UInt64(bitPattern: seconds))
        id = ConnectionID(
            originator: Address(from) ?? Address(v4: 0), responder: Address(to) ?? Address(v4: 0),
            originatorPort: 4000,
            responderPort: port, transport: .tcp, protocolNumber: 6)
    }

    func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("local_orig", id?.originator.description.hasPrefix("10.") == true, "Ours.")
    }
}

private let schemas: [LogSchema] = LogID.allCases.map { log in
    switch log {
    case .dns: TestDNS.makeSchema()
    case .conn: TestConn.makeSchema()
    case .alert: AlertRecord.makeSchema()
    default: LogSchema(log: log, summary: "", columns: [])
    }
}

private let now = Timestamp(seconds: 1_796_083_200)

private func set(_ name: String, _ lines: String, confidence: UInt8 = 60, days: Int? = 0) throws -> IndicatorSet {
    var options = FeedOptions(name: name)
    options.form = .list
    options.confidence = confidence
    options.days = days
    return try FeedReader.read(Array(lines.utf8), path: name, options: options, now: now).set
}

extension IndicatorIndex {
    fileprivate func names(_ text: String) -> [String] {
        var found: [IndicatorHit] = []
        find(name: Array(text.utf8)[...], &found)
        return found.map { IndicatorForm.text(row($0).kind, value($0)) }
    }

    fileprivate func addresses(_ text: String, _ port: UInt16? = nil) throws -> [String] {
        var found: [IndicatorHit] = []
        find(try #require(Address(text)), port: port, &found)
        return found.map { IndicatorForm.text(row($0).kind, value($0)) }.sorted()
    }

    fileprivate func urls(_ host: String, _ target: String) -> [String] {
        var found: [IndicatorHit] = []
        find(host: Array(host.utf8)[...], target: Array(target.utf8)[...], &found)
        return found.map { IndicatorForm.text(row($0).kind, value($0)) }
    }
}

/// The alerts in a batch, as texts.
private struct Alerts {
    var rows: [(title: String, rule: String, count: UInt64, evidence: String, severity: UInt64)] = []

    init(_ batch: RowBatch) throws {
        let schema = schemas[Int(LogID.alert.rawValue)]
        func column(_ name: String) throws -> Column { schema.columns[try #require(schema.index(of: name))] }
        for row in 0..<batch.count {
            func text(_ name: String) throws -> String {
                String(decoding: batch.bytes[batch.textRange(row, try column(name))], as: UTF8.self)
            }
            rows.append(
                (
                    try text("title"), try text("rule_id"), batch.word(row, try column("count")),
                    try text("evidence"),
                    batch.word(row, try column("severity"))
                ))
        }
    }
}

@Suite("indicators") struct IndicatorTests {
    @Test func `a name is met by itself and by what is below it, at a label's edge`() throws {
        let index = IndicatorIndex([try set("a", "evil.example\nc2.other.example.net\n")])
        #expect(index.names("evil.example") == ["evil.example"])
        #expect(index.names("A.b.EVIL.example.") == ["evil.example"])
        #expect(index.names("notevil.example").isEmpty && index.names("example").isEmpty && index.names("").isEmpty)
        #expect(index.names("evil.example.org").isEmpty && index.names(".").isEmpty)
        #expect(index.names("other.example.net").isEmpty)
        var lone = IndicatorSet(name: "h", imported: now)
        lone.append(Indicator(kind: .hostname, value: Array("www.evil.example".utf8), confidence: 50), added: now)
        let exact = IndicatorIndex([lone])
        #expect(exact.names("WWW.evil.example") == ["www.evil.example"] && exact.names("x.www.evil.example").isEmpty)
    }

    @Test func `addresses, their networks and their ports are met`() throws {
        let index = IndicatorIndex([
            try set("a", "203.0.113.66\n203.0.112.0/23\n203.0.113.66:443\n2001:db8:9::/48\n2001:db8:9::1\n")
        ])
        #expect(try index.addresses("203.0.113.66") == ["203.0.112.0/23", "203.0.113.66"])
        #expect(try index.addresses("203.0.113.66", 443) == ["203.0.112.0/23", "203.0.113.66", "203.0.113.66:443"])
        #expect(try index.addresses("203.0.113.66", 80) == ["203.0.112.0/23", "203.0.113.66"])
        #expect(try index.addresses("203.0.114.0").isEmpty)
        #expect(try index.addresses("2001:db8:9::1") == ["2001:db8:9::/48", "2001:db8:9::1"])
        #expect(try index.addresses("2001:db8:9:1::") == ["2001:db8:9::/48"])
    }

    @Test func `URLs are met by host and target, with their question and without`() throws {
        let index = IndicatorIndex([
            try set("a", "http://evil.example/a%20b\nhttps://evil.example:8443/x?id=1\nhttp://203.0.113.1:80/p\n")
        ])
        #expect(index.urls("Evil.example", "/a b") == ["evil.example/a b"])
        #expect(index.urls("evil.example:80", "/a b?x=1") == ["evil.example/a b"])
        #expect(index.urls("evil.example:8443", "/x?id=1") == ["evil.example:8443/x?id=1"])
        #expect(index.urls("evil.example:8443", "/x").isEmpty && index.urls("evil.example", "/A b").isEmpty)
        #expect(index.urls("203.0.113.1", "/p") == ["203.0.113.1/p"])
        #expect(index.urls("203.0.113.1", "http://203.0.113.1/p") == ["203.0.113.1/p"])
    }

    @Test func `a host is looked up without its port, and IPv6 out of its brackets`() throws {
        let index = IndicatorIndex([try set("a", "evil.example\n203.0.113.1\n2001:db8::1\n")])
        let columns = IndicatorColumn.columns(TestDNS.makeSchema())
        let column = try #require(columns.first { if case .host = $0.lookup { true } else { false } })
        func hits(_ host: String) -> Int {
            var found: [IndicatorHit] = []
            column.find(Array(host.utf8)[...], in: index, &found)
            return found.count
        }
        let bad = ["evil.example", "evil.example:8080", "203.0.113.1", "203.0.113.1:8080", "2001:db8::1"]
        let bracketed = ["[2001:db8::1]", "[2001:db8::1]:8080", "[2001:DB8:0::1]:443"]
        for host in bad + bracketed { #expect(hits(host) == 1, "\(host)") }
        let broken = ["", ":", "[", "[]", "[]:80", "[2001:db8::1", "[2001:db8::1]8080"]
        for host in broken + ["[evil.example]", "[2001:db8::2]:80"] { #expect(hits(host) == 0, "\(host)") }
    }

    @Test func `a set comes back from its file, and damage is seen`() throws {
        let made = try set("a", "evil.example\n203.0.113.1\nb386946a5a44d1ddcc843bc75336dfce\n")
        let octets = made.encode()
        let back = try #require(IndicatorSet(decoding: octets))
        #expect(back.rows == made.rows && back.arena == made.arena && back.name == "a" && back.imported == now)
        for place in stride(from: 0, to: octets.count, by: 7) {
            var broken = octets
            broken[place] ^= 0x41
            #expect(IndicatorSet(decoding: broken) == nil, "octet \(place)")
        }
        for count in 0..<octets.count { #expect(IndicatorSet(decoding: Array(octets[..<count])) == nil) }
    }

    @Test func `many indicators are each found, and nothing else`() throws {
        var many = IndicatorSet(name: "many", imported: now)
        for number in 0..<20_000 {
            many.append(
                Indicator(
                    kind: .address, value: IndicatorForm.octets(Address(v4: 0xCB00_0000 | UInt32(number * 3))),
                    confidence: 60),
                added: now)
        }
        let index = IndicatorIndex([many])
        var found: [IndicatorHit] = []
        for number in 0..<60_000 {
            index.find(Address(v4: 0xCB00_0000 | UInt32(number)), port: nil, &found)
            #expect(found.count == (number % 3 == 0 ? 1 : 0))
            found.removeAll(keepingCapacity: true)
        }
    }

    @Test func `hits become alerts, one for an indicator and a host`() throws {
        var matcher = IndicatorMatcher(
            IndicatorShelf(IndicatorIndex([try set("feed", "evil.example\n203.0.113.66\n", confidence: 85)])),
            schemas: schemas)
        var alerts = RowBatch(schemas[Int(LogID.alert.rawValue)])
        var names = RowBatch(schemas[Int(LogID.dns.rawValue)])
        names.append(TestDNS(10, "10.0.0.5", "a.evil.example"), order: 1, ordinal: 1)
        names.append(
            TestDNS(11, "10.0.0.5", "b.evil.example", ["203.0.113.66", "198.51.100.1"]), order: 2, ordinal: 2)
        names.append(TestDNS(12, "10.0.0.6", "evil.example"), order: 3, ordinal: 3)
        names.append(TestDNS(13, "10.0.0.6", "good.example"), order: 4, ordinal: 4)
        matcher.observe(names, alerts: &alerts)
        var connections = RowBatch(schemas[Int(LogID.conn.rawValue)])
        connections.append(TestConn(14, "10.0.0.5", "203.0.113.66", 443), order: 5, ordinal: 5)
        connections.append(TestConn(15, "203.0.113.66", "10.0.0.80", 80), order: 6, ordinal: 6)
        matcher.observe(connections, alerts: &alerts)
        #expect(alerts.isEmpty, "they wait for more of their kind")
        matcher.finish(alerts: &alerts)
        let rows = try Alerts(alerts).rows
        let titles = ["address 203.0.113.66", "address 203.0.113.66", "domain evil.example", "domain evil.example"]
        #expect(rows.map(\.title).sorted() == titles.map { "Indicator met: " + $0 })
        #expect(rows.map(\.count).sorted() == [1, 1, 2, 2])
        #expect(rows.allSatisfy { $0.rule == "feed:domain:evil.example" || $0.rule == "feed:address:203.0.113.66" })
        // That it came to us is less urgent than that we went there.
        #expect(rows.map(\.severity).sorted() == [1, 1, 1, 3])
        for row in rows {
            let evidence = try JSONDocument(row.evidence).root
            #expect(evidence["feed"]?.string == "feed" && evidence["confidence"]?.double == 0.85)
        }
        #expect(matcher.hitCount == 6)
    }

    @Test func `what has expired, or is not sure enough, raises nothing`() throws {
        var alerts = RowBatch(schemas[Int(LogID.alert.rawValue)])
        var names = RowBatch(schemas[Int(LogID.dns.rawValue)])
        names.append(TestDNS(now.nanoseconds / second + 86_400 * 3, "10.0.0.5", "evil.example"), order: 1, ordinal: 1)
        for (confidence, days, hits) in [(UInt8(60), 0, 1), (60, 2, 0), (60, 6, 1), (60, 4, 0), (20, 0, 0)] {
            let set = try set("f", "evil.example\n", confidence: confidence, days: days)
            var matcher = IndicatorMatcher(IndicatorShelf(IndicatorIndex([set])), schemas: schemas)
            matcher.observe(names, alerts: &alerts)
            matcher.finish(alerts: &alerts)
            #expect(alerts.count == hits, "confidence \(confidence), \(days) days")
            alerts.clear()
            // It is not passed over in silence.
            #expect(matcher.remarks.count == 1 - hits, "\(matcher.remarks)")
            if confidence == 20 { #expect(matcher.remarks[0].hasPrefix("1 hits of indicators that are less sure")) }
            if days == 2 { #expect(matcher.remarks[0].hasPrefix("1 hits of indicators that had expired")) }
        }
        let sets = [try set("f", "evil.example\n203.0.113.1\n", confidence: 20), try set("g", "a.example\n")]
        #expect(IndicatorIndex(sets).count(below: 30) == 2)
    }

    @Test func `an address that was no indicator lately is told by all of it`() {
        var misses = RecentMisses()
        let addresses = (0..<3000).map { Address(v4: 0x0A00_0000 + UInt32($0)) }
        for address in addresses { misses.add(address, 53) }
        #expect(addresses.filter { misses.has($0, 53) }.count > 1500)
        #expect(addresses.allSatisfy { !misses.has($0, 54) })
        #expect(!misses.has(Address(v4: 0x0B00_0001), 53) && !misses.has(Address(high: 0, low: 0), 0))
    }

    @Test func `names are found at the borders of labels, whatever their ends are`() throws {
        let urls = "http://x.evil.test:8080/a?b=1\nhttp://203.0.113.9/z\n"
        let index = IndicatorIndex([try set("f", "evil.example\nb.c.evil.test\nco.example.org\n" + urls)])
        let found = [
            "evil.example", "EVIL.example.", "www.evil.example", "a.b.c.evil.test", "b.c.evil.test", "x.co.example.org",
        ]
        for name in found { #expect(index.names(name).count == 1, "\(name)") }
        for name in ["evil.test", "c.evil.test", "notevil.example", "example", ".example", "example.org"] {
            #expect(index.names(name).isEmpty, "\(name)")
        }
        func hits(_ host: String, _ target: String) -> Int {
            var found: [IndicatorHit] = []
            index.find(host: Array(host.utf8)[...], target: Array(target.utf8)[...], &found)
            return found.count
        }
        #expect(hits("X.evil.test:8080", "/a?b=1") == 1)
        #expect(hits("203.0.113.9:80", "/z") == 1 && hits("203.0.113.9", "/z?q") == 1)
        #expect(hits("x.evil.test", "/a?b=1") == 0 && hits("y.evil.test:8080", "/a?b=1") == 0)
        #expect(hits("113.9", "/z") == 0)
    }

    @Test func `the same value over and over in a list costs no time`() {
        var list = IndicatorSet(name: "double", imported: now)
        for _ in 0..<200_000 {
            list.append(Indicator(kind: .hostname, value: Array("a.example".utf8), confidence: 60), added: now)
        }
        #expect(IndicatorIndex([list, list]).names("a.example").count == 2)
    }

    @Test func `confidence falls with age until an indicator expires`() throws {
        let row = try #require(try set("f", "evil.example\n", confidence: 80, days: 10).rows.first)
        func confidence(_ days: Int64, _ decay: Double) -> UInt8 {
            row.confidence(at: now.adding(days * 86_400 * second), decay: decay)
        }
        #expect([0, 5, 10, 99].map { confidence($0, 1) } == [80, 40, 0, 0])
        #expect([0, 5, 10].map { confidence($0, 0.5) } == [80, 60, 0])
        #expect([0, 5, 10].map { confidence($0, 0) } == [80, 80, 80])
        #expect(confidence(-30, 1) == 80, "what was met before the feed saw it was not older then")
        let file = try #require(
            try set("f", String(repeating: "1f", count: 31) + "2a\n", confidence: 80, days: nil).rows.first)
        #expect(file.confidence(at: now.adding(1000 * 86_400 * second), decay: 1) == 80)
    }

    @Test func `what many of our hosts meet is demoted, a sinkhole is not`() throws {
        let list = NSTemporaryDirectory() + "/weir-sinkholes-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: list) }
        try #"{"name":"List of sinkholes","type":"string","list":["203.0.113.99"]}"#.write(
            toFile: list, atomically: true, encoding: .utf8)
        var harmless = HarmlessValues()
        try harmless.warn(path: list)
        var options = FeedOptions(name: "feed")
        (options.form, options.confidence, options.harmless) = (.list, 90, harmless)
        let feed = try FeedReader.read(
            Array("evil.example\n203.0.113.99\n".utf8), path: "feed", options: options, now: now
        ).set
        var match = MatchSettings()
        (match.foldSeconds, match.decay) = (0, 0)
        var matcher = IndicatorMatcher(IndicatorShelf(IndicatorIndex([feed])), schemas: schemas, settings: match)
        var alerts = RowBatch(schemas[Int(LogID.alert.rawValue)])
        var names = RowBatch(schemas[Int(LogID.dns.rawValue)])
        for host in 1...12 {
            names.append(TestDNS(10, "10.0.0.\(host)", "evil.example", ["203.0.113.99"]), order: 1, ordinal: 1)
        }
        var connections = RowBatch(schemas[Int(LogID.conn.rawValue)])
        for host in 1...30 {
            connections.append(TestConn(10, "10.0.0.\(host)", "198.51.100.1", 80), order: 1, ordinal: 1)
        }
        matcher.observe(connections, alerts: &alerts)
        matcher.observe(names, alerts: &alerts)
        let rows = try Alerts(alerts).rows
        func severities(_ part: String) -> [UInt64] { rows.filter { $0.title.contains(part) }.map(\.severity) }
        #expect(severities("evil.example") == Array(repeating: 1, count: 9) + [4, 4, 4])
        #expect(severities("203.0.113.99") == Array(repeating: 1, count: 12))
        #expect(rows.last { $0.title.contains("evil") }?.evidence.contains("\"prevalence\":0.4") == true)
    }

    @Test func `indicators are exchanged while rows go on`() throws {
        let shelf = IndicatorShelf(IndicatorIndex([]))
        var matcher = IndicatorMatcher(shelf, schemas: schemas)
        var alerts = RowBatch(schemas[Int(LogID.alert.rawValue)])
        var names = RowBatch(schemas[Int(LogID.dns.rawValue)])
        names.append(TestDNS(10, "10.0.0.5", "evil.example"), order: 1, ordinal: 1)
        matcher.observe(names, alerts: &alerts)
        matcher.observe(names, alerts: &alerts)
        // That it was none before counts no longer.
        shelf.replace(with: IndicatorIndex([try set("new", "evil.example\n")]))
        matcher.observe(names, alerts: &alerts)
        shelf.replace(with: IndicatorIndex([]))
        matcher.observe(names, alerts: &alerts)
        matcher.finish(alerts: &alerts)
        #expect(try Alerts(alerts).rows.map(\.rule) == ["new:domain:evil.example"])
    }
}

@Suite("indicators over a store") struct RetroTests {
    private final class Folder {
        let path = NSTemporaryDirectory() + "/weir-retro-" + UUID().uuidString
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func store() throws -> Folder {
        let folder = Folder()
        let appender = try StoreAppender(folder: folder.path, sensorName: "test")
        for record in [
            TestDNS(1000, "10.0.0.5", "a.evil.example", ["203.0.113.66"]), TestDNS(2000, "10.0.0.5", "evil.example"),
            TestDNS(3000, "10.0.0.6", "good.example"),
        ] { appender.append(record) }
        appender.append(TestConn(1500, "10.0.0.5", "203.0.113.66", 443))
        appender.append(TestConn(1600, "10.0.0.7", "203.0.113.66", 80))
        try appender.commit()
        return folder
    }

    private func run(_ folder: Folder, _ lines: String, _ change: (inout RetroOptions) -> Void = { _ in }) throws -> (
        RetroHunt, RetroOutcome
    ) {
        var options = RetroOptions()
        options.schemas = schemas
        change(&options)
        let hunt = RetroHunt(IndicatorIndex([try set("feed", lines)]), options: options)
        return (hunt, try hunt.run(StoreReader.open(folder.path)))
    }

    @Test func `who met an indicator before it was known is found`() throws {
        let folder = try store()
        let (hunt, outcome) = try run(folder, "evil.example\n203.0.113.66:443\n203.0.113.66\n")
        let lines = outcome.findings.map {
            "\($0.host ?? "-") \($0.kind.name) \($0.count) \($0.places.joined(separator: "+"))"
        }
        #expect(
            lines.sorted() == [
                "10.0.0.5 address 2 conn.id.resp_h+dns.answers", "10.0.0.5 domain 2 dns.query",
                "10.0.0.5 endpoint 1 conn.id.resp_h", "10.0.0.7 address 1 conn.id.resp_h",
            ])
        let domain = try #require(outcome.findings.first { $0.kind == .domain })
        #expect(domain.first == Timestamp(seconds: 1000) && domain.last == Timestamp(seconds: 2000))
        #expect(domain.isBeforeKnown && domain.known == now)
        #expect(
            domain.sentence.hasPrefix("before it was known: 10.0.0.5 met domain evil.example 2 times in dns.query"))
        #expect(hunt.alerts().count == 4)
        #expect(hunt.alerts().map(\.count).sorted() == [1, 1, 2, 2])
        let again = try run(folder, "evil.example\n203.0.113.66:443\n203.0.113.66\n").1
        #expect(again.findings == outcome.findings)
    }

    @Test func `bloom filters leave out what cannot have the few`() throws {
        let folder = try store()
        let outcome = try run(folder, "198.18.77.1\n198.18.77.2\n").1
        #expect(outcome.findings.isEmpty)
        #expect(outcome.skippedGroups >= 2)
        #expect(try run(folder, "203.0.113.66\n").1.findings.count == 2)
    }

    @Test func `time, age and number bound a run`() throws {
        let folder = try store()
        #expect(
            try run(folder, "evil.example\n") { $0.since = Timestamp(seconds: 1500) }.1.findings.map(\.count) == [1])
        #expect(try run(folder, "evil.example\n") { $0.until = Timestamp(seconds: 900) }.1.findings.isEmpty)
        #expect(try run(folder, "evil.example\n") { $0.addedSince = now.adding(second) }.1.findings.isEmpty)
        let sure = try run(folder, "evil.example\n") { $0.confidenceMin = 90 }.1
        #expect(sure.findings.isEmpty && sure.unsureCount == 2 && sure.expiredCount == 0)
        let few = try run(folder, "evil.example\n203.0.113.66\n") { $0.findingsMax = 1 }.1
        #expect(few.findings.count == 1 && few.lostCount > 0)
    }

    @Test func `what many of our hosts have met is demoted`() throws {
        let folder = Folder()
        let appender = try StoreAppender(folder: folder.path, sensorName: "test")
        for host in 1...40 {
            appender.append(TestConn(1500, "10.0.0.\(host)", "203.0.113.\(host <= 15 ? 66 : 1)", 443))
        }
        try appender.commit()
        let (hunt, outcome) = try run(folder, "203.0.113.66\n")
        #expect(outcome.findings.count == 15 && outcome.findings.allSatisfy { $0.prevalence == 0.375 })
        #expect(hunt.alerts().allSatisfy { $0.severity == 4 })
        let few = try run(folder, "203.0.113.66\n") { $0.prevalenceMax = 50 }
        #expect(few.1.findings.allSatisfy { $0.prevalence == nil } && few.0.alerts().allSatisfy { $0.severity == 2 })
    }

    @Test func `a store keeps feeds, and since when each indicator is known`() throws {
        let folder = Folder()
        let intel = IntelFolder(store: folder.path)
        #expect(intel.names().isEmpty)
        try intel.replace(try set("one", "evil.example\n203.0.113.1\n"))
        var later = try FeedReader.read(
            Array("evil.example\n203.0.113.2\n".utf8), path: "x",
            options: {
                var options = FeedOptions(name: "one"); options.form = .list; return options
            }(),
            now: now.adding(1000 * second)
        ).set
        later.name = "one"
        try intel.replace(later)
        let kept = try intel.set("one")
        #expect(kept.rows.map(\.added) == [1_796_083_200, 1_796_084_200])
        #expect(intel.status(now: now) { _ in }.map(\.count) == [2])
        #expect(throws: IntelError(.value, "", path: "", advice: "")) { try intel.set("../x") }
        #expect(throws: IntelError(.unknown, "", path: "", advice: "")) { try intel.set("two") }
        try Data([1, 2, 3]).write(to: URL(filePath: intel.path + "/bad.indicators"))
        var told: [String] = []
        #expect(intel.sets { told.append($0) }.count == 1 && told.count == 1)
        try intel.remove("one")
        #expect(intel.names() == ["bad"])
    }
}
