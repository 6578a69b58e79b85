// SPDX-License-Identifier: Apache-2.0
//
// Zeek's logs into a store: heads, escapes, bad lines, and files that come again.

import Foundation
import Query
import Records
import Sensor
import Store
import Testing

@testable import Ingest

/// A folder for a store and the files that are read into it.
final class IngestFolder {
    let path: String
    var store: String { path + "/store" }
    private(set) var told: [String] = []

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "weir-ingest-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        return "\(path)/\(name)"
    }

    func ingest(_ paths: [String], _ form: IngestForm = .zeek) throws -> IngestSummary {
        let ingestion = try Ingestion(store: store, sensor: "test", schemas: Schemas.logs, form: form) {
            self.told.append($0)
        }
        try ingestion.read(paths)
        return ingestion.summary
    }

    func rows(_ statement: String) throws -> [QueryRow] {
        try StoreQuery(store: store, schemas: Schemas.logs).rows(statement).all()
    }
}

private let head = """
    #separator \\x09
    #set_separator\t,
    #empty_field\t(empty)
    #unset_field\t-
    #path\tconn
    #open\t2026-11-22-13-00-00
    #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\
    \torig_bytes\tresp_bytes\tlocal_orig\tstrange\ttunnel_parents
    #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tbool\tstring\tset[string]

    """

private func line(_ second: Int, _ uid: String = "CHhAvVGS1DHFjwGM9", service: String = "dns") -> String {
    "17950000\(second < 10 ? "0" : "")\(second).123456\t\(uid)\t10.0.0.1\t4000\t192.0.2.7\t53\tudp\t\(service)"
        + "\t0.25\t40\t120\tT\tx\t(empty)\n"
}

@Suite struct ZeekTests {
    @Test func `a log with a head becomes rows`() throws {
        let folder = try IngestFolder()
        let parts = [head, line(1), line(2, service: "-"), "#close\t2026-11-22-14-00-00\n"]
        let file = try folder.write("anything.log", parts.joined())
        let summary = try folder.ingest([file])
        #expect(summary.rows == ["conn": 2])
        #expect(!summary.isDamaged && summary.oddValues == 0)
        let rows = try folder.rows("SELECT * FROM conn ORDER BY ts")
        let first = try #require(rows.first)
        #expect(first.text("ts") == "2026-11-18 11:06:41.123456")
        #expect(first.text("id_orig_h") == "10.0.0.1")
        #expect(first.integer("id_resp_p") == 53)
        #expect(first.real("duration") == 0.25)
        #expect(first.boolean("local_orig") == true)
        #expect(first.text("tunnel_parents") == "[]")
        #expect(first.text("service") == "dns")
        #expect(first["conn_state"] == .null)
        #expect(first.text("community_id")?.hasPrefix("1:") == true)
        #expect(rows[1]["service"] == .null)
    }

    @Test func `another separator, another order and escapes are read`() throws {
        let folder = try IngestFolder()
        let text = "#separator \\x7c\n#set_separator|;\n#empty_field|EMPTY\n#unset_field|NONE\n#path|http\n"
            + "#fields|host|ts|uid|tags|uri|status_code\n#types|string|time|string|set[enum]|string|count\n"
            + joined(
                "a\\x7cb.example|1795000000.5|CaaaaaaaaaaaaaaaB|one;two\\x3bx|/\\\\a\\xff|200\nEMPTY|179500",
                "0001|NONE|EMPTY|NONE|404\n")
        let summary = try folder.ingest([try folder.write("x.log", text)])
        #expect(summary.rows == ["http": 2])
        let rows = try folder.rows("SELECT * FROM http ORDER BY ts")
        #expect(rows[0].text("host") == "a|b.example")
        #expect(rows[0].text("uri") == "/\\a\\xff")
        #expect(rows[0].text("tags") == "[\"one\",\"two;x\"]")
        #expect(rows[1].text("host") == "" && rows[1].text("tags") == "[]")
        #expect(rows[1]["uid"] == .null && rows[1]["uri"] == .null)
    }

