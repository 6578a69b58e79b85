// SPDX-License-Identifier: Apache-2.0
//
// Suricata's events into a store.

import Query
import Records
import Testing

@testable import Ingest

private let common = "\"timestamp\":\"2026-11-22T13:00:05.250000+0000\",\"flow_id\":17,\"proto\":\"TCP\","
private let ends = "\"src_ip\":\"10.0.0.1\",\"src_port\":40000,\"dest_ip\":\"192.0.2.7\",\"dest_port\":443,"
private let dnsEnds = "\"src_ip\":\"10.0.0.1\",\"src_port\":40001,\"dest_ip\":\"10.0.0.53\",\"dest_port\":53,"
private let dnsBack = "\"src_ip\":\"10.0.0.53\",\"src_port\":53,\"dest_ip\":\"10.0.0.1\",\"dest_port\":40001,"

private func event(_ kind: String, _ more: String, ends: String = ends) -> String {
    "{\"event_type\":\"\(kind)\",\(common)\(ends)\(more)}\n"
}

@Suite struct EVETests {
    @Test func `a flow is a connection with estimated sizes`() throws {
        let folder = try IngestFolder()
        let text = event(
            "flow",
            "\"app_proto\":\"tls\",\"flow\":{\"pkts_toserver\":10,\"pkts_toclient\":8,\"bytes_toserver\":1540,"
                + "\"bytes_toclient\":9000,\"start\":\"2026-11-22T13:00:00.250000+0000\","
                + joined(
                    "\"end\":\"2026-11-22T13:00:05.000000+0000\"},\"tcp\":{\"tcp_flags_ts\":\"1b\",\"tcp_flags_",
                    "tc\":\"1b\"}"))
            + event("flow", joined(
                "\"flow\":{\"pkts_toserver\":1,\"pkts_toclient\":1},\"tcp\":{\"tcp_flags_ts\":\"02\",\"tcp_",
                "flags_tc\":\"14\"}"))
        #expect(try folder.ingest([try folder.write("eve.json", text)], .eve).rows == ["conn": 2])
        let rows = try folder.rows("SELECT * FROM conn ORDER BY ts")
        #expect(rows[0].real("duration") == 4.75)
        #expect(rows[0].integer("orig_ip_bytes") == 1400)
        #expect(rows[0].integer("orig_bytes") == 1000)
        #expect(rows[0].text("service") == "ssl")
        #expect(rows[0].text("conn_state") == "SF")
        #expect(rows[0].text("proto") == "tcp")
        #expect(rows[1].text("conn_state") == "REJ")
        #expect(rows[0].text("uid") == rows[1].text("uid"))
    }

    @Test func `a flow of more than two centuries is read`() throws {
        let folder = try IngestFolder()
        let flow = "\"flow\":{\"start\":\"1700-01-01T00:00:00.000000+0000\","
            + "\"end\":\"2260-01-01T00:00:00.000000+0000\"}"
        #expect(try folder.ingest([try folder.write("eve.json", event("flow", flow))], .eve).rows == ["conn": 1])
    }

    @Test(arguments: [
        "\"dns\":{\"version\":3,\"type\":\"response\",\"id\":7,\"rcode\":\"NOERROR\",\"rd\":true,"
            + joined(
                "\"queries\":[{\"rrname\":\"a.example\",\"rrtype\":\"A\"}],\"answers\":[{\"rrname\":\"a.exa",
                "mple\",\"rdata\":\"192.0.2.1\",\"ttl\":60}]}"),
        "\"dns\":{\"version\":2,\"type\":\"answer\",\"id\":7,\"rcode\":\"NOERROR\",\"rd\":true,"
            + joined(
                "\"rrname\":\"a.example\",\"rrtype\":\"A\",\"answers\":[{\"rrname\":\"a.example\",\"rdata\"",
                ":\"192.0.2.1\",\"ttl\":60}]}"),
        joined(
            "\"dns\":{\"type\":\"answer\",\"id\":7,\"rcode\":\"NOERROR\",\"rd\":true,\"rrname\":\"a.exa",
            "mple\",\"rrtype\":\"A\",")
            + "\"rdata\":\"192.0.2.1\",\"ttl\":60}",
    ])
    func `an answer of DNS of any version is one row with its question`(_ answer: String) throws {
        let folder = try IngestFolder()
        let question = "\"dns\":{\"type\":\"query\",\"id\":7,\"rrname\":\"a.example\",\"rrtype\":\"A\"}"
        let lost = "\"dns\":{\"type\":\"request\",\"id\":8,\"queries\":[{\"rrname\":\"b.example\",\"rrtype\":\"TXT\"}]}"
        let text = event("dns", question, ends: dnsEnds).replacing("05.25", with: "05.20")
            + event("dns", lost, ends: dnsEnds)
            + event("dns", answer, ends: dnsBack)
        #expect(try folder.ingest([try folder.write("eve.json", text)], .eve).rows == ["dns": 2])
        let rows = try folder.rows("SELECT * FROM dns ORDER BY query")
        #expect(rows[0].text("id_orig_h") == "10.0.0.1" && rows[0].integer("id_resp_p") == 53)
        #expect(rows[0].real("rtt") == 0.05)
        #expect(rows[0].integer("qtype") == 1 && rows[0].integer("rcode") == 0)
        #expect(rows[0].text("answers") == "[\"192.0.2.1\"]" && rows[0].text("TTLs") == "[60.0]")
        #expect(rows[1].text("query") == "b.example" && rows[1]["rcode"] == .null && rows[1].integer("qtype") == 16)
        #expect(rows[0].text("uid") == rows[1].text("uid"))
    }

