// SPDX-License-Identifier: Apache-2.0
//
// What lies above the records while a sensor runs: Sigma rules, indicators, audit logs, incidents, handing on.
//
// Reads   traffic of its own making (LiveCommandTests.swift).
// Leaves  each of these for itself (their own modules' tests).

import Foundation
import Testing

/// Takes what is posted to it, and says on standard output what it was.
private let receiver = """
    import http.server, json
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            signed = self.headers.get('webhook-signature', '').startswith('v1,')
            print(body['type'], body['incident']['title'], 'signed' if signed else 'not signed')
            self.send_response(200)
            self.send_header('Content-Length', '0')
            self.end_headers()
        def log_message(self, *_): pass
    print('ready')
    http.server.HTTPServer(('127.0.0.1', 8900), Handler).serve_forever()
    """

private func sigma(_ page: Int) -> [UInt8] {
    Array(
        """
        title: Page \(page)
        id: page-\(page)
        logsource: {category: webserver}
        detection:
          page: {cs-uri-query|endswith: /page\(page)}
          condition: page
        level: high
        """.utf8)
}

@Suite(
    "weir capture and what follows", .serialized,
    .enabled(if: isLiveReady, "needs root, network namespaces, ip, nsenter and python3"))
struct LiveLayersTests {
    @Test func `an incident that is raised live reaches its receiver, and so does its end`() throws {
        let scene = try Scene()
        let folder = scene.folder.path
        try scene.runNear(receiver, output: "receiver")
        try #require(scene.waits("receiver", for: "ready"))
        let secret = try scene.folder.write("secret", Array("a secret of a receiver\n".utf8))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
        let rules = try scene.folder.write(
            "local.rules",
            Array(
                """
                alert http any any -> any any (msg:"Page one asked for"; http.uri; content:"/page1"; priority:1; \
                metadata:mitre_technique_id T1071, confidence High; sid:1;)
                alert http any any -> any any (msg:"A page answered"; flow:to_client; http.stat_code; content:"200"; \
                priority:1; metadata:mitre_technique_id T1041; sid:2;)

                """.utf8))
        let config = try scene.folder.write(
            "weir.yaml",
            Array(
                """
                sensor: {name: live}
                alerts: {fold: 0s}
                store: {flush_interval: 1}
                incidents: {interval: 1s}
                cloud: {watch: [\(folder)/drop], interval: 1s}
                handoff:
                  - {name: hook, type: webhook, url: "http://127.0.0.1:8900/", secret_file: \(secret), timeout: 5s}

                """.utf8))
        try FileManager.default.createDirectory(atPath: folder + "/drop", withIntermediateDirectories: true)
        let weir = try scene.watch(["--store", "store", "--config", config, "--rules", rules])
        try scene.talk()
        #expect(scene.waits("receiver", for: "incident.created"), "\(scene.text("weir"))\(scene.text("receiver"))")
        let said = scene.text("receiver")
        #expect(said.contains("signed") && !said.contains("not signed"), "\(said)")
        // Audit logs that come meanwhile are read beside the traffic.
        let event = #"{"eventVersion":"1.08","eventID":"e","eventName":"GetObject","eventSource":"s3"}"#
        _ = try scene.folder.write("drop/a.json", Array(event.utf8))
        #expect(scene.waits("weir", for: "1 new audit records"), "\(scene.text("weir"))")
        #expect(try scene.stored("cloud_audit") == 1)
        let closed = try WeirCommand.run(
            ["incidents", "close", "1", "--why", "tried out", "--as", "test", "--store", folder + "/store"])
        #expect(closed.status == 0, "\(closed)")
        #expect(scene.waits("receiver", for: "incident.closed"), "\(scene.text("weir"))\(scene.text("receiver"))")
        #expect(scene.text("receiver").components(separatedBy: "incident.created").count == 2)
        #expect(scene.end(weir, with: SIGTERM) == 0, "\(scene.text("weir"))")
        #expect(!scene.text("weir").contains("a secret of a receiver"))
        let log = try WeirCommand.run(["handoff", "log", "--store", folder + "/store"])
        #expect(log.status == 0 && log.output.contains("delivered") && !log.output.contains("dead"), "\(log)")
    }

    @Test func `Sigma rules and indicators are read anew while it runs, and a bad file changes nothing`() throws {
        let scene = try Scene()
        let store = scene.folder.path + "/store"
        try FileManager.default.createDirectory(
            atPath: scene.folder.path + "/sigma", withIntermediateDirectories: true)
        _ = try scene.folder.write("sigma/one.yml", sigma(1))
        let feed = try scene.folder.write("feed.txt", Array("host3.example\n".utf8))
        let weir = try scene.watch([
            "--store", "store", "--logs", "logs", "--sigma", scene.folder.path + "/sigma", "--set",
            "intel.files=\(feed)", "--set", "alerts.fold=0s",
        ])
        try scene.talk()
        // Rows of the first talk are to meet the first rules.
        Thread.sleep(forTimeInterval: 2)
        _ = try scene.folder.write("sigma/two.yml", sigma(2))
        _ = try scene.folder.write("feed.txt", Array("host3.example\nhost4.example\n".utf8))
        let two = try WeirCommand.run(["rules", "reload", "--store", store])
        #expect(two.status == 0 && two.output == "2 Sigma rules in use\n2 indicators in use\n", "\(two)")
        try scene.talk()
        Thread.sleep(forTimeInterval: 2)
        _ = try scene.folder.write("sigma/two.yml", Array("title: [".utf8))
        _ = try scene.folder.write("feed.txt", Array("<html>try again later</html>".utf8))
        let bad = try WeirCommand.run(["rules", "reload", "--store", store])
        #expect(bad.status == 2 && bad.output.isEmpty, "\(bad)")
        #expect(bad.errors.contains("sigma/two.yml") && bad.errors.contains("the Sigma rules stay"), "\(bad)")
        #expect(bad.errors.contains("page of HTML") && bad.errors.contains("the indicators stay"), "\(bad)")
        try scene.talk()
        Thread.sleep(forTimeInterval: 2)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        let alerts = try LogLines(scene.folder.path + "/logs/alert.log")
        func count(_ rule: String) -> Int { alerts.texts("rule_id").filter { $0 == rule }.count }
        #expect(count("page-1") == 3 && count("page-2") == 2)
        #expect(count("feed:domain:host3.example") == 6 && count("feed:domain:host4.example") == 4)
        let stats = try LogLines(scene.folder.path + "/logs/stats.log")
        #expect(stats.numbers("pkts_dropped").last == 0)
    }
}