    @Test func `JSON lines are read, by the file's name or their path`() throws {
        let folder = try IngestFolder()
        let dns = joined(
            "{\"ts\":1795000000.25,\"uid\":\"Cx1\",\"id.orig_h\":\"10.0.0.1\",\"id.orig_p\":5,\"id.resp",
            "_h\":\"10.0.0.2\",")
            + joined(
                "\"id.resp_p\":53,\"proto\":\"udp\",\"query\":\"a\\\\xff.example\",\"answers\":[\"1.2.3.4\"",
                "],\"TTLs\":[60.0],\"AA\":false}\n")
        let file = try folder.write("dns.2026-11-22-13-00-00.log", dns)
        let mixed = try folder.write(
            "all.json", joined(
                "{\"_path\":\"ssl\",\"ts\":\"2026-11-22T13:00:05.5Z\",\"server_name\":\"b.example\",\"other",
                "\":{\"x\":1}}\n")
                + "{\"_path\":\"capture_loss\",\"ts\":1}\n")
        let summary = try folder.ingest([file, mixed])
        #expect(summary.rows == ["dns": 1, "ssl": 1])
        #expect(summary.unknown == ["capture_loss"])
        let row = try #require(folder.rows("SELECT * FROM dns").first)
        #expect(row.text("query") == "a\\xff.example")
        #expect(row.text("answers") == "[\"1.2.3.4\"]" && row.text("TTLs") == "[60.0]")
        #expect(try folder.rows("SELECT ts FROM ssl").first?.text("ts") == "2026-11-22 13:00:05.500000")
    }

    @Test func `bad lines are told with their place and do not end the file`() throws {
        let folder = try IngestFolder()
        let noTime = line(2).replacing("1795", with: "x795")
        let noPort = line(3).replacing("\t4000\t", with: "\t70000\t")
        let parts = [head, line(1), "only\tthree\tfields\n", "{\"ts\": 1,\n", noTime, noPort, line(4)]
        let file = try folder.write("conn.log", parts.joined())
        let summary = try folder.ingest([file])
        #expect(summary.rows == ["conn": 3])
        #expect(summary.badLines == 3)
        #expect(summary.oddValues == 2)
        #expect(folder.told.contains { $0.hasPrefix("\(file):10: ") })
        #expect(folder.told.contains { $0.hasPrefix("\(file):11: ") })
        #expect(folder.told.contains { $0.hasPrefix("\(file):12: ") && $0.contains("ts") })
    }

    @Test func `the same file, renamed, packed or grown, gives no row twice`() throws {
        let folder = try IngestFolder()
        let file = try folder.write("conn.log", head + line(1) + line(2))
        #expect(try folder.ingest([file]).rowCount == 2)
        let again = try folder.ingest([file])
        #expect(again.rowCount == 0 && again.knownRows == 0 && again.knownFiles == 1)
        try folder.write("conn.log", head + line(1) + line(2) + line(3) + "1795000004.5\tCpart")
        let grown = try folder.ingest([file])
        #expect(grown.rowCount == 1 && grown.knownRows == 0 && grown.badLines == 0)
        let renamed = try folder.write("conn.2026-11-22-13-00-00.log", head + line(1) + line(2) + line(3))
        #expect(try folder.ingest([renamed]).knownFiles == 1)
        try program(["gzip", "-k", renamed])
        let packed = try folder.ingest([renamed + ".gz"])
        #expect(packed.rowCount == 0 && packed.knownFiles == 1)
        #expect(try folder.rows("SELECT count(*) AS n FROM conn").first?.integer("n") == 3)
    }

    @Test func `a row that another file had is not written again, two equal rows of one file are`() throws {
        let folder = try IngestFolder()
        let hour = try folder.write("conn.13.log", head + line(1) + line(1) + line(2))
        #expect(try folder.ingest([hour]).rowCount == 3)
        let parts = [head, line(0), line(1), line(1), line(1), line(2), line(3)]
        let day = try folder.write("conn.day.log", parts.joined())
        let summary = try folder.ingest([day])
        #expect(summary.rowCount == 3 && summary.knownRows == 3)
        // Both in one run, the rows of the first not yet in the store.
        let other = try IngestFolder()
        let first = try other.write("conn.a.log", head + line(1) + line(2))
        let run = try other.ingest([first, try other.write("conn.b.log", head + line(2) + line(3))])
        #expect(run.rowCount == 3 && run.knownRows == 1)
    }

    @Test func `a packed log that is cut is told, read as far as its whole lines go, and gone on with`() throws {
        let folder = try IngestFolder()
        let lines = (0..<60).map { line($0, "C\(UInt64($0) &* 0x9E37_79B9_7F4A_7C15)x\($0)", service: "s\($0 * 7919)") }
        let plain = try folder.write("conn.log", head + lines.joined())
        try program(["gzip", plain])
        let whole = try Data(contentsOf: URL(filePath: plain + ".gz"))
        try whole.prefix(whole.count / 2).write(to: URL(filePath: plain + ".gz"))
        let cut = try folder.ingest([plain + ".gz"])
        #expect(cut.rowCount > 5 && cut.rowCount < 60 && cut.badLines == 0)
        #expect(cut.isDamaged && cut.damagedFiles == 1)
        #expect(folder.told.contains { $0.contains("ends before its time") }, "\(folder.told)")
        try whole.write(to: URL(filePath: plain + ".gz"))
        let rest = try folder.ingest([plain + ".gz"])
        #expect(rest.rowCount == 60 - cut.rowCount && rest.badLines == 0 && !rest.isDamaged)
        // What unpacks to more than logs do is left.
        let bomb = try folder.write("dns.log", "")
        try Data(repeating: 0x20, count: 10 << 20).write(to: URL(filePath: bomb))
        try program(["gzip", "-9", bomb])
        #expect(try folder.ingest([bomb + ".gz"]).damagedFiles == 1)
        #expect(folder.told.contains { $0.contains("unpacks to more than 250 times") })
    }

