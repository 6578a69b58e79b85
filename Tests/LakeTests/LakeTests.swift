// SPDX-License-Identifier: Apache-2.0
//
// Segments into a lake, each once, and what other engines say of them.

import Capture
import Foundation
import Query
import Records
import Sensor
import Store
import Testing

@testable import Lake

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

/// The interpreter of the tests, and whether it has a module.
private let python = ProcessInfo.processInfo.environment["WEIR_TEST_PYTHON"]

private func hasModule(_ name: String) -> Bool {
    guard let python else { return false }
    let process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments = ["-c", "import \(name)"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}

private final class Folder {
    let path = NSTemporaryDirectory() + "/weir-lake-" + UUID().uuidString
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Files below, hidden ones too.
    func files(_ folder: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: "\(path)/\(folder)")?.compactMap { $0 as? String } ?? []
        return all.filter { $0.hasSuffix(".parquet") || $0.hasSuffix(".tmp") }.sorted()
    }

    /// A capture of the repository in a store of a sensor's own.
    func replay(_ capture: String, sensor: String) throws -> String {
        var settings = Settings()
        try settings.set("sensor.name=\(sensor)")
        var choices = StoreWriter.Settings()
        choices.sensorName = sensor
        let store = try StoreWriter(folder: "\(path)/\(sensor)", settings: choices)
        var source = try CaptureSource(paths: ["\(root)/pcaps/\(capture).pcap"])
        _ = try store.beginSource(identity: capture)
        _ = try Replay(settings: settings, workerCount: 1)
            .run(&source, into: Outputs(logs: nil, store: store, isReplay: true))
        return "\(path)/\(sensor)"
    }
}

private func rowCount(_ store: String) throws -> Int {
    try StoreReader.open(store).status().reduce(0) { $0 + $1.rowCount }
}

/// Rows in all files below a folder.
private func lakeRowCount(_ lake: String) throws -> Int {
    let all = FileManager.default.enumerator(atPath: lake)?.compactMap { $0 as? String } ?? []
    return try all.filter { $0.hasSuffix(".parquet") }
        .reduce(0) { try $0 + SegmentReader(path: "\(lake)/\($1)").rowCount }
}

/// A place that fails after some files, as a network does.
private final class Shaky: LakePlace {
    let inner: FolderPlace
    var left: Int
    var losesAnswers: Bool
    var name: String { inner.name }

    init(_ inner: FolderPlace, after: Int, losesAnswers: Bool) {
        self.inner = inner
        left = after
        self.losesAnswers = losesAnswers
    }

    func put(file: String, key: String) throws(LakeError) -> PutOutcome {
        if left == 0 {
            if losesAnswers { _ = try inner.put(file: file, key: key) }
            throw LakeError(.refused, key, "gone", advice: "again")
        }
        left -= 1
        return try inner.put(file: file, key: key)
    }
}

@Suite struct `A lake` {
    @Test(arguments: [false, true])
    func `has each row once, however often a run is cut off`(_ losesAnswers: Bool) throws {
        let folder = try Folder()
        let store = try folder.replay("office", sensor: "north")
        let lake = FolderPlace(path: folder.path + "/lake")
        var failures = 0
        for tries in 0..<60 {
            let place = Shaky(lake, after: 3, losesAnswers: losesAnswers)
            do {
                _ = try Shipper(store: store, place: place).run()
                break
            } catch { failures += 1 }
            #expect(tries < 59)
        }
        #expect(failures > 3)
        #expect(try lakeRowCount(lake.name) == rowCount(store))
        let files = folder.files("lake")
        #expect(files.allSatisfy { $0.hasPrefix("log=") && !$0.contains("/.") })
        #expect(files.contains { $0.hasPrefix("log=conn/day=2026-11-22/north-000001.") })
        let report = try Shipper(store: store, place: lake).run()
        #expect(report.written == 0 && report.alreadyThere == 0 && report.total == files.count)
        #expect(try StoreReader.open(store).check().faults == [])
    }

