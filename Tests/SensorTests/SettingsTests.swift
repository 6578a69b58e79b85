// SPDX-License-Identifier: Apache-2.0
//
// The configuration: YAML, single keys, and what is refused and how.

import Flows
import Foundation
import Protocols
import Records
import Testing

@testable import Sensor

@Suite("settings") struct SettingsTests {
    private func read(_ yaml: String) throws -> Settings {
        var settings = Settings()
        try settings.read(yaml: yaml, path: "test.yaml")
        return settings
    }

    /// What is said when `body` refuses.
    private func refusal(_ body: () throws -> Void) throws -> String {
        do { try body() } catch let error as SettingsError { return error.description }
        Issue.record("nothing was refused")
        return ""
    }

    @Test func `the file in Config shows every key with its default`() throws {
        let text = try String(contentsOfFile: Repository.root + "/Config/weir.yaml", encoding: .utf8)
        var settings = try read(text)
        // An empty value of the filter stands for none, as the default does.
        settings.workers = nil
        #expect(String(describing: settings) == String(describing: Settings()))
        for key in Settings.keys {
            let last = key.name.split(separator: ".").last ?? ""
            #expect(text.contains("\(last):"), "\(key.name) is not in Config/weir.yaml")
        }
    }

    @Test func `each key can be set by name and has a sentence`() throws {
        let values = [
            "sensor.name": "north", "workers": "3", "analyzers": "dns", "ignore_checksums": "yes",
            "capture.filter": "tcp", "capture.snaplen": "100", "capture.buffer_mb": "7", "capture.promiscuous": "off",
            "flows.max": "17", "flows.tcp_inactivity": "1m", "flows.short_inactivity": "2",
            "flows.patient_inactivity": "3h", "flows.open_interval": "1d", "flows.reassembly_mb": "9",
            "flows.local_networks": "203.0.113.0/24", "dns.all_sections": "true",
            "dns.pending_max": "3", "dns.questions_max": "4",
            "http.pending_max": "5", "http.line_bytes_max": "512", "http.decompress_layers": "3",
            "files.open_max": "1000", "files.idle": "1m", "files.reassembly_kb": "64", "files.reassembly_mb": "8",
            "files.hash": "md5,sha256", "files.extract": "mime=image/*", "files.extract_dir": "out",
            "files.extract_mb": "5", "files.extract_count": "10", "files.extract_total_gb": "1",
            "dhcp.transactions_max": "5", "signatures.midstream": "true",
            "signatures.rules": "a.rules", "signatures.checksums": "ignore", "signatures.alerts_max": "3",
            "signatures.thresholds": "t.config", "signatures.classifications": "c.config",
            "signatures.references": "r.config", "signatures.reputation_categories": "categories.txt",
            "signatures.reputation": "iprep.list", "signatures.geoip": "c.mmdb", "signatures.data": "sets",
            "stream.depth": "4096", "alerts.fold": "5m",
            "intel.files": "feed.csv", "intel.allow": "ours.txt", "intel.confidence_min": "55",
            "intel.decay": "2", "intel.prevalence_max": "10",
            "cloud.watch": "/audit", "cloud.interval": "5m", "sigma.rules": "rules", "sigma.placeholders": "a=b,c",
            "hunts.names": "port-scan", "hunts.every": "2h", "hunts.since": "3d", "hunts.mmdb": "asn.mmdb",
            "hunts.parameters": "port-scan.ports_min=9", "hunts.internal": "203.0.113.0/24", "hunts.folder": "hunts",
            "incidents.interval": "5m", "incidents.window": "2d",
            "logs.community_id": "false", "eve.types": "dns", "eve.anomalies": "stream", "eve.ether": "yes",
            "stats.interval": "6", "store.flush_interval": "8", "store.max_age": "90d", "store.max_gb": "5",
            "store.log_bounds": "dns=30d", "store.reserve_mb": "3", "store.merge_zstd": "yes",
            "packets.size": "200GB", "packets.folder": "ring", "packets.cutoff": "10MB", "packets.snaplen": "96",
            "packets.file_mb": "64", "packets.queue_mb": "128",
        ]
        for key in Settings.keys {
            var settings = Settings()
            let value = try #require(values[key.name], "\(key.name) has no value in this test")
            try settings.set("\(key.name)=\(value)")
            #expect(String(describing: settings) != String(describing: Settings()), "\(key.name) changes nothing")
            #expect(key.doc.hasSuffix(".") && key.doc.count > 15, "\(key.name)")
        }
        #expect(Set(values.keys) == Set(Settings.keys.map(\.name)))
    }

