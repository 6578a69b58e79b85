// SPDX-License-Identifier: Apache-2.0
//
// Sets of rules: files, filters, sources; rules over rows, audit records and a store.

import Foundation
import JSON
import Query
import Records
import Store
import Testing

@testable import Sigma

private struct RequestRecord: LogRecord {
    var ts = Timestamp.zero
    var id: ConnectionID?
    var host = Text.absent
    var uri = Text.absent
    var status: UInt64?
    var types: [Text]?
    var text = TextBuffer()
    static let log = LogID.http
    static let summary: StaticString = "Requests."
    func write(to row: inout RowBatch) {
        row.connection(ts, UID(value: 77), id)
        row.text("host", host, in: text, "Host.")
        row.text("uri", uri, in: text, "Target.")
        row.count("status_code", status, "Status.")
        row.textVector("resp_mime_types", types, in: text, "Types.")
    }
}

private func request(
    _ uri: String, _ status: UInt64 = 200, _ second: Int64 = 100, host: String = "Example.COM"
) -> RequestRecord {
    var record = RequestRecord()
    func add(_ text: String) -> Text {
        let start = record.text.begin()
        record.text.bytes.append(contentsOf: text.utf8)
        return record.text.end(start)
    }
    record.ts = Timestamp(seconds: second)
    record.id = ConnectionID(
        originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0xC000_0201), originatorPort: 1234,
        responderPort: 80, transport: .tcp, protocolNumber: 6)
    record.host = add(host)
    record.uri = add(uri)
    record.status = status
    record.types = [add("text/html"), add("image/png")]
    return record
}

private final class Scratch {
    let path = FileManager.default.temporaryDirectory.appending(path: "sigma-\(UUID().uuidString)").path
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }
}

private func webRule(_ detection: String, id: String, source: String = "category: webserver") -> String {
    ruleText(detection).replacingOccurrences(of: "product: aws\n  service: cloudtrail", with: source)
        .replacingOccurrences(of: "11111111-2222-3333-4444-555555555555", with: id)
}

private let schemas = [RequestRecord.makeSchema()]

