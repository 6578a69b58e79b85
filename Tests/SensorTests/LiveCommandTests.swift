// SPDX-License-Identifier: Apache-2.0
//
// weir capture from end to end: two hosts on one wire, real programs that talk, a signal, rows.
//
// Reads   traffic of its own making, inside two network namespaces that go with the test.
// Leaves  sockets and fanout (CaptureTests).

import Foundation
import Store
import Testing

/// What the tests need of the host.
let isLiveReady: Bool = {
    guard geteuid() == 0, WeirCommand.isBuilt else { return false }
    let script = "command -v ip && command -v nsenter && command -v python3 && unshare -n true"
    return (try? WeirCommand.program("/bin/sh", ["-c", script]).status) == 0
}()

/// A watched host and one that serves, joined by a wire. Everything in them ends with the scene.
final class Scene {
    private var processes: [Process] = []
    let folder: TestFolder
    private let near: Int32
    private let far: Int32

    init() throws {
        folder = try TestFolder()
        let ends = try (0..<2).map { _ in try Scene.namespace() }
        processes = ends
        (near, far) = (ends[0].processIdentifier, ends[1].processIdentifier)
        try shell(
            """
            set -e
            nsenter -t \(near) -n ip link add near0 type veth peer name far0
            nsenter -t \(near) -n ip link set far0 netns \(far)
            nsenter -t \(near) -n sh -ec 'ip addr add 10.98.0.1/24 dev near0; ip link set near0 up; ip link set lo up'
            nsenter -t \(far) -n sh -ec 'ip addr add 10.98.0.2/24 dev far0; ip link set far0 up; ip link set lo up'
            """)
        try serve()
    }

    deinit {
        // Not terminate(): children inherit the signals that the threads of a test hold back.
        for process in processes.reversed() where process.isRunning { kill(process.processIdentifier, SIGKILL) }
        for process in processes { process.waitUntilExit() }
    }