    /// Runs a program of the system.
    private func program(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(arguments)")
    }

    @Test func `pipes below a folder are not waited for, and a head of megabytes is no head`() throws {
        let folder = try IngestFolder()
        try program(["mkfifo", folder.path + "/dns.log"])
        try folder.write("conn.log", "#path\t" + String(repeating: "x", count: 200_000) + "\n" + head + line(1))
        let summary = try folder.ingest([folder.path])
        #expect(summary.files == 1 && summary.rowCount == 1 && summary.badLines == 1)
    }

    @Test func `the beginnings of a file are hashed in one walk`() {
        let octets = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let hashes = FileHead.hashes(octets, [0, 1, 7, 8, 9, 4999, 5000, 6000])
        #expect(hashes.count == 7)
        #expect(hashes.allSatisfy { FileHead.hash(octets, $0.key) == $0.value })
    }

    @Test func `a folder stands for the logs below it, and one without logs is an error`() throws {
        let folder = try IngestFolder()
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder.path + "/logs/2026-11-22", withIntermediateDirectories: true)
        try folder.write("logs/2026-11-22/conn.log", head + line(1))
        try folder.write("logs/readme.txt", "nothing")
        #expect(try folder.ingest([folder.path + "/logs"]).rowCount == 1)
        try FileManager.default.createDirectory(atPath: folder.path + "/none", withIntermediateDirectories: true)
        #expect(throws: IngestError(.missing, "", advice: "")) { try folder.ingest([folder.path + "/none"]) }
        #expect(throws: IngestError(.missing, "", advice: "")) { try folder.ingest([folder.path + "/nowhere"]) }
    }

    @Test(arguments: [
        ("conn.log", "conn"), ("/a/b/smb_files.2026-11-22.log.gz", "smb_files"), ("conn_20261122.log", "conn"),
        ("known_hosts.10:00:00-11:00:00.log", "known_hosts"), ("dns-20261122.json", "dns"), ("x509.log", "x509"),
    ])
    func `a log's name stands before the date`(_ file: String, _ name: String) {
        #expect(ZeekLines.logName(file) == name)
    }

    @Test func `every truncation of a line is borne`() throws {
        let lines = ZeekLines(Schemas.logs, fileName: "conn.log")
        var outcomes: [LineOutcome] = []
        for part in head.split(separator: "\n") { lines.read(Array(part.utf8)[...], &outcomes) }
        let json = Array(joined(
            "{\"ts\":1795000000.25,\"uid\":\"Cx1\",\"id.orig_h\":\"10.0.0.1\",\"service\":\"a\\\\xf\"}").utf8)
        for octets in [Array(line(1).utf8), json] {
            for count in octets.indices { lines.read(octets[..<count], &outcomes) }
        }
        #expect(outcomes.contains { if case .bad = $0 { true } else { false } })
    }

    @Test func `an identity of Weir's own is itself, another is the same in every log`() {
        let own = UID(value: 12_345)
        #expect(ForeignIdentity.value(Array("\(own)".utf8)[...]) == own)
        let zeek = Array("CHhAvVGS1DHFjwGM9".utf8)
        #expect(ForeignIdentity.value(zeek[...]) == ForeignIdentity.value(zeek[...]))
        #expect(ForeignIdentity.value(zeek[...]) != ForeignIdentity.value(zeek.dropLast()))
    }

    @Test(arguments: [
        ("1795000000.123456", 1_795_000_000_123_456_000), ("-1.5", -1_500_000_000), ("0", 0),
        ("1e-05", 10_000), ("2026-11-22T13:00:05.25+0100", 1_795_348_805_250_000_000),
    ])
    func `seconds and dates are nanoseconds`(_ text: String, _ value: Int64) {
        #expect(NumberText.nanoseconds(Array(text.utf8)[...]) == value)
    }

    @Test(arguments: ["", "x", "1.2.3", "99999999999999", "2026-13-01T00:00:00Z", "2026-11-22T13:00:05+9", "-"])
    func `what is no time is none`(_ text: String) {
        #expect(NumberText.nanoseconds(Array(text.utf8)[...]) == nil)
    }
}

/// One text of several parts.
func joined(_ parts: String...) -> String { parts.joined() }