    @Test func `the events of protocols fill their logs`() throws {
        let folder = try IngestFolder()
        let events: [String] = [
            event("http", joined(
                "\"tx_id\":0,\"http\":{\"hostname\":\"a.example\",\"url\":\"/x\",\"http_method\":\"GET\",\"",
                "protocol\":\"HTTP/1.1\",\"status\":200,\"length\":5,\"http_user_agent\":\"u\"}")),
            event("tls", joined(
                "\"tls\":{\"sni\":\"a.example\",\"version\":\"TLS 1.2\",\"subject\":\"CN=a\",\"issuerdn\":",
                "\"CN=a\",\"fingerprint\":\"aa:bb\",\"notbefore\":\"2026-11-20T00:00:00\",\"ja3\":{\"hash\"",
                ":\"h\"}}")),
            event("fileinfo", joined(
                "\"direction\":\"to_client\",\"app_proto\":\"http\",\"fileinfo\":{\"filename\":\"/x\",\"siz",
                "e\":5,\"sha256\":\"ab\"}"), ends: joined(
                "\"src_ip\":\"192.0.2.7\",\"src_port\":443,\"dest_ip\":\"10.0.0.1\",\"dest_port\":40000,")),
            event("alert", joined(
                "\"alert\":{\"gid\":1,\"signature_id\":2000001,\"rev\":3,\"signature\":\"Bad\",\"severity\"",
                ":1,\"category\":\"c\",\"metadata\":{\"mitre_technique_id\":[\"T1071\"]}}")),
            event("ssh", joined(
                "\"ssh\":{\"client\":{\"proto_version\":\"2.0\",\"software_version\":\"OpenSSH_9\"},\"serve",
                "r\":{\"proto_version\":\"2.0\",\"software_version\":\"dropbear\"}}")),
            event("smtp", joined(
                "\"smtp\":{\"helo\":\"h\",\"mail_from\":\"<a@b>\",\"rcpt_to\":[\"<c@d>\"]},\"email\":{\"sub",
                "ject\":\"s\"}")),
            event("stats", "\"stats\":{}"),
        ]
        let summary = try folder.ingest([try folder.write("eve.json", events.joined())], .eve)
        #expect(summary.rows == ["http": 1, "ssl": 1, "x509": 1, "files": 1, "alert": 1, "ssh": 1, "smtp": 1])
        #expect(summary.unknown == ["stats"] && summary.oddValues == 0)
        #expect(try folder.rows("SELECT version, host, trans_depth FROM http").first?.text("version") == "1.1")
        let tls = try #require(folder.rows("SELECT * FROM ssl").first)
        #expect(tls.text("version") == "TLSv12" && tls.text("ja3") == "h")
        #expect(tls.text("cert_chain_fps") == "[\"aa:bb\"]")
        let file = try #require(folder.rows("SELECT * FROM files").first)
        #expect(file.text("id_orig_h") == "10.0.0.1" && file.boolean("is_orig") == false)
        #expect(file.text("source") == "HTTP")
        let alert = try #require(folder.rows("SELECT * FROM alert").first)
        #expect(alert.text("rule_id") == "1:2000001:3" && alert.text("techniques") == "[\"T1071\"]")
        #expect(try folder.rows("SELECT client FROM ssh").first?.text("client") == "SSH-2.0-OpenSSH_9")
        #expect(try folder.rows("SELECT rcptto FROM smtp").first?.text("rcptto") == "[\"<c@d>\"]")
    }

    @Test func `questions that wait are bounded by their number and by their texts`() {
        func row(_ octets: Int) -> IngestedRow {
            var row = IngestedRow()
            _ = row.add(Array(repeating: UInt8(0x61), count: octets))
            return row
        }
        var few = WaitingRows(countMax: 10)
        for key in 0..<11 { few.add(UInt64(key), Int64(key), row(1)) }
        #expect(few.leftover(isAtEnd: false).count == 6)
        #expect(few.take(0) == nil && few.take(10) == 10)
        #expect(few.leftover(isAtEnd: true).count == 4)
        var long = WaitingRows(countMax: 1000, bytesMax: 10_000)
        var (dropped, most) = (0, 0)
        for key in 0..<100 {
            long.add(UInt64(key), 1, row(1000))
            dropped += long.leftover(isAtEnd: false).count
            most = max(most, key + 1 - dropped)
        }
        #expect(most <= 11 && dropped >= 89)
        #expect(long.leftover(isAtEnd: true).count == 100 - dropped)
    }

    @Test func `what is no event is told and counted`() throws {
        let folder = try IngestFolder()
        let text = joined(
            "{\"event_type\":\n[]\n{\"event_type\":\"dns\"}\n{\"timestamp\":\"x\"}\n\n")
            + event("http", "\"http\":{\"status\":\"many\"}")
        let summary = try folder.ingest([try folder.write("eve.json", text)], .eve)
        #expect(summary.badLines == 4 && summary.oddValues == 1)
        #expect(summary.rows == ["http": 1])
        #expect(folder.told.contains { $0.contains("eve.json:1: ") })
    }

    @Test func `the same events give no row twice`() throws {
        let folder = try IngestFolder()
        let file = try folder.write("eve.json", event("http", "\"http\":{\"url\":\"/a\"}"))
        #expect(try folder.ingest([file], .eve).rowCount == 1)
        let text = event("stats", "\"stats\":{}") + event("http", "\"http\":{\"url\":\"/a\"}")
        let copy = try folder.write("eve-old.json", text)
        let summary = try folder.ingest([file, copy], .eve)
        #expect(summary.rowCount == 0 && summary.knownRows == 1)
    }
}