    @Test func `of a store that is written gets the hours that are over, and no row twice after merging`() throws {
        let folder = try Folder()
        let path = folder.path + "/store"
        let lake = FolderPlace(path: folder.path + "/lake")
        let schema = StatsRecord.makeSchema()
        let noon = Timestamp(seconds: 1_795_348_800)
        let writer = try StoreWriter(folder: path)
        func flush(_ hour: Int64, _ count: Int) throws {
            var batch = RowBatch(schema)
            for number in 0..<count {
                var record = StatsRecord()
                record.ts = noon.adding((hour * 3600 + Int64(number)) * second)
                batch.append(record, order: UInt64(number), ordinal: 0)
            }
            try writer.append(batch, schema: schema)
            try writer.flush(time: noon.adding(hour * 3600 * second))
        }
        try flush(0, 10)
        try flush(0, 20)
        try flush(1, 40)
        // Two segments of the first hour may still become one.
        #expect(try Shipper(store: path, place: lake).run().written == 0)
        _ = try writer.mergeNow()
        try flush(2, 5)
        #expect(try Shipper(store: path, place: lake).run().rows == 70)
        // A segment that comes late to a shipped hour is merged with no other that was shipped.
        try flush(0, 7)
        try flush(0, 8)
        try flush(3, 1)
        try writer.finish(time: noon.adding(4 * 3600 * second))
        _ = try writer.mergeNow()
        try flush(9, 1)
        #expect(try Shipper(store: path, place: lake).run().rows == 7 + 8 + 5 + 1)
        #expect(try lakeRowCount(lake.name) == rowCount(path) - 1)
    }

    @Test func `never takes the place of another file`() throws {
        let folder = try Folder()
        let lake = FolderPlace(path: folder.path + "/lake")
        for (name, text) in [("a", "one"), ("b", "two")] {
            try Data(text.utf8).write(to: URL(filePath: "\(folder.path)/\(name)"))
        }
        let key = "log=conn/day=2026-11-22/x-000001.parquet"
        #expect(try lake.put(file: folder.path + "/a", key: key) == .written)
        #expect(try lake.put(file: folder.path + "/a", key: key) == .alreadyThere)
        let conflict = LakeError(.conflict, "", "", advice: "")
        #expect(throws: conflict) { try lake.put(file: folder.path + "/b", key: key) }
        #expect(try Data(contentsOf: URL(filePath: "\(lake.name)/\(key)")) == Data("one".utf8))
        #expect(folder.files("lake") == [key])
    }

    @Test func `stores of one sensor's name do not meet`() throws {
        let folder = try Folder()
        let lake = FolderPlace(path: folder.path + "/lake")
        let first = try folder.replay("office", sensor: "same")
        try FileManager.default.moveItem(atPath: first, toPath: folder.path + "/first")
        let second = try folder.replay("intrusion", sensor: "same")
        for store in [folder.path + "/first", second] { _ = try Shipper(store: store, place: lake).run() }
        #expect(try lakeRowCount(lake.name) == rowCount(folder.path + "/first") + rowCount(second))
    }

    @Test func `requests are signed as Amazon's examples are`() {
        // Amazon S3 API reference, "Examples: signature calculations": get an object, put an object.
        let credentials = Credentials(keyID: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        let signer = RequestSigner(credentials: credentials, region: "us-east-1")
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let get = SignedRequest(
            method: "GET", path: "/test.txt",
            headers: ["host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"], payloadDigest: nothing)
        let got = signer.sign(get, time: "20130524T000000Z")["authorization"] ?? ""
        #expect(got.hasSuffix("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"), "\(got)")
        let put = SignedRequest(
            method: "PUT", path: RequestSigner.encoded(path: "/test$file.text"),
            headers: [
                "host": "examplebucket.s3.amazonaws.com", "date": "Fri, 24 May 2013 00:00:00 GMT",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
            ], payloadDigest: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        let sent = signer.sign(put, time: "20130524T000000Z")["authorization"] ?? ""
        #expect(sent.hasSuffix("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"), "\(sent)")
        #expect(RequestSigner.time(Date(timeIntervalSince1970: 1_369_353_600)) == "20130524T000000Z")
    }

    @Test func `credentials come from the environment or a file, and a bucket has a name`() throws {
        let folder = try Folder()
        let file = folder.path + "/credentials"
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=B\n[other]\n"
            + "aws_access_key_id=C\naws_secret_access_key = D=\naws_session_token=E\n"
        try Data(text.utf8).write(to: URL(filePath: file))
        let environment = ["AWS_SHARED_CREDENTIALS_FILE": file]
        #expect(try Credentials.find(environment) == Credentials(keyID: "A", secret: "B"))
        #expect(
            try Credentials.find(environment.merging(["AWS_PROFILE": "other"]) { $1 })
                == Credentials(keyID: "C", secret: "D=", sessionToken: "E"))
        #expect(
            try Credentials.find(environment.merging(["AWS_ACCESS_KEY_ID": "X", "AWS_SECRET_ACCESS_KEY": "Y"]) { $1 })
                == Credentials(keyID: "X", secret: "Y"))
        #expect(throws: LakeError(.credentials, "", "", advice: "")) {
            try Credentials.find(environment.merging(["AWS_PROFILE": "none"]) { $1 })
        }
        #expect(try LakePlaces.bucket("s3://lake-1/a//b/").prefix == "a/b")
        for wrong in ["s3://", "s3://A_B/x", "s3://ab"] {
            #expect(throws: LakeError(.place, "", "", advice: "")) { try LakePlaces.bucket(wrong) }
        }
    }
}

