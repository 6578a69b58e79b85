// SPDX-License-Identifier: Apache-2.0
//
// From captures to incidents with the built command.

import Foundation
import Testing

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
