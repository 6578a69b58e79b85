// SPDX-License-Identifier: Apache-2.0
//
// OCSF events: what the classes require, and what rows become.

import Foundation
import JSON
import Testing

@testable import Handoff

@Suite("OCSF") struct OCSFTests {
    private let form = OCSFForm(version: "0.1.0", sensor: "north")

    private func common(_ root: JSONValue) {
        let classID = root["class_uid"]?.integer ?? 0
        #expect(root["type_uid"]?.integer == classID * 100 + (root["activity_id"]?.integer ?? -1))
        #expect(root["category_uid"]?.integer == classID / 1_000)
        #expect(root["severity_id"]?.integer != nil && root["time"]?.integer != nil)
        #expect(root.at("metadata", "version") != nil && root.at("metadata", "product", "name")?.string == "Weir")
        #expect(!root.hasDuplicateKeys)
    }

    @Test func `an incident is class 2005`() throws {
        var incident = makeIncident()
        let document = try JSONDocument(form.incident(incident))
        common(document.root)
        #expect(document.root["class_uid"]?.integer == 2005 && document.root["activity_id"]?.integer == 1)
        #expect(document.root["status_id"]?.integer == 1 && document.root["time"]?.integer == 1_722_500_000_123)
        #expect(document.root.at("metadata", "profiles", "0")?.string == "incident")
        #expect(document.root.at("finding_info_list", "0", "uid")?.string == "signature:1:2024217:3:1:abc=")
        #expect(document.root.at("assignee_group", "name") != nil)
        #expect(document.root.at("attacks", "0", "sub_technique", "uid")?.string == "T1071.004")
        #expect(document.root.at("attacks", "1", "tactic", "uid")?.string == "TA0011")
        incident.isClosed = true
        (incident.status, incident.verdict, incident.owner, incident.alerts) = ("closed", "false-positive", "alice", [])
        let closed = try JSONDocument(form.incident(incident)).root
        #expect(closed["activity_id"]?.integer == 3 && closed["status_id"]?.integer == 5)
        #expect(closed["verdict_id"]?.integer == 1 && closed.at("assignee", "name")?.string == "alice")
        #expect(closed["finding_info_list"]?.count == 1)
    }

    @Test func `an alert is class 2004, its connection the evidence`() throws {
        let row = try JSONDocument(
            """
            {"ts":"2024-08-01 08:13:20.123456","uid":"CabcD","id_orig_h":"10.0.0.5","id_orig_p":50123,
            "id_resp_h":"10.0.0.9","id_resp_p":445,"community_id":"1:abc=","source":"hunt","rule_id":"beacons",
            "title":"Beacon","severity":2,"techniques":["T1210","nonsense"],"count":4,
            "first_ts":"2024-08-01 08:00:00.000000","last_ts":"2024-08-01 08:13:20.123456",
            "entities":["host:10.0.0.5","domain:evil.example"],"evidence":"{\\"score\\":0.9}"}
            """)
        let root = try JSONDocument(form.finding(row: row.root)).root
        common(root)
        #expect(root["class_uid"]?.integer == 2004 && root["time"]?.integer == 1_722_500_000_123)
        #expect(root["severity_id"]?.integer == 3 && root.at("finding_info", "attacks")?.count == 1)
        #expect(root.at("finding_info", "analytic", "type_id")?.integer == 2)
        #expect(root.at("evidences", "0", "src_endpoint", "port")?.integer == 50_123)
        #expect(root.at("evidences", "0", "connection_info", "community_uid")?.string == "1:abc=")
        #expect(root.at("evidences", "0", "data", "score")?.double == 0.9)
        let observables = root["observables"]?.elements.compactMap { $0["value"]?.string }
        #expect(observables == ["10.0.0.5", "10.0.0.9", "evil.example"])
    }

    @Test func `a cloud record is class 6003 with the record as it came`() throws {
        let row = try JSONDocument(
            """
            {"ts":"2024-08-01 08:13:20.000000","ingest_ts":"2024-08-01T08:14:20Z","provider":"aws","record_id":"570a",
            "account":"111122223333","region":"us-east-1","service":"cloudtrail.amazonaws.com",
            "operation":"DeleteTrail",
            "activity":"delete","outcome":"failure","error_code":"AccessDenied","actor_id":"AIDA1",
            "actor_arn":"arn:aws:iam::1:user/mallory","actor_name":"mallory","actor_type":"IAMUser","mfa":false,
            "src_ip":"203.0.113.7","resources":["arn:x"],"resource_types":["AWS::CloudTrail::Trail"],
            "raw":"{\\"eventID\\":\\"570a\\"}"}
            """)
        let root = try JSONDocument(form.cloud(row: row.root)).root
        common(root)
        #expect(root["type_uid"]?.integer == 600_304 && root["status_id"]?.integer == 2)
        #expect(root.at("actor", "user", "uid")?.string == "arn:aws:iam::1:user/mallory")
        #expect(root.at("actor", "user", "uid_alt")?.string == "AIDA1")
        #expect(root.at("actor", "session", "is_mfa")?.bool == false)
        #expect(root.at("metadata", "logged_time")?.integer == 1_722_500_060_000)
        #expect(root.at("cloud", "provider")?.string == "AWS" && root["raw_data"]?.string == "{\"eventID\":\"570a\"}")
        #expect(root.at("raw_data_hash", "value")?.string?.count == 64)
        #expect(root.at("resources", "0", "type")?.string == "AWS::CloudTrail::Trail")
    }

    @Test func `a record of which nothing is known has what the class requires`() throws {
        let root = try JSONDocument(form.cloud(row: JSONDocument("{}").root)).root
        common(root)
        #expect(root["activity_id"]?.integer == 99)
        #expect(root.at("actor", "user", "name")?.string == "unknown" && root.at("src_endpoint", "name") != nil)
        #expect(root.at("api", "operation")?.string == "unknown")
        let finding = try JSONDocument(form.finding(row: JSONDocument("{}").root)).root
        common(finding)
        #expect(finding.at("finding_info", "uid") != nil && finding["evidences"] == nil)
    }

    @Test(arguments: [
        ("\"2024-08-01 08:13:20.123456\"", 1_722_500_000_123), ("\"2024-08-01T08:13:20Z\"", 1_722_500_000_000),
        ("1722500000.5", 1_722_500_000_500), ("\"2024-08-01 08:13:20.5\"", 1_722_500_000_500),
    ])
    func `times of rows are read to the millisecond`(_ text: String, _ expected: Int64) throws {
        #expect(OCSFForm.milliseconds(try JSONDocument(text).root) == expected)
    }

    @Test(arguments: ["\"\"", "\"2024\"", "\"yesterday at half past eight\"", "null", "true"])
    func `what is no time is none`(_ text: String) throws {
        #expect(OCSFForm.milliseconds(try JSONDocument(text).root) == nil)
    }
}