// MARK: an object store

@Suite(.enabled(if: hasModule("moto.server"), "WEIR_TEST_PYTHON has no moto"))
struct `A lake in a bucket` {
    /// moto's server on a free port of loopback.
    private final class Server {
        let process = Process()
        let port: Int

        init() throws {
            process.executableURL = URL(filePath: try #require(python))
            let program = """
                import sys, threading, boto3
                from moto.server import ThreadedMotoServer
                server = ThreadedMotoServer(ip_address='127.0.0.1', port=0)
                server.start()
                host, port = server.get_host_and_port()
                boto3.client('s3', endpoint_url='http://127.0.0.1:%d' % port, region_name='us-east-1',
                    aws_access_key_id='k', aws_secret_access_key='s').create_bucket(Bucket='lake')
                print(port, flush=True)
                threading.Event().wait(300)
                """
            process.arguments = ["-c", program]
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = FileHandle.nullDevice
            try process.run()
            var text = ""
            var found: Int?
            // The server says what it does before the port is written.
            while found == nil {
                let piece = pipe.fileHandleForReading.availableData
                guard !piece.isEmpty else { break }
                text += String(decoding: piece, as: UTF8.self)
                found = text.split(separator: "\n").compactMap { Int($0) }.first
            }
            port = try #require(found, "\(text)")
        }

        deinit { kill(process.processIdentifier, SIGKILL) }
    }

    @Test func `objects are put once, with checksums, and other octets are a conflict`() throws {
        let server = try Server()
        let folder = try Folder()
        var settings = ObjectStoreSettings(credentials: Credentials(keyID: "k", secret: "s"))
        settings.endpoint = "http://127.0.0.1:\(server.port)"
        let place = try ObjectPlace("s3://lake/weir/a b", settings)
        let store = try folder.replay("office", sensor: "north")
        let report = try Shipper(store: store, place: place).run()
        #expect(report.written > 20 && report.alreadyThere == 0)
        #expect(try report.rows == rowCount(store))
        #expect(try Shipper(store: store, place: place).run().written == 0)
        try Data("one".utf8).write(to: URL(filePath: folder.path + "/a"))
        try Data("two".utf8).write(to: URL(filePath: folder.path + "/b"))
        #expect(try place.put(file: folder.path + "/a", key: "x") == .written)
        #expect(try place.put(file: folder.path + "/a", key: "x") == .alreadyThere)
        #expect(throws: LakeError(.conflict, "", "", advice: "")) { try place.put(file: folder.path + "/b", key: "x") }
        #expect(throws: LakeError(.refused, "", "", advice: "")) {
            try ObjectPlace("s3://nobody/x", settings).put(file: folder.path + "/a", key: "x")
        }
    }
}

// MARK: other engines

@Suite struct `Other engines` {
    @Test func `a Python without the module is told, and one that is not there`() {
        var engine = LakeEngine(kind: .spark, lake: "/nowhere", schemas: [])
        engine.python = "/no/such/python"
        #expect(throws: LakeError(.engine, "", "", advice: "")) { try engine.run(statement: "SELECT 1") }
    }

    @Test func `statements name their tables, logs and companions`() {
        let found = LakeEngine.named(in: "  -- ssl\nSELECT * FROM Conn, dns_ttls, files WHERE http_x = 1", Schemas.logs)
        #expect(found.map(\.name).sorted() == ["conn", "dns_TTLs", "files"])
    }

    @Test func `answers are written as a table, as JSON and as CSV`() {
        let answer = LakeAnswer(
            columns: ["a", "b"],
            rows: [[.text("x,\"y\"\n"), .null], [.integer(5), .list([.boolean(true), .real(0.5)])]])
        #expect(answer.text(.json) == "{\"a\":\"x,\\\"y\\\"\\n\",\"b\":null}\n{\"a\":5,\"b\":[true,0.5]}\n")
        #expect(answer.text(.csv) == "a,b\r\n\"x,\"\"y\"\"\n\",-\r\n5,\"true,0.5\"\r\n")
        #expect(answer.text(.table).split(separator: "\n").count == 5)
    }
}