    @Test func `maps nest, lists are lists, empty values leave the default`() throws {
        let settings = try read(
            """
            sensor: {name: north}
            workers:
            analyzers: [dns, http]
            capture:
              filter: "not port 22"
            flows:
              tcp_inactivity: 90
              local_networks: [203.0.113.0/24, "2001:db8:1::/48"]
            vars:
              HOME_NET: [10.0.0.0/8, 192.168.0.0/16]
            """)
        #expect(settings.sensorName == "north" && settings.flows.sensorName == "north")
        #expect(settings.protocols.sensorName == "north")
        #expect(settings.workers == nil)
        #expect(settings.analyzers == ["dns", "http"])
        #expect(settings.filter == "not port 22")
        #expect(settings.flows.tcpInactivity == 90 * second)
        #expect(settings.flows.localNetworks.count == Settings().flows.localNetworks.count + 2)
        #expect(settings.variables["HOME_NET"] == "10.0.0.0/8,192.168.0.0/16")
    }

    @Test func `a file without keys changes nothing`() throws {
        for text in ["", "\n", "# words\n", "---\n", "sensor:\n"] {
            #expect(String(describing: try read(text)) == String(describing: Settings()), "\(text)")
        }
    }

    @Test(arguments: [
        ("30", 30), ("45s", 45), ("5m", 300), ("1.5h", 5400), ("2d", 172_800), ("0", 0),
    ]) func `durations have units`(_ text: String, _ seconds: Int64) throws {
        var settings = Settings()
        try settings.set("flows.open_interval = \(text)")
        #expect(settings.flows.openInterval == seconds * second)
    }

    @Test(arguments: ["", "m", "-1", "-5m", "1w", "five", "1e99", "nan", "inf", "1 2", "0x10q"])
    func `what is no duration is refused`(_ text: String) throws {
        var settings = Settings()
        let said = try refusal { try settings.set("flows.open_interval=\(text)") }
        #expect(said.contains("flows.open_interval") && said.contains("5m"), "\(said)")
    }

    @Test(arguments: [
        "workers=0", "workers=65", "workers=two", "workers=1.5", "capture.snaplen=1", "ignore_checksums=maybe",
        "flows.local_networks=10.0.0.0/33", "flows.local_networks=here", "sensor.name=", "sensor.name=a/b",
        "sensor.name=..", "http.line_bytes_max=99999999999999999999", "analyzers=dns,nothing",
    ]) func `a wrong value is refused with its key or its list`(_ assignment: String) throws {
        var settings = Settings()
        let said = try refusal { try settings.set(assignment) }
        let key = assignment.prefix { $0 != "=" }
        #expect(said.hasPrefix("--set: ") && said.contains(key.prefix(7)), "\(said)")
        #expect(!said.contains("\n"))
    }

    @Test func `unknown keys, analyzers and variables are refused and the known ones listed`() throws {
        var settings = Settings()
        let key = try refusal { try settings.set("flow.max=3") }
        #expect(key.contains("flow.max") && Settings.keys.allSatisfy { key.contains($0.name) })
        let analyzer = try refusal { try settings.set("analyzers=dsn") }
        #expect(analyzer.contains("dsn") && analyzer.contains("dns, ") && analyzer.contains("http"))
        let variable = try refusal { try settings.setVariable("HOMENET=any") }
        #expect(variable.contains("HOMENET") && Settings.knownVariables.allSatisfy { variable.contains($0) })
        #expect(try refusal { try settings.set("workers") }.contains("KEY=VALUE"))
        #expect(try refusal { try settings.setVariable("HOME_NET") }.contains("NAME=VALUE"))
    }

    @Test func `errors in a file name the file and the line`() throws {
        let unknown = try refusal { _ = try read("sensor:\n  name: a\nflows:\n  maximum: 3\n") }
        #expect(unknown.hasPrefix("test.yaml:4: ") && unknown.contains("flows.maximum"), "\(unknown)")
        let value = try refusal { _ = try read("workers: many\n") }
        #expect(value.hasPrefix("test.yaml:1: ") && value.contains("many"), "\(value)")
        for text in ["[1, 2]", "just words", "a: [", "a: b: c", "\tworkers: 1", "sensor: north", "? [a]\n: b"] {
            let said = try refusal { _ = try read(text) }
            #expect(said.hasPrefix("test.yaml") && !said.contains("\n"), "\(said)")
        }
    }

    @Test func `analyzers are all, none or a list`() throws {
        #expect(try read("analyzers: all").analyzers == nil)
        #expect(try read("analyzers: none").analyzers == [])
        #expect(try read("analyzers: []").analyzers == [])
        #expect(try read("analyzers: dns").analyzers == ["dns"])
        #expect(try read("analyzers: [all]").analyzers == nil)
        #expect(throws: SettingsError.self) { try read("analyzers: [dns, none]") }
    }
}