    /// A process that holds a network namespace open, for two minutes at most.
    private static func namespace() throws -> Process {
        let ready = Pipe()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["unshare", "-n", "sh", "-c", "echo ready; exec sleep 120"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = ready
        process.standardError = FileHandle.nullDevice
        try process.run()
        _ = ready.fileHandleForReading.availableData
        return process
    }

    private func shell(_ script: String) throws {
        let result = try WeirCommand.program("/bin/sh", ["-c", script])
        try #require(result.status == 0, "\(result.errors)")
    }

    /// Starts a program in a namespace; `output` is a file in the folder.
    @discardableResult
    private func start(_ namespace: Int32, _ arguments: [String], output: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["nsenter", "-t", "\(namespace)", "-n"] + arguments
        process.currentDirectoryURL = URL(filePath: folder.path)
        process.standardInput = FileHandle.nullDevice
        let file = FileHandle(forWritingAtPath: try folder.write(output, []))
        process.standardOutput = file
        process.standardError = file
        try process.run()
        processes.append(process)
        return process
    }

    func text(_ output: String) -> String {
        (try? String(contentsOfFile: "\(folder.path)/\(output)", encoding: .utf8)) ?? ""
    }

    /// Rows of a log that are visible in the store.
    func stored(_ log: String) throws -> Int {
        try StoreReader.open(folder.path + "/store").segments(log: log).reduce(0) { $0 + $1.rowCount }
    }

    /// Waits until an output has this text; false after twenty seconds.
    func waits(_ output: String, for part: String) -> Bool {
        for _ in 0..<400 {
            if text(output).contains(part) { return true }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return false
    }

    /// An HTTP server and one that answers every DNS query with its own question.
    private func serve() throws {
        let program = """
            import http.server, socket, threading
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = 'HTTP/1.1'
                def do_GET(self):
                    body = b'hello ' * 100
                    self.send_response(200)
                    self.send_header('Content-Length', str(len(body)))
                    self.send_header('Content-Type', 'text/plain')
                    self.end_headers()
                    self.wfile.write(body)
            def names():
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(('10.98.0.2', 53))
                while True:
                    query, peer = s.recvfrom(2000)
                    answer = b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4' + bytes([192, 0, 2, 1])
                    s.sendto(query[:2] + b'\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0' + query[12:] + answer, peer)
            threading.Thread(target=names, daemon=True).start()
            server = http.server.ThreadingHTTPServer(('10.98.0.2', 80), Handler)
            print('serving', flush=True)
            server.serve_forever()
            """
        try start(far, ["python3", "-c", program], output: "server")
        try #require(waits("server", for: "serving"), "\(text("server"))")
    }

    /// Twenty questions for names and ten requests over HTTP, from the watched host.
    func talk() throws {
        let program = """
            import socket, urllib.request
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
            for n in range(20):
                name = b'\\5host%d\\7example\\0' % (n % 10)
                s.sendto(bytes([1, n]) + b'\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + name + b'\\0\\1\\0\\1', ('10.98.0.2', 53))
                s.recvfrom(2000)
            for n in range(10):
                urllib.request.urlopen('http://10.98.0.2/page%d' % n, timeout=10).read()
            """
        let talker = try start(near, ["python3", "-c", program], output: "talk")
        talker.waitUntilExit()
        try #require(talker.terminationStatus == 0, "\(text("talk"))")
    }

    /// Runs a program of Python on the watched host until the scene ends.
    func runNear(_ program: String, output: String) throws {
        try start(near, ["python3", "-u", "-c", program], output: output)
    }

    /// Starts `weir capture` on the watched host and waits until it watches. The shell that starts
    /// it lets through the signals that the tests hold back. A veth pair leaves checksums to the hardware
    /// that it does not have.
    /// `meanwhile` is done again and again until it does.
    func watch(_ arguments: [String], meanwhile: ((Process) -> Void)? = nil) throws -> Process {
        let open = """
            import os, signal, sys
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execv(sys.argv[1], sys.argv[1:])
            """
        let weir = try start(
            near,
            ["python3", "-c", open, try #require(WeirCommand.path), "capture", "-i", "near0", "--ignore-checksums"]
                + arguments,
            output: "weir")
        for _ in 0..<1000 where meanwhile != nil && weir.isRunning && !text("weir").contains("watching") {
            Thread.sleep(forTimeInterval: 0.02)
            meanwhile?(weir)
        }
        try #require(waits("weir", for: "watching near0"), "\(text("weir"))")
        return weir
    }

    /// Sends a signal and waits for the end: the status, or nil where there was none in twenty seconds.
    func end(_ process: Process, with signal: Int32) -> Int32? {
        kill(process.processIdentifier, signal)
        for _ in 0..<400 where process.isRunning { Thread.sleep(forTimeInterval: 0.05) }
        guard !process.isRunning else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : process.terminationStatus + 1000
    }
}

@Suite(
    "weir capture", .serialized, .enabled(if: isLiveReady, "needs root, network namespaces, ip, nsenter and python3"))
struct LiveCommandTests {
    @Test func `asked for newer rules while it reads them, the sensor goes on`() throws {
        let scene = try Scene()
        let rules = (1...20_000).map { "alert tcp any any -> any any (content:\"word\($0)\"; sid:\($0);)\n" }
            .joined()
        let path = try scene.folder.write("many.rules", Array(rules.utf8))
        var before: Int?
        let weir = try scene.watch(["--logs", "logs", "--rules", path]) { process in
            // Not before it is the sensor itself, and has the file: until then the signal ends its starter.
            let folder = "/proc/\(process.processIdentifier)"
            guard (try? String(contentsOfFile: folder + "/comm", encoding: .utf8)) == "weir\n",
                let io = try? String(contentsOfFile: folder + "/io", encoding: .utf8),
                let read = io.split(separator: "\n").first.flatMap({ Int($0.split(separator: " ").last ?? "") })
            else { return }
            if before == nil { before = read }
            if let before, read - before >= rules.utf8.count { kill(process.processIdentifier, SIGHUP) }
        }
        #expect(scene.end(weir, with: SIGINT) == 0)
    }

    private func checkRows(_ scene: Scene) throws {
        let logs = scene.folder.path + "/logs"
        let dns = try LogLines(logs + "/dns.log")
        #expect(dns.rows.count == 20)
        #expect(Set(dns.texts("query")).count == 10 && dns.texts("query").contains("host3.example"))
        #expect(dns.rows.allSatisfy { ($0["answers"] as? [String]) == ["192.0.2.1"] })
        let http = try LogLines(logs + "/http.log")
        #expect(Set(http.texts("uri")) == Set((0..<10).map { "/page\($0)" }))
        #expect(http.numbers("status_code") == [Double](repeating: 200, count: 10))
        #expect(http.numbers("response_body_len") == [Double](repeating: 600, count: 10))
        let conn = try LogLines(logs + "/conn.log")
        #expect(conn.texts("service").filter { $0 == "http" }.count == 10)
        #expect(conn.texts("service").filter { $0 == "dns" }.count == 1)
        let web = conn.rows.filter { $0["service"] as? String == "http" }
        #expect(web.allSatisfy { $0["conn_state"] as? String == "SF" })
        let now = Date().timeIntervalSince1970
        #expect(conn.numbers("ts").allSatisfy { abs($0 - now) < 300 })
    }

    @Test(arguments: [(SIGINT, 1), (SIGTERM, 2)])
    func `real traffic becomes rows, and a signal ends the run with all written`(
        _ signal: Int32, _ workers: Int
    ) throws {
        let scene = try Scene()
        let weir = try scene.watch(["--store", "store", "--logs", "logs", "--workers", "\(workers)"])
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        #expect(scene.end(weir, with: signal) == 0, "\(scene.text("weir"))")
        try checkRows(scene)
        let stats = try LogLines(scene.folder.path + "/logs/stats.log")
        let link = try #require(stats.numbers("pkts_link").last)
        #expect(link >= 100 && stats.numbers("pkts_proc").last == link, "\(stats.rows)")
        #expect(stats.numbers("pkts_dropped").last == 0)
        #expect(try scene.stored("dns") == 20 && scene.stored("http") == 10)
        #expect(try scene.stored("conn") >= 11 && scene.stored("stats") >= 1)
        #expect(scene.text("weir").contains("records: conn"))
    }

    @Test func `rows become visible while the run goes on`() throws {
        let scene = try Scene()
        let weir = try scene.watch(
            ["--store", "store", "--logs", "logs", "--set", "store.flush_interval=1", "--set", "stats.interval=1"])
        try scene.talk()
        var isSeen = false
        for _ in 0..<200 where !isSeen {
            Thread.sleep(forTimeInterval: 0.1)
            let stored = try scene.stored("dns")
            let logged = try LogLines(scene.folder.path + "/logs/dns.log").rows.count
            let stats = try LogLines(scene.folder.path + "/logs/stats.log").rows.count
            isSeen = stored == 20 && logged == 20 && stats > 1
        }
        #expect(isSeen)
        #expect(weir.isRunning)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        try checkRows(scene)
    }

    @Test func `with another user the run goes on as that user, and owns what it wrote`() throws {
        let scene = try Scene()
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scene.folder.path)
        let weir = try scene.watch(
            [
                "--store", "store", "--logs", "logs", "--user", "nobody", "--workers", "2", "--set",
                "store.flush_interval=1",
            ])
        // nsenter and python become weir by exec: the process is the same.
        let status = try String(contentsOfFile: "/proc/\(weir.processIdentifier)/status", encoding: .utf8)
        let ids = status.split(separator: "\n").first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst()
        #expect(ids.map { Set($0).count == 1 && !$0.contains("0") } == true, "\(ids ?? [])")
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        try checkRows(scene)
        let files = try scene.folder.contents().keys.filter { $0.hasPrefix("logs/") || $0.hasPrefix("store/") }
        #expect(files.count > 6)
        for file in files {
            let all = try FileManager.default.attributesOfItem(atPath: "\(scene.folder.path)/\(file)")
            let owner = all[.ownerAccountName] as? String
            #expect(owner == "nobody", "\(file) belongs to \(owner ?? "")")
        }
        #expect(try scene.stored("dns") == 20)
    }

    @Test func `rules are read anew while it runs, and a bad file changes nothing`() throws {
        let scene = try Scene()
        func rule(_ page: Int) -> [UInt8] {
            Array("alert http any any -> any any (msg:\"p\"; http.uri; content:\"/page\(page)\"; sid:\(page);)\n".utf8)
        }
        let rules = try scene.folder.write("local.rules", rule(1))
        let weir = try scene.watch(["--store", "store", "--logs", "logs", "--rules", rules, "--set", "alerts.fold=0s"])
        let store = scene.folder.path + "/store"
        try scene.talk()
        // The ring hands packets over in blocks: those of the first talk are to meet the first rules.
        Thread.sleep(forTimeInterval: 1)
        _ = try scene.folder.write("local.rules", rule(1) + rule(2))
        let two = try WeirCommand.run(["rules", "reload", "--store", store])
        #expect(two.status == 0 && two.output == "2 rules in use\n", "\(two)")
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        try FileManager.default.removeItem(atPath: rules)
        let none = try WeirCommand.run(["rules", "reload", "--store", store])
        #expect(none.status == 2 && none.errors.contains("the rules stay as they were"), "\(none)")
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        let alerts = try LogLines(scene.folder.path + "/logs/alert.log").numbers("signature_id")
        #expect(alerts.filter { $0 == 1 }.count == 3 && alerts.filter { $0 == 2 }.count == 2, "\(alerts)")
        let stats = try LogLines(scene.folder.path + "/logs/stats.log")
        #expect(stats.numbers("pkts_dropped").last == 0)
    }

    @Test func `Sigma rules and indicators are read anew while it runs, and a bad file changes nothing`() throws {
        let scene = try Scene()
        let store = scene.folder.path + "/store"
        let rules = scene.folder.path + "/sigma"
        try FileManager.default.createDirectory(atPath: rules, withIntermediateDirectories: true)
        func write(_ page: Int, _ condition: String = "s") throws {
            let rule = """
                title: Page \(page)
                id: page-\(page)
                logsource: {category: webserver}
                level: medium
                detection: {s: {cs-uri-stem: /page\(page)}, condition: \(condition)}

                """
            _ = try scene.folder.write("sigma/page\(page).yml", Array(rule.utf8))
        }
        try write(1)
        let weir = try scene.watch([
            "--store", "store", "--logs", "logs", "--sigma", rules, "--set", "alerts.fold=0s",
        ])
        func reload(_ status: Int32, _ said: String) throws {
            // The ring hands packets over in blocks: those of before are to meet what was there before.
            Thread.sleep(forTimeInterval: 1)
            let answer = try WeirCommand.run(["rules", "reload", "--store", store])
            #expect(answer.status == status && (answer.output + answer.errors).contains(said), "\(answer)")
        }
        try scene.talk()
        let feed = try scene.folder.write("feed.txt", Array("host3.example\n".utf8))
        try write(2)
        #expect(try WeirCommand.run(["intel", "import", feed, "--store", store]).status == 0)
        try reload(0, "2 Sigma rules in use\n1 indicators in use")
        try scene.talk()
        try write(1, "nothing like that")
        try reload(2, "the Sigma rules stay as they were")
        _ = try scene.folder.write("store/intel/feed.indicators", Array("damaged".utf8))
        try reload(2, "the indicators stay as they were")
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        let alerts = try LogLines(scene.folder.path + "/logs/alert.log").texts("rule_id")
        let counts = Dictionary(grouping: alerts, by: { $0 }).mapValues(\.count)
        #expect(counts == ["page-1": 3, "page-2": 2, "feed:domain:host3.example": 4], "\(counts)")
        #expect(try LogLines(scene.folder.path + "/logs/stats.log").numbers("pkts_dropped").last == 0)
    }

    /// Takes what is posted, and messages of syslog over TCP; says what came.
    private static let receivers = """
        import http.server, json, socket, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                is_signed = 'webhook-signature' in self.headers
                print('hook', body['type'], body['incident']['severity'], is_signed, flush=True)
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()
            def log_message(self, *_): pass
        def messages():
            s = socket.create_server(('127.0.0.1', 6601))
            while True:
                peer, _ = s.accept()
                text = b''
                while (piece := peer.recv(65536)): text += piece
                peer.close()
                print('syslog', text.decode(), flush=True)
        threading.Thread(target=messages, daemon=True).start()
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 6600), Handler)
        print('ready', flush=True)
        server.serve_forever()
        """

    @Test func `an incident is handed on while it runs, with a secret that only root may read`() throws {
        let scene = try Scene()
        try scene.runNear(LiveCommandTests.receivers, output: "receivers")
        try #require(scene.waits("receivers", for: "ready"), "\(scene.text("receivers"))")
        let manager = FileManager.default
        try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scene.folder.path)
        let secret = try scene.folder.write("secret", Array("nobody-may-see-this\n".utf8))
        try manager.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
        let rule = """
            alert http any any -> any any (msg:"Data goes out"; http.uri; content:"/page"; priority:1; \
            metadata:mitre_technique_id T1041; sid:1;)

            """
        let rules = try scene.folder.write("local.rules", Array(rule.utf8))
        let config = try scene.folder.write(
            "weir.yaml",
            Array(
                """
                alerts: {fold: 0s}
                incidents: {interval: 1}
                store: {flush_interval: 1}
                handoff:
                  - {name: soc, type: webhook, url: "http://127.0.0.1:6600/hook", secret_file: \(secret)}
                  - {name: siem, type: syslog, url: "tcp://127.0.0.1:6601", format: cef}

                """.utf8))
        let weir = try scene.watch(["--store", "store", "--rules", rules, "--config", config, "--user", "nobody"])
        try scene.talk()
        #expect(scene.waits("receivers", for: "hook incident.created low True"), "\(scene.text("weir"))")
        #expect(scene.waits("receivers", for: "CEF:0|Weir|Sensor|"), "\(scene.text("weir"))")
        let arguments = manager.contents(atPath: "/proc/\(weir.processIdentifier)/cmdline") ?? Data()
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        let log = try WeirCommand.run(["handoff", "log", "--store", scene.folder.path + "/store"])
        #expect(log.output.contains("soc  incident 1  created  delivered"), "\(log)")
        #expect(log.output.contains("siem  incident 1  created  delivered"), "\(log)")
        let said = scene.text("weir") + log.output + String(decoding: arguments, as: UTF8.self)
        #expect(!said.contains("nobody-may-see"))
    }

    /// One connection that asks for `/first`, sends requests on others until there is a file `go`, and asks for
    /// `/second`; the same once more behind `again`.
    private static let longTalk = """
        import os, socket, time, urllib.request
        s = socket.create_connection(('10.98.0.2', 80))
        def ask(path):
            s.sendall(b'GET /%s HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n' % path)
            got = b''
            while not got.endswith(b'hello ' * 100): got += s.recv(65536)
        ask(b'first')
        print('one')
        count = 0
        for name in ('go', 'again'):
            while not os.path.exists(name):
                urllib.request.urlopen('http://10.98.0.2/many%d' % count, timeout=10).read()
                count += 1
                time.sleep(0.005)
            ask(b'second')
            print('asked', name)
        s.close()
        print('sent', count, 'requests')
        """

    @Test func `rules that come under traffic know the bits of open connections, and no packet is lost`() throws {
        let scene = try Scene()
        let set = #"alert tcp any any -> any 80 (content:"/first"; flowbits:set,seen; flowbits:noalert; sid:1;)"#
        let ask = #"alert tcp any any -> any 80 (content:"/second"; flowbits:isset,seen; sid:2;)"#
        let unset = #"alert tcp any any -> any 80 (content:"/second"; flowbits:isnotset,seen; sid:3;)"#
        let rules = try scene.folder.write("local.rules", Array((set + "\n").utf8))
        let weir = try scene.watch(["--store", "store", "--logs", "logs", "--rules", rules, "--set", "alerts.fold=0s"])
        let store = scene.folder.path + "/store"
        try scene.runNear(Self.longTalk, output: "long")
        try #require(scene.waits("long", for: "one"), "\(scene.text("long"))")
        // The ring hands packets over in blocks.
        Thread.sleep(forTimeInterval: 1)
        _ = try scene.folder.write("local.rules", Array([set, ask, unset, ""].joined(separator: "\n").utf8))
        for _ in 0..<5 {
            let done = try WeirCommand.run(["rules", "reload", "--store", store])
            #expect(done.status == 0 && done.output == "3 rules in use\n", "\(done)")
        }
        _ = try scene.folder.write("go", [])
        try #require(scene.waits("long", for: "asked go"), "\(scene.text("long"))")
        Thread.sleep(forTimeInterval: 1)
        // A file that is gone, told by the bare signal, leaves the rules.
        try FileManager.default.removeItem(atPath: rules)
        kill(weir.processIdentifier, SIGHUP)
        try #require(scene.waits("weir", for: "the rules stay as they were"), "\(scene.text("weir"))")
        _ = try scene.folder.write("again", [])
        try #require(scene.waits("long", for: "sent"), "\(scene.text("long"))")
        Thread.sleep(forTimeInterval: 1)
        #expect(scene.end(weir, with: SIGINT) == 0, "\(scene.text("weir"))")
        let alerts = try LogLines(scene.folder.path + "/logs/alert.log").numbers("signature_id")
        #expect(alerts == [2, 2])
        let words = scene.text("long").split(separator: " ")
        let sent = words.firstIndex { $0.hasSuffix("sent") }.flatMap { Int(words[$0 + 1]) } ?? 0
        let uris = try LogLines(scene.folder.path + "/logs/http.log").texts("uri")
        #expect(sent > 20 && uris.filter { $0.hasPrefix("/many") }.count == sent)
        let stats = try LogLines(scene.folder.path + "/logs/stats.log")
        #expect(stats.numbers("pkts_dropped").last == 0)
        #expect(stats.numbers("pkts_link").last == stats.numbers("pkts_proc").last)
    }

    @Test func `an interface that goes away ends the run with one line, and rows are kept`() throws {
        let scene = try Scene()
        let weir = try scene.watch(["--logs", "logs"])
        try scene.talk()
        Thread.sleep(forTimeInterval: 1)
        let gone = try WeirCommand.program(
            "/bin/sh", ["-c", "nsenter -t \(weir.processIdentifier) -n ip link del near0"])
        #expect(gone.status == 0)
        for _ in 0..<400 where weir.isRunning { Thread.sleep(forTimeInterval: 0.05) }
        #expect(!weir.isRunning)
        #expect(weir.terminationStatus == 2, "\(scene.text("weir"))")
        #expect(scene.text("weir").contains("weir: near0"), "\(scene.text("weir"))")
        // What was seen before is not lost.
        #expect(try LogLines(scene.folder.path + "/logs/conn.log").rows.count >= 11)
    }
}
