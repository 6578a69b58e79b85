// SPDX-License-Identifier: Apache-2.0
//
// The page of an incident, its JSON, and next steps: whole, and safe to read whatever an attacker sent.

import Foundation
import JSON
import Query
import Records
import Store
import Testing

@testable import Incidents

@Suite("pages of incidents") struct IncidentPageTests {
    private func view(_ alerts: [StoredAlert] = breakIn) throws -> (IncidentStore, IncidentView) {
        let store = try IncidentStore()
        let number = try #require(try store.ledger.correlate(alerts).raised.first)
        return (store, try store.ledger.view(number))
    }

    @Test func `the page says what happened, when, to whom and what was found`() throws {
        let (_, view) = try view()
        let text = IncidentPage.make(view, .text)
        for part in [
            "203.0.113.66 scanned 10.20.5.80", "TIMELINE", "exfiltration", "TA0010", "ENTITIES", "attacker",
            "ALERTS", "10.20.0.53:53", "INDICATORS", "WHAT WAS DONE", "raised", "critical, new",
        ] { #expect(text.contains(part), "\(part)") }
        let markdown = IncidentPage.make(view, .markdown)
        #expect(markdown.hasPrefix("# Incident \(view.number): Scan, exploit, "))
        #expect(markdown.contains("## Timeline") && markdown.contains("|---|"))
    }

    @Test func `the page says what was done, what a rule has found, and the same call once`() throws {
        var alerts = breakIn
        alerts[1].source = "sigma"
        alerts[1].matched = []
        alerts[1].evidence = #"{"log":"http","cs-uri-query":"/evil?x=1"}"#
        alerts[2].responderPort = 0
        let (store, before) = try view(alerts)
        let number = before.number
        try store.ledger.act(.take(owner: "ann"), on: number, who: "ann", why: "")
        try store.ledger.act(.verdict(.truePositive, isFoundOutside: false), on: number, who: "ann", why: "seen")
        try store.ledger.act(.escalate(to: "bob"), on: number, who: "ann", why: "large")
        var seen = try store.ledger.view(number)
        var context = IncidentContext()
        for second in 0..<3 {
            context.cloudCalls.append(
                IncidentCloudCall(
                    time: Timestamp(seconds: 1_796_083_200 + Int64(second)), principal: "arn:eve",
                    call: "GetSecretValue", address: "203.0.113.9", outcome: "success", record: "r\(second)"))
        }
        seen.context = context
        let text = IncidentPage.make(seen, .text)
        for part in ["verdict true-positive", "escalated to bob", "cs-uri-query: /evil?x=1"] {
            #expect(text.contains(part), "\(part)\n\(text)")
        }
        #expect(!text.contains(":0 "), "a finding about all ports has none")
        let calls = text.split(separator: "\n").filter { $0.contains("GetSecretValue") }
        #expect(calls.count == 1 && calls[0].hasSuffix("3"))
        var json = JSONWriter()
        seen.write(to: &json)
        #expect(try JSONDocument(json.octets).root["cloud_calls"]?.count == 3)
    }

    @Test func `what an attacker sent cannot move the cursor, break a table or become a tag`() throws {
        var hostile = breakIn
        hostile[1].title = "a\u{1B}[2J|b\n<script>`x`\u{9B}"
        hostile[1].matched = [0x24, 0x7B, 0, 0x7C, 0xFF]
        let (_, view) = try view(hostile)
        let text = IncidentPage.make(view, .text)
        #expect(!text.contains("\u{1B}") && !text.contains("\u{9B}") && text.contains("a·[2J|b·"))
        #expect(text.contains("${|00 7c ff|"))
        let markdown = IncidentPage.make(view, .markdown)
        #expect(!markdown.contains("<script>") && !markdown.contains("`x`") && markdown.contains("\\|b"))
        var json = JSONWriter()
        view.write(to: &json)
        let root = try JSONDocument(json.octets).root
        let titles = try #require(root["alerts"]).elements.compactMap { $0["title"]?.string }
        #expect(titles.contains(hostile[1].title))
    }

    @Test func `of many alerts the page shows those that say most`() throws {
        let noise = (0..<60).map {
            alert(30 + Int64($0) % 20, "probe \($0)", "203.0.113.66", "10.20.5.80", severity: 4)
        }
        let (_, view) = try view(breakIn + noise)
        let text = IncidentPage.make(view, .text)
        let alerts = try #require(text.split(separator: "ALERTS\n").last?.split(separator: "\n\n").first)
        for rule in breakIn.map(\.rule) where rule != "scan" { #expect(alerts.contains(rule), "\(rule)\n\(alerts)") }
        #expect(alerts.contains("… and 43 more"), "\(alerts)")
        let times = alerts.split(separator: "\n").dropFirst().compactMap { line in
            line.contains("more") ? nil : line.prefix(22)
        }
        #expect(times == times.sorted())
    }

    @Test func `of many deeds the page shows the newest`() throws {
        let (store, view) = try view()
        for number in 0..<40 {
            try store.ledger.act(.note, on: view.number, who: "clara", why: "step \(number).")
            _ = try store.ledger.correlate([
                alert(240 + Int64(number), "more \(number)", "10.20.5.80", "198.51.100.77", severity: 4)
            ])
        }
        let page = IncidentPage.make(try store.ledger.view(view.number), .text)
        let deeds = try #require(page.split(separator: "WHAT WAS DONE\n").last)
        #expect(deeds.contains("step 39.") && deeds.contains("step 30.") && !deeds.contains("step 2."))
        #expect(deeds.contains("more"))
    }

    @Test func `the JSON holds everything, with times as RFC 3339 has them`() throws {
        let (store, view) = try view()
        try store.ledger.act(.note, on: view.number, who: "a", why: "x", json: "{\"ticket\":7}")
        var json = JSONWriter()
        try store.ledger.view(view.number).write(to: &json)
        let root = try JSONDocument(json.octets).root
        #expect(root["number"]?.integer == view.number && root["uid"]?.string == view.uid)
        #expect(root["severity"]?.string == "critical" && root["state"]?.string == "new")
        #expect(root.at("times", "t0")?.string == "2026-12-01T00:00:22.000000Z")
        #expect(root.at("times", "t3") == nil)
        #expect(root["stages"]?.count == view.stages.count && root["alerts"]?.count == breakIn.count)
        #expect(root.at("events", "1", "what", "ticket")?.integer == 7)
    }

    @Test func `evidence that is no JSON stays out of it`() throws {
        var alerts = breakIn
        alerts[0].evidence = "{\"a\":"
        alerts[2].evidence = "{\"score\":0.97}"
        let (_, view) = try view(alerts)
        var json = JSONWriter()
        view.write(to: &json)
        let root = try JSONDocument(json.octets).root
        let beacon = try #require(root["alerts"]).elements.first { $0["rule"]?.string == "beacon" }
        #expect(beacon?.at("evidence", "score")?.double == 0.97)
        #expect(try #require(root["alerts"]).elements.first { $0["rule"]?.string == "scan" }?["evidence"] == nil)
        #expect(view.alerts.first { $0.rule == "beacon" }?.confidence == 0.97)
    }

    @Test func `a store without the logs leaves gaps, not errors`() throws {
        let (store, view) = try view()
        let context = ContextReading.read(view, try StoreQuery(store: store.path))
        #expect(context.connections.isEmpty && context.gaps.isEmpty)
    }

    // MARK: playbooks

    @Test func `steps fill themselves in, and those without an answer are left out`() throws {
        let (_, view) = try view()
        let book = try Playbook(
            yaml: """
                name: Test
                stages: [exfiltration]
                steps:
                  - title: One
                    query: SELECT 1 FROM conn WHERE id_resp_h IN ({destinations}) AND ts >= {from}
                  - {title: Two, query: "SELECT 1 FROM x WHERE user IN ({users})"}
                  - {title: Three, command: "weir incidents contain {number} --store {store}"}
                """, path: "test.yaml")
        let other = try Playbook(yaml: "{name: Other, stages: [impact], steps: [{title: X}]}", path: "other.yaml")
        let steps = Playbook.steps([other, book], for: view, store: "my store")
        #expect(steps.map(\.title) == ["One", "Three"])
        #expect(
            steps[0].query == "SELECT 1 FROM conn WHERE id_resp_h IN ('198.51.100.77', '198.51.100.78') "
                + "AND ts >= '2026-12-01 00:00:22.000000'")
        #expect(steps[1].command == "weir incidents contain \(view.number) --store 'my store'")
    }

    @Test func `names that an attacker chose are quoted, in questions and on the command line`() throws {
        let (_, view) = try view([
            alert(1, "a", "10.0.0.1", "198.51.100.1", technique: "T1071", entities: ["domain:x'; drop table--"])
        ])
        let book = try Playbook(
            yaml: "{name: T, stages: any, steps: [{title: A, query: 'q {domains}', command: 'c {domains}'}]}",
            path: "t.yaml")
        let step = try #require(Playbook.steps([book], for: view, store: "s").first)
        #expect(step.query == "q 'x''; drop table--'")
        #expect(step.command == "c 'x'\\''; drop table--'")
    }

    @Test(arguments: [
        "", "[", "a: 1", "{name: X, steps: []}", "{name: X, stages: [nowhere], steps: [{title: a}]}",
        "{name: X, stages: any, steps: [{text: a}]}", "{name: X, stages: any, steps: [{title: a, query: 'x {what}'}]}",
        "{name: X, stages: any}", "- a\n- b",
    ])
    func `a playbook that makes no sense is refused`(_ yaml: String) {
        #expect(throws: IncidentError(.playbook, "", advice: "")) { try Playbook(yaml: yaml, path: "x.yaml") }
    }

    @Test func `the playbooks that come with weir are read`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Signatures/playbooks").path
        let books = try Playbook.read(folder: folder)
        #expect(books.count >= 7)
        let covered = Set(books.flatMap { $0.stages ?? [] })
        #expect(covered.isSuperset(of: [.scan, .exploit, .beacon, .tunnel, .exfiltration, .lateral, .credentials]))
        #expect(throws: IncidentError(.playbook, "", advice: "")) { try Playbook.read(folder: "/nowhere") }
    }

    @Test func `what was never worth a person is forgotten after a month`() throws {
        let store = try IncidentStore()
        let old = alert(0, "one attempt", "203.0.113.9", "10.20.5.80", technique: "T1190")
        _ = try store.ledger.correlate([old])
        #expect(try store.ledger.list([.watched]).count == 1)
        var shifted = breakIn
        // Not later than now, which the clock of the test says.
        let back = Timestamp(seconds: 1_764_547_200).since(shifted[0].ts)
        for place in shifted.indices {
            shifted[place].ts = shifted[place].ts.adding(back)
            (shifted[place].first, shifted[place].last) = (shifted[place].ts, shifted[place].ts)
        }
        var older = old
        older.ts = shifted[0].ts.adding(-40 * 86_400 * second)
        (older.first, older.last) = (older.ts, older.ts)
        let other = try IncidentStore()
        _ = try other.ledger.correlate([older])
        #expect(try other.ledger.list([.watched]).count == 1)
        _ = try other.ledger.correlate(shifted)
        #expect(try other.ledger.list([.watched]).isEmpty)
        #expect(try other.ledger.list([.new]).count == 1)
    }
}
