// SPDX-License-Identifier: Apache-2.0
//
// From captures to incidents with the built command: the break-in is one, the office has none.

import Foundation
import Testing

/// Whether the questions that hunts ask come with this tree.
private let hasHunts = FileManager.default.fileExists(atPath: Repository.root + "/Signatures/hunts")

@Suite("incidents of captures", .enabled(if: WeirCommand.isBuilt)) struct IncidentCommandTests {
    /// A small feed, as somebody who met the attacker before would have written it.
    private static let feed = """
        # "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias",\
        "malware_printable","last_seen_utc","confidence_level","reference","tags","anonymous","reporter"
        "2026-11-20 08:01:02", "1", "cdn-sync.example", "domain", "botnet_cc", \
        "x", "", "Sync", "", "90", "", "", "0", "a"
        "2026-11-20 08:01:02", "2", "198.51.100.77:443", "ip:port", "botnet_cc", \
        "x", "", "Sync", "", "75", "", "", "0", "a"

        """

    /// Replays a capture with rules, feed and hunts; answers the incidents that were raised.
    private func incidents(_ capture: String, in folder: TestFolder) throws -> [[String: Any]] {
        let store = folder.path + "/store"
        let feed = try folder.write("feed.csv", Array(IncidentCommandTests.feed.utf8))
        let rules = Repository.root + "/Signatures/weir.rules"
        for arguments in [
            ["intel", "import", feed, "--store", store],
            ["replay", capture, "--store", store, "--rules", rules, "--quiet"],
            ["hunt", "--all", "--alert", "--store", store],
        ] {
            let result = try WeirCommand.run(arguments)
            #expect(result.status == 0, "weir \(arguments.joined(separator: " ")): \(result.errors)")
        }
        let list = try WeirCommand.run(["incidents", "list", "--store", store, "--format", "json"])
        #expect(list.status == 0, "\(list.errors)")
        return try list.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test(.enabled(if: hasHunts)) func `a break-in is one incident with its stages in order`() throws {
        let folder = try TestFolder()
        let found = try incidents(Repository.intrusion, in: folder)
        #expect((1...2).contains(found.count))
        let number = try #require(found.first?["number"] as? Int)
        let shown = try WeirCommand.run([
            "incidents", "show", "\(number)", "--store", folder.path + "/store", "--format", "json",
        ])
        let page = try #require(try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any])
        let stages = try #require(page["stages"] as? [[String: Any]]).compactMap { $0["stage"] as? String }
        let wanted = ["scan", "exploit", "beacon", "tunnel", "exfiltration"]
        #expect(stages.filter(wanted.contains) == wanted)
        #expect(page["severity"] as? String == "critical")
        let hosts = try #require(page["entities"] as? [[String: Any]]).compactMap { $0["value"] as? String }
        #expect(Set(hosts).isSuperset(of: ["203.0.113.66", "10.20.5.80", "10.20.1.13", "10.20.0.45", "198.51.100.77"]))
        let steps = try #require(page["steps"] as? [[String: Any]])
        #expect(steps.count >= 5)
        // Every question of a playbook can be asked as it stands.
        for query in steps.compactMap({ $0["query"] as? String }) {
            let answer = try WeirCommand.run(["query", "--store", folder.path + "/store", "--format", "json", query])
            #expect(answer.status == 0, "\(query): \(answer.errors)")
        }
        for form in ["text", "md"] {
            let page = try WeirCommand.run([
                "incidents", "show", "\(number)", "--store", folder.path + "/store", "--format", form,
            ])
            #expect(page.status == 0 && page.output.contains("203.0.113.66 scanned 10.20.5.80"), "\(page.errors)")
        }
    }

    @Test(.enabled(if: hasHunts)) func `an incident's packets are those of its hunts' pairs of hosts too`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store", file = folder.path + "/incident.pcapng"
        for arguments in [
            ["replay", Repository.intrusion, "--store", store, "--packets", "100MB", "--quiet"],
            ["hunt", "port-scan", "--alert", "--store", store, "--format", "json"],
            ["hunt", "brute-force", "--alert", "--store", store, "--format", "json"],
            ["incidents", "list", "--store", store],
        ] {
            let result = try WeirCommand.run(arguments)
            #expect(result.status == 0, "weir \(arguments.joined(separator: " ")): \(result.errors)")
        }
        let result = try WeirCommand.run(
            ["packets", "--store", store, "--incident", "1", "-w", file, "--format", "json"])
        #expect(result.status == 0, "\(result.errors)")
        let told = try #require(try JSONSerialization.jsonObject(with: Data(result.errors.utf8)) as? [String: Any])
        // 997 ports that refuse are two packets each; the guesses of a password come on top.
        #expect(try #require(told["packets"] as? Int) > 2 * 997)
        #expect(try Data(contentsOf: URL(filePath: file)).prefix(4) == Data([0x0A, 0x0D, 0x0D, 0x0A]))
        let stranger = try WeirCommand.run(["packets", "--store", store, "--incident", "99", "-w", file])
        #expect(stranger.status == 2 && stranger.errors.contains("no incident 99"))
    }

    @Test(.enabled(if: hasHunts)) func `an ordinary hour of an office is no incident`() throws {
        let found = try incidents(Repository.office, in: try TestFolder())
        #expect(found.isEmpty, "\(found)")
    }

    @Test func `a call to a cloud from an indicator's address is one alert about its principal`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store"
        let feed = try folder.write("bad.txt", Array("203.0.113.9\n".utf8))
        #expect(try WeirCommand.run(["intel", "import", feed, "--store", store]).status == 0)
        let calls = (0..<20).map { number in
            """
            {"eventVersion":"1.08","eventID":"e\(number)","eventTime":"2026-11-27T10:00:\(10 + number)Z",\
            "eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1",\
            "sourceIPAddress":"203.0.113.\(number % 2 == 0 ? 9 : 10)",\
            "userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/clara","userName":"clara"}}

            """
        }
        let file = try folder.write("calls.ndjson", Array(calls.joined().utf8))
        for _ in 0..<2 {
            let ingest = try WeirCommand.run(["ingest", "auto", "--store", store, file, "--format", "json"])
            #expect(ingest.status == 0, "\(ingest)")
        }
        let answer = try WeirCommand.run([
            "query", "--store", store, "--format", "json", "SELECT source, count, entities FROM alert",
        ])
        let rows = answer.output.split(separator: "\n")
        #expect(rows.count == 1, "\(answer)")
        #expect(answer.output.contains("\"count\":10"), "\(answer)")
        #expect(answer.output.contains("principal:arn:aws:iam::1:user/clara"), "\(answer)")
        let retro = try WeirCommand.run(["intel", "retro", "--store", store, "--alert"])
        #expect(retro.output.contains("address 203.0.113.9 10 times in cloud_audit.src_ip"), "\(retro)")
    }

    @Test func `who met an indicator before it was known is told`() throws {
        let folder = try TestFolder()
        let store = folder.path + "/store"
        #expect(try WeirCommand.run(["replay", Repository.intrusion, "--store", store, "--quiet"]).status == 0)
        let feed = try folder.write("feed.csv", Array(IncidentCommandTests.feed.utf8))
        #expect(try WeirCommand.run(["intel", "import", feed, "--store", store]).status == 0)
        let retro = try WeirCommand.run(["intel", "retro", "--store", store, "--alert"])
        #expect(retro.status == 0, "\(retro.errors)")
        let hosts = ["10.20.5.80", "10.20.1.13", "10.20.0.45"]
        for host in hosts {
            #expect(retro.output.contains("before it was known: \(host) met domain cdn-sync.example"), "\(host)")
        }
        let list = try WeirCommand.run(["incidents", "list", "--store", store, "--format", "json"])
        #expect(list.output.split(separator: "\n").count == 1, "\(list.output)")
    }
}