@Suite("Sigma rules") struct SigmaRulesTests {
    @Test func `a folder's documents are reported one by one, and filters are put on their rules`() throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  cs-uri-query|contains: evil\ncondition: s", id: "one"))
        try scratch.write("b.yaml", webRule("s:\n  x: 1\ncondition: s", id: "two", source: "product: windows"))
        try scratch.write("c.yml", webRule("s:\n  x|nope: 1\ncondition: s", id: "three"))
        try scratch.write("d.yml", webRule("s:\n  cs-host: a\ncondition: s", id: "one"))
        try scratch.write(
            "f.yml",
            """
            title: Not the scanner
            logsource: {category: webserver}
            filter:
              rules: [one]
              scanner: {sc-status: 404}
              condition: not scanner
            """)
        try scratch.write("g.txt", "not a rule")
        let rules = SigmaRules([scratch.path], schemas: schemas)
        #expect(rules.rules.map(\.id) == ["one"])
        #expect(rules.accepted.map(\.title) == ["Not the scanner", "T"])
        #expect(rules.withoutSource.map(\.path) == [scratch.path + "/b.yaml"])
        #expect(rules.rejected.map(\.path) == ["c.yml", "d.yml"].map { scratch.path + "/" + $0 })
        #expect(rules.rules[0].techniques == ["T1078.004"])
        #expect(hits(rules, [request("/evil", 200), request("/evil", 404), request("/good")]) == ["one"])
    }

    @Test func `logs that alerts make are no source for rules`() throws {
        let scratch = try Scratch()
        for service in ["intel", "signatures", "conn"] {
            try scratch.write(
                "\(service).yml",
                """
                title: \(service)
                logsource: {product: zeek, service: \(service)}
                detection: {seen: {uid: '*'}, condition: seen}
                """)
        }
        let rules = SigmaRules([scratch.path], schemas: schemas)
        #expect(rules.accepted.map(\.title) == ["conn"])
        #expect(rules.withoutSource.map(\.title) == ["intel", "signatures"])
    }

    private func hits(_ rules: SigmaRules, _ records: [RequestRecord]) -> [String] {
        var observer = SigmaObserver(SigmaShelf(SigmaSet(rules, schemas: schemas)), foldSeconds: 0)
        var rows = RowBatch(schemas[0])
        for (number, record) in records.enumerated() { rows.append(record, order: UInt64(number), ordinal: 3) }
        let alertSchema = AlertRecord.makeSchema()
        var alerts = RowBatch(alertSchema)
        observer.observe(rows, alerts: &alerts)
        let column = alertSchema.columns[alertSchema.index(of: "rule_id") ?? 0]
        return (0..<alerts.count).map { row in
            String(decoding: alerts.bytes[alerts.textRange(row, column)], as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("c-uri: 'http://example.com/a/b.PHP?x=1'", true), ("c-uri|startswith: /a/b", true),
        ("cs-uri-stem: /a/b.php", true), ("c-uri-query: x=1", true), ("cs-uri-query: x=1", true),
        ("cs-uri-query|startswith: /a", true), ("c-uri-extension: php", true), ("cs-host|endswith: .com", true),
        ("sc-status: 200", true), ("id.resp_p: 80", true), ("dst_ip|cidr: 192.0.2.0/24", true), ("SRC_PORT: 1234",
        true),
        ("id_orig_h: 10.0.0.1", true), ("resp_mime_types: image/png", true), ("cs-cookie: null", true),
        ("cs-uri-stem|contains: x=1", false), ("url.query: x=1", true),
    ])
    func `columns answer to the names of Zeek, W3C, ECS and firewalls`(_ test: String, _ fits: Bool) throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  \(test)\ncondition: s", id: "one"))
        let rules = SigmaRules([scratch.path], schemas: schemas)
        #expect(hits(rules, [request("/a/b.PHP?x=1")]) == (fits ? ["one"] : []))
    }

    @Test func `hits of one rule between the same hosts are one alert while they go on`() throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  cs-uri-query|contains: evil\ncondition: s", id: "one"))
        try scratch.write("b.yml", webRule("s:\n  sc-status: 404\ncondition: s", id: "two"))
        let rules = SigmaRules([scratch.path], schemas: schemas)
        var observer = SigmaObserver(SigmaShelf(SigmaSet(rules, schemas: schemas)), foldSeconds: 60)
        var alerts = RowBatch(AlertRecord.makeSchema())
        func look(_ records: [RequestRecord]) {
            var rows = RowBatch(schemas[0])
            for record in records { rows.append(record, order: 1, ordinal: 1) }
            observer.observe(rows, alerts: &alerts)
        }
        look([request("/evil", 200), request("/evil", 404), request("/evil", 200)])
        #expect(alerts.isEmpty, "they wait for more of their kind")
        observer.advance(to: request("/").ts.adding(61 * 1_000_000_000), order: 2, alerts: &alerts)
        #expect(counts(alerts) == ["one 3", "two 1"])
        look([request("/evil", 200)])
        observer.finish(alerts: &alerts)
        #expect(counts(alerts) == ["one 3", "two 1", "one 1"])
        #expect(observer.hitCount == 5)
    }

    @Test func `what is no rule by its kind or size is refused unread, filters grow no rule without end`() throws {
        let scratch = try Scratch()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["mkfifo", scratch.path + "/pipe.yml"]
        try process.run()
        process.waitUntilExit()
        try scratch.write("large.yml", String(repeating: "# nothing\n", count: 200_000))
        try scratch.write("rule.yml", ruleText("s:\n  eventName: x\ncondition: s"))
        let values = (0..<4000).map { "      - v\($0)\n" }.joined()
        for number in 0..<4 {
            try scratch.write(
                "filter\(number).yml",
                "title: F\(number)\nlogsource: {product: aws, service: cloudtrail}\nfilter:\n  rules: any\n"
                    + "  s:\n    f:\n\(values)  condition: not s\n")
        }
        let rules = SigmaRules([scratch.path])
        #expect(rules.rules.count == 1 && (rules.rules.first?.node.count ?? 0) < 10_000)
        let codes = rules.rejected.compactMap { report -> SigmaRefusal.Code? in
            guard case .rejected(let refusal) = report.verdict else { return nil }
            return refusal.code
        }
        #expect(Set(codes) == [.file, .yaml, .condition] && codes.filter { $0 == .condition }.count == 2, "\(codes)")
    }

    @Test func `rules are exchanged while rows go on`() throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  cs-uri-query|contains: evil\ncondition: s", id: "one"))
        let shelf = SigmaShelf(SigmaSet(SigmaRules([scratch.path], schemas: schemas), schemas: schemas))
        var observer = SigmaObserver(shelf, foldSeconds: 0)
        var alerts = RowBatch(AlertRecord.makeSchema())
        var rows = RowBatch(schemas[0])
        rows.append(request("/evil"), order: 1, ordinal: 1)
        observer.observe(rows, alerts: &alerts)
        try scratch.write("a.yml", webRule("s:\n  cs-uri-query|contains: evil\ncondition: s", id: "two"))
        shelf.replace(with: SigmaSet(SigmaRules([scratch.path], schemas: schemas), schemas: schemas))
        observer.observe(rows, alerts: &alerts)
        #expect(counts(alerts) == ["one 1", "two 1"])
    }

    private func counts(_ alerts: RowBatch) -> [String] {
        let schema = AlertRecord.makeSchema()
        let rule = schema.columns[schema.index(of: "rule_id") ?? 0]
        let count = schema.columns[schema.index(of: "count") ?? 0]
        return (0..<alerts.count).map { row in
            String(decoding: alerts.bytes[alerts.textRange(row, rule)], as: UTF8.self) + " \(alerts.word(row, count))"
        }
    }

    @Test func `fields that no log has are told`() throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  cs-cookie: x\n  cs-method: y\n  uri: z\ncondition: s", id: "one"))
        let rules = SigmaRules([scratch.path], schemas: schemas)
        // The schema of this test has no method.
        #expect(rules.reports[0].unknownFields == ["cs-cookie", "cs-method"])
        #expect(rules.reports[0].logs == ["http"])
    }

    @Test func `the same hits come out of the store as out of rows`() throws {
        let scratch = try Scratch()
        let texts = [
            "a": "s:\n  cs-uri-query|contains: evil\ncondition: s", "b": "s:\n  sc-status: [404, 500]\ncondition: s",
            "c": "k:\n  - example.com\ncondition: k",
            "d": "s:\n  resp_mime_types: image/png\n  c-uri|re: '[0-9]{3}'\ncondition: s",
        ]
        for (name, text) in texts { try scratch.write(name + ".yml", webRule(text, id: name)) }
        let records = [request("/evil?1"), request("/x", 404, 200), request("/123", 500, 300), request("/good", 200,
        400)]
        let rules = SigmaRules([scratch.path], schemas: schemas)
        let live = hits(rules, records)
        let appender = try StoreAppender(folder: scratch.path + "/store", sensorName: "s")
        for record in records { appender.append(record) }
        try appender.commit()
        let hunt = SigmaHunt(rules, schemas: schemas)
        var stored: [SigmaHit] = []
        try hunt.run(StoreQuery(store: scratch.path + "/store")) { hit in
            stored.append(hit)
            return true
        }
        #expect(stored.map(\.rule.id) == live)
        #expect(live == ["a", "c", "b", "c", "b", "c", "d", "c"])
        #expect(stored[0].connection?.responderPort == 80 && stored[0].uid == UID(value: 77))
        #expect(stored[0].entities == ["domain:Example.COM"])
        #expect(stored[0].evidence == #"{"log":"http","cs-uri-query":"/evil?1"}"#)
        var late: [String] = []
        let (since, until) = (Timestamp(seconds: 200), Timestamp(seconds: 400))
        try hunt.run(StoreQuery(store: scratch.path + "/store"), since: since, until: until) { hit in
            late.append(hit.rule.id)
            return late.count < 3
        }
        #expect(late == ["b", "c", "b"])
    }

    @Test func `hits that an alert of the store stands for are known`() throws {
        let scratch = try Scratch()
        try scratch.write("a.yml", webRule("s:\n  cs-uri-query|contains: evil\ncondition: s", id: "one"))
        let rules = SigmaRules([scratch.path], schemas: schemas)
        let store = scratch.path + "/store"
        let appender = try StoreAppender(folder: store, sensorName: "test")
        let requests = (0..<5).map { request("/evil", 200, 100 + $0 * 20) } + [request("/evil", 200, 900)]
        for record in requests { appender.append(record) }
        // The sensor has folded the first three of them.
        var observer = SigmaObserver(SigmaShelf(SigmaSet(rules, schemas: schemas)), foldSeconds: 50)
        var rows = RowBatch(schemas[0])
        for record in requests.prefix(3) { rows.append(record, order: 1, ordinal: 1) }
        var alerts = RowBatch(AlertRecord.makeSchema())
        observer.observe(rows, alerts: &alerts)
        observer.finish(alerts: &alerts)
        #expect(counts(alerts) == ["one 3"])
        appender.append(alerts, schema: AlertRecord.makeSchema())
        try appender.commit()
        func new() throws -> [AlertRecord] {
            let query = try StoreQuery(store: store, schemas: schemas + [AlertRecord.makeSchema()])
            let known = try SigmaKnown(query)
            var new: [AlertRecord] = []
            try SigmaHunt(rules, schemas: schemas).run(query) { hit in
                if !known.contains(hit) { new.append(hit.alert) }
                return true
            }
            return new
        }
        let first = try new()
        #expect(first.map { $0.ts.nanoseconds / 1_000_000_000 }.sorted() == [160, 180, 900])
        let folded = FoldedAlerts.fold(first, seconds: 50)
        #expect(folded.map(\.count) == [2, 1])
        for alert in folded { appender.append(alert) }
        try appender.commit()
        #expect(try new().isEmpty)
    }

    @Test func `rows that no rule can fit are not read`() throws {
        let scratch = try Scratch()
        try scratch.write(
            "a.yml", webRule("s:\n  cs-host: [b.example, EXAMPLE.com]\n  uri|contains: e\ncondition: s", id: "one"))
        let appender = try StoreAppender(folder: scratch.path + "/store", sensorName: "s")
        for record in [request("/evil"), request("/evil", host: "other.example"), request("/x")] {
            appender.append(record)
        }
        try appender.commit()
        let hunt = SigmaHunt(SigmaRules([scratch.path], schemas: schemas), schemas: schemas)
        var found: [String] = []
        try hunt.run(StoreQuery(store: scratch.path + "/store")) { hit in
            found.append(hit.rule.id)
            return true
        }
        #expect(found == ["one"] && hunt.rowCount == 2)
    }

    @Test func `audit records are matched by provider, with the names that rules use`() throws {
        let scratch = try Scratch()
        try scratch.write(
            "a.yml", webRule("s:\n  gcp.audit.method_name: x.Delete\ncondition: s", id: "g", source: "product: gcp"))
        try scratch.write(
            "b.yml", webRule("s:\n  properties.message: Add member to role\ncondition: s", id: "z",
            source: "product: azure"))
        try scratch.write("c.yml", webRule("s:\n  eventName|expand: '%x%'\ncondition: s", id: "p",
        source: "product: aws"))
        let rules = SigmaRules([scratch.path], placeholders: ["x": ["X.delete"]])
        let cloud = SigmaCloud(rules)
        func match(_ provider: String, _ json: String) throws -> [String] {
            try cloud.match(provider, JSONDocument(json).root) { SigmaCloudFacts() }.map(\.rule.id)
        }
        #expect(try match("gcp", #"{"protoPayload":{"methodName":"x.delete"}}"#) == ["g"])
        #expect(try match("aws", #"{"protoPayload":{"methodName":"x.delete"},"eventName":"x.Delete"}"#) == ["p"])
        #expect(try match("azure", #"{"OperationName":"Add member to role"}"#) == ["z"])
        #expect(try match("azure", #"{"properties":{"activityDisplayName":"add member to role"}}"#) == ["z"])
        #expect(try match("okta", #"{"OperationName":"Add member to role"}"#) == [])
    }
}
