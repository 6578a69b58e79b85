// SPDX-License-Identifier: Apache-2.0
//
// The list `handoff:` of the configuration: what is understood, what is refused and how.

import Foundation
import Testing

@testable import Handoff

@Suite("hand-off settings") struct HandoffSettingsTests {
    private func read(_ yaml: String) throws -> [ConnectorSettings] {
        try HandoffSettings(yaml: yaml, path: "test.yaml").connectors
    }

    @Test func `every kind of connector is read`() throws {
        let all = try read(
            """
            sensor: {name: north}
            handoff:
              - name: soc
                type: webhook
                url: https://soc.example/hook
                secret_file: /etc/weir/soc.key
                min_severity: high
                verdicts: [true-positive, none]
                events: [created, closed]
                fields: {text: "{severity}: {title} {{x}}"}
                timeout: 500ms
                retry-for: 2h
                parallel: 2
                queue_max: 50
                from: now
              - {name: hec, type: splunk, url: "https://splunk.example:8088", secret_env: HEC, index: main, ack: true}
              - {name: siem, type: syslog, url: "tls://siem.example", format: leef, ca_file: /ca.pem}
              - {name: old, type: syslog, url: "udp://10.0.0.9:514"}
              - {name: snow, type: servicenow, url: "https://x.service-now.com", user: weir, secret-file: /s}
              - {name: soar, type: xsoar, url: "https://soar.example", auth_id: "7", secret_file: /s}
              - {name: hive, type: thehive, url: "http://127.0.0.1:9000", tlp: 3, secret_file: /s}
            """)
        #expect(all.map(\.kind) == [.webhook, .splunk, .syslog, .syslog, .servicenow, .xsoar, .thehive])
        let soc = all[0]
        #expect(soc.minSeverity == .high && soc.verdicts == ["true-positive", "none"])
        #expect(soc.kinds == [.created, .closed] && soc.timeout == 0.5 && soc.retryFor == 7200)
        #expect(soc.parallel == 2 && soc.queueMax == 50 && soc.startsNow)
        #expect(soc.fields["text"]?.text(makeDelivery()) == "high: Beacon of 10.0.0.5 {x}")
        #expect(all[1].options.index == "main" && all[1].options.asksAcknowledgement)
        #expect(all[2].options.isLEEF && all[2].options.messageBytesMax == 8_192)
        #expect(all[3].options.messageBytesMax == 2_048)
        #expect(all[6].options.tlp == 3)
    }

    @Test(arguments: ["", "sensor: {name: x}", "handoff:", "handoff: []"])
    func `no list is no connector`(_ yaml: String) throws {
        #expect(try read(yaml).isEmpty)
    }

    @Test(arguments: [
        ("handoff: {a: b}", "a list of connectors"),
        ("handoff: [text]", "each connector is a map"),
        ("handoff: [{type: webhook}]", "name: a value is needed"),
        ("handoff: [{name: 'a b', type: webhook}]", "letters, digits"),
        ("handoff: [{name: a, type: fax}]", "choose one of webhook, splunk"),
        ("handoff: [{name: a, type: webhook}]", "url: a value is needed"),
        ("handoff: [{name: a, type: webhook, url: nonsense}]", "this is not a URL"),
        ("handoff: [{name: a, type: webhook, url: 'ftp://x'}]", "https:// is wanted"),
        ("handoff: [{name: a, type: webhook, url: 'http://soc.example/'}]", "allow_http"),
        ("handoff: [{name: a, type: webhook, url: 'https://u:p@soc.example/'}]", "leave user and password out"),
        ("handoff: [{name: a, type: syslog, url: 'https://x'}]", "udp://, tcp:// or tls://"),
        ("handoff: [{name: a, type: splunk, url: 'https://x'}]", "needs secret_file or secret_env"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', secret: hunter2}]", "does not stand in the config"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', secret_file: a, secret_env: b}]", "not both"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', colour: red}]", "there is no such key"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', index: main}]", "there is no such key"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', min_severity: dire}]", "choose one of info, low"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', events: [closed]}]", "created must be among them"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', timeout: soon}]", "not a duration"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', fields: {t: '{nothing}'}}]", "no place {nothing}"),
        ("handoff: [{name: a, type: webhook, url: 'https://x', fields: {t: '{title'}}]", "a brace stands alone"),
        ("handoff: [{name: a, type: xsoar, url: 'https://x', secret_env: S}]", "auth_id: a value is needed"),
        ("handoff: [{name: a, type: syslog, url: 'udp://x', secret_env: S}]", "syslog has no secret"),
        ("handoff: [{name: a, type: syslog, url: 'tls://x', key_file: k}]", "together"),
        ("handoff: [{name: a, type: servicenow, url: 'https://x', secret_env: S, table: '../x'}]", "small letters"),
        ("handoff: [{name: a, type: syslog, url: 'udp://x'}, {name: a, type: syslog, url: 'udp://x'}]", "rename one"),
        ("handoff: [{name: a, name: b}]", "YAML"),
    ])
    func `what is wrong is said in one line`(_ yaml: String, _ words: String) {
        do throws(HandoffError) {
            _ = try HandoffSettings(yaml: yaml, path: "test.yaml")
            Issue.record("accepted: \(yaml)")
        } catch {
            #expect(error.description.contains(words), "\(error)")
            #expect(error.description.hasPrefix("test.yaml"))
            #expect(!error.description.contains("\n") && !error.description.contains("hunter2"))
        }
    }

    @Test func `a connector is found by name, and others are told`() throws {
        let settings = try HandoffSettings(
            yaml: "handoff: [{name: a, type: syslog, url: 'udp://x'}]", path: "test.yaml")
        #expect(try settings.connector(named: "a").kind == .syslog)
        do throws(HandoffError) { _ = try settings.connector(named: "b") } catch {
            #expect(error.description.contains("there are a"))
        }
    }

    @Test func `only scheme, host and port of a URL are shown`() {
        #expect(Endpoint.shown("https://hooks.example:8443/services/T0/secret?token=x") == "https://hooks.example:8443")
    }
}
