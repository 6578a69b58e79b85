// SPDX-License-Identifier: Apache-2.0
//
// weir handoff test, run, log and retry with the built command and a receiver on this host.
//
// Leaves  what connectors send, and every fault (HandoffTests).

import Foundation
import Testing

/// Refuses what is posted with 413 until a file is there, then takes it. Ends with the process that started it.
private let receiver = """
    import http.server, json, os, sys, threading
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            status = 200 if os.path.exists(sys.argv[1]) else 413
            print(status, body['type'], flush=True)
            self.send_response(status)
            self.send_header('Content-Length', '7')
            self.end_headers()
            self.wfile.write(b'noted 1')
        def log_message(self, *_): pass
    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    print('port', server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    """

@Suite("handing on by command", .serialized, .enabled(if: WeirCommand.isBuilt)) struct HandoffCommandTests {
    private final class Scene {
        let folder: TestFolder
        private let process = Process()
        private let line = Pipe()
        private(set) var port = 0
        static let secret = "a-secret-that-nobody-may-see"

        init() throws {
            folder = try TestFolder()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", "-c", receiver, folder.path + "/open"]
            process.standardInput = line
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            var said = ""
            while !said.contains("\n") {
                let piece = output.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                said += String(decoding: piece, as: UTF8.self)
            }
            port = try #require(Int(said.split(whereSeparator: \.isWhitespace).last ?? ""), "\(said)")
        }

        deinit {
            try? line.fileHandleForWriting.close()
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }

        /// The receiver takes what comes from now on.
        func open() throws { _ = try folder.write("open", []) }

        func configure() throws -> String {
            let secret = try folder.write("secret", Array((Scene.secret + "\n").utf8))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
            return try folder.write(
                "weir.yaml",
                Array(
                    """
                    handoff:
                      - {name: soc, type: webhook, url: "http://127.0.0.1:\(port)/hook", secret_file: \(secret)}

                    """.utf8))
        }
    }

    @Test func `what was refused is a dead letter that is told, put back and delivered`() throws {
        let scene = try Scene()
        let (store, config) = (scene.folder.path + "/store", try scene.configure())
        let rules = Repository.root + "/Signatures/weir.rules"
        let replay = try WeirCommand.run([
            "replay", Repository.intrusion, "--store", store, "--rules", rules, "--quiet",
        ])
        try #require(replay.status == 0, "\(replay.errors)")
        var said = ""
        func weir(_ arguments: [String], status: Int32, sourceLocation: SourceLocation = #_sourceLocation) throws
            -> String
        {
            let result = try WeirCommand.run(["handoff"] + arguments)
            said += result.output + result.errors
            #expect(result.status == status, "\(arguments): \(result)", sourceLocation: sourceLocation)
            return result.output
        }
        #expect(try weir(["test", "soc", "--config", config], status: 1).contains("did not arrive, HTTP 413"))
        _ = try weir(["run", "--config", config, "--store", store, "--once", "--wait", "5"], status: 1)
        let dead = try weir(["log", "--store", store, "--state", "dead", "--format", "json"], status: 0)
        let letters = try #require(try JSONSerialization.jsonObject(with: Data(dead.utf8)) as? [[String: Any]])
        #expect(!letters.isEmpty && letters.allSatisfy { $0["status"] as? Int == 413 }, "\(dead)")
        #expect(letters.allSatisfy { ($0["answer"] as? String)?.contains("noted 1") == true }, "\(dead)")
        try scene.open()
        #expect(try weir(["test", "soc", "--config", config], status: 0).contains("arrived, HTTP 200"))
        _ = try weir(["retry", "--store", store], status: 0)
        _ = try weir(["run", "--config", config, "--store", store, "--once", "--wait", "5"], status: 0)
        #expect(try weir(["log", "--store", store, "--state", "dead"], status: 0).contains("HTTP") == false)
        #expect(try weir(["log", "--store", store, "--state", "delivered"], status: 0).contains("created"))
        #expect(try weir(["list", "--config", config, "--store", store], status: 0).contains("soc"))
        // A second run has nothing left, and sends nothing.
        _ = try weir(["run", "--config", config, "--store", store, "--once", "--wait", "5"], status: 0)
        #expect(!said.contains(Scene.secret))
        #expect(try weir(["test", "nobody", "--config", config], status: 2).isEmpty)
    }

    @Test func `a secret is neither in the arguments of a worker nor in what it says`() throws {
        let scene = try Scene()
        let (store, config) = (scene.folder.path + "/store", try scene.configure())
        _ = try WeirCommand.run(["replay", Repository.office, "--store", store, "--quiet"])
        let process = Process()
        process.executableURL = URL(filePath: try #require(WeirCommand.path))
        process.arguments = ["handoff", "run", "--config", config, "--store", store]
        let output = try scene.folder.write("said", [])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: output)
        try process.run()
        Thread.sleep(forTimeInterval: 2)
        let arguments = FileManager.default.contents(atPath: "/proc/\(process.processIdentifier)/cmdline") ?? Data()
        #expect(String(decoding: arguments, as: UTF8.self).contains("handoff"))
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        let said = try String(contentsOfFile: output, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(!(String(decoding: arguments, as: UTF8.self) + said).contains(Scene.secret))
    }
}
