// SPDX-License-Identifier: Apache-2.0
//
// A capture from end to end: the same rows for any number of workers, the same segments twice,
// connections that go on across files.

import Capture
import Flows
import Foundation
import Records
import Store
import Testing

@testable import Sensor

@Suite("replay") struct ReplayTests {
    static let captures = [Repository.office, Repository.intrusion]

    @Test(arguments: captures) func `every log is the same with one, two and four workers`(_ path: String) throws {
        let folder = try TestFolder()
        var counters: [SensorCounters] = []
        for workers in [1, 2, 4] {
            let summary = try #require(
                try TestRun(workers: workers).replay([path], into: "\(folder.path)/\(workers)"))
            counters.append(summary.counters)
            #expect(summary.warnings.isEmpty)
        }
        let one = try folder.contents(of: "1/logs")
        #expect(Set(one.keys).isSuperset(of: ["conn.log", "dns.log", "http.log", "stats.log"]))
        for workers in [2, 4] {
            let many = try folder.contents(of: "\(workers)/logs")
            #expect(one.keys.sorted() == many.keys.sorted())
            for (name, data) in one { #expect(many[name] == data, "\(name) differs with \(workers) workers") }
        }
        #expect(counters.allSatisfy { $0 == counters[0] })
    }

    @Test(arguments: captures) func `two stores of one capture have the same segments`(_ path: String) throws {
        let folder = try TestFolder()
        try TestRun(workers: 1).replay([path], into: folder.path + "/a", stores: true)
        try TestRun(workers: 2).replay([path], into: folder.path + "/b", stores: true)
        let first = try folder.contents(of: "a/store").filter { $0.key.hasSuffix(".parquet") }
        let second = try folder.contents(of: "b/store").filter { $0.key.hasSuffix(".parquet") }
        #expect(first.count >= 4)
        #expect(first.keys.sorted() == second.keys.sorted())
        for (name, data) in first { #expect(second[name] == data, "\(name) differs") }
    }

    @Test func `the store has the rows that the logs have`() throws {
        let folder = try TestFolder()
        let summary = try #require(try TestRun().replay([Repository.office], into: folder.path, stores: true))
        let reader = try StoreReader.open(folder.path + "/store")
        for log in Schemas.logs.map(\.log) {
            let stored = try reader.segments(log: log.path).reduce(0) { $0 + $1.rowCount }
            #expect(stored == Int(summary.rows[Int(log.rawValue)]), "\(log.path)")
            let lines = try LogLines("\(folder.path)/logs/\(log.path).log")
            #expect(lines.rows.count == stored, "\(log.path)")
        }
    }

    @Test func `a capture that the store has is not read again, unless that is asked for`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        #expect(try run.replay([Repository.office], into: folder.path, stores: true) != nil)
        let rows = { try StoreReader.open(folder.path + "/store").segments(log: "conn").map(\.rowCount) }
        let before = try rows()
        #expect(try run.replay([Repository.office], into: folder.path, stores: true) == nil)
        #expect(try rows() == before)
        run.again = true
        #expect(try run.replay([Repository.office], into: folder.path, stores: true) != nil)
        #expect(try rows() == before, "replaced, not added to")
        run.again = false
        run.settings.flows.tcpInactivity = 20 * second
        let other = try run.replay([Repository.office], into: folder.path, stores: true)
        #expect(other != nil, "other rows: another source")
    }

    /// The office capture cut in two after half of its packets.
    private func halves(_ folder: TestFolder) throws -> [String] {
        let packets = try TestCapture.packets(Repository.office)
        let half = packets.count / 2
        return [
            try folder.write("first.pcap", TestCapture.make(Array(packets[..<half]))),
            try folder.write("second.pcap", TestCapture.make(Array(packets[half...]))),
        ]
    }

    @Test func `connections go on across files, in whatever order these are named`() throws {
        let folder = try TestFolder()
        let halves = try halves(folder)
        try TestRun().replay([Repository.office], into: folder.path + "/whole")
        try TestRun(workers: 2).replay(halves, into: folder.path + "/halves")
        try TestRun().replay(halves.reversed(), into: folder.path + "/reversed")
        let whole = try folder.contents(of: "whole/logs")
        #expect(try folder.contents(of: "halves/logs") == whole)
        #expect(try folder.contents(of: "reversed/logs") == whole)
    }

    @Test func `a folder of captures is one run, and other files in it are left alone`() throws {
        let folder = try TestFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/in/deep", withIntermediateDirectories: true)
        let halves = try halves(folder)
        try FileManager.default.moveItem(atPath: halves[0], toPath: folder.path + "/in/deep/z.pcap")
        try FileManager.default.moveItem(atPath: halves[1], toPath: folder.path + "/in/a.pcap")
        _ = try folder.write("in/notes.txt", Array("not a capture".utf8))
        _ = try folder.write("in/nothing.pcap", [])
        try TestRun().replay([Repository.office], into: folder.path + "/whole")
        let summary = try #require(try TestRun().replay([folder.path + "/in"], into: folder.path + "/folder"))
        #expect(summary.warnings.isEmpty)
        #expect(try folder.contents(of: "folder/logs") == folder.contents(of: "whole/logs"))
    }

    /// A UDP datagram with a wrong checksum among good ones.
    private func withBadChecksum(_ folder: TestFolder) throws -> String {
        var bad = Make.udp(1111, 9999, [1, 2, 3])
        bad.replaceSubrange(26..<28, with: [0x12, 0x34])
        return try folder.write(
            "sums.pcap",
            TestCapture.make([
                TestPacket(Make.ethernet(bad)), TestPacket(Make.ethernet(Make.udp(2222, 9999, [1])), at: 1),
            ]))
    }

    @Test func `a packet with a wrong checksum counts only when checksums are ignored`() throws {
        let folder = try TestFolder()
        let capture = try withBadChecksum(folder)
        try TestRun().replay([capture], into: folder.path + "/verified")
        #expect(try LogLines(folder.path + "/verified/logs/conn.log").texts("history") == ["C", "D"])
        #expect(try LogLines(folder.path + "/verified/logs/weird.log").texts("name") == ["bad_UDP_checksum"])
        var run = TestRun()
        run.settings.ignoringChecksums = true
        try run.replay([capture], into: folder.path + "/ignored")
        #expect(try LogLines(folder.path + "/ignored/logs/conn.log").texts("history") == ["D", "D"])
        #expect(try LogLines(folder.path + "/ignored/logs/weird.log").rows.isEmpty)
    }

    @Test func `where most checksums are wrong the summary says what to do`() throws {
        let folder = try TestFolder()
        var bad = Make.udp(1111, 9999, [1, 2, 3])
        bad.replaceSubrange(26..<28, with: [0x12, 0x34])
        let capture = try folder.write("bad.pcap", TestCapture.make([TestPacket(Make.ethernet(bad))]))
        let lines = try TestRun().replay([capture], into: folder.path)?.lines(seconds: 1) ?? []
        #expect(lines.contains { $0.hasPrefix("hint: ") && $0.contains("--ignore-checksums") }, "\(lines)")
        let office = try TestRun().replay([Repository.office], into: folder.path)?.lines(seconds: 1) ?? []
        #expect(!office.isEmpty && !office.contains { $0.hasPrefix("hint: ") }, "\(office)")
    }

    @Test func `logs of an earlier run do not stay behind`() throws {
        let folder = try TestFolder()
        try TestRun().replay([Repository.office], into: folder.path)
        _ = try folder.write("logs/mine.log", [1])
        var run = TestRun()
        run.settings.analyzers = ["dns"]
        try run.replay([Repository.office], into: folder.path)
        let logs = try folder.contents(of: "logs")
        #expect(logs["conn.log"] != nil && logs["dns.log"] != nil && logs["mine.log"] != nil)
        #expect(logs["http.log"] == nil)
    }

    @Test func `without analyzers there are connections and no protocols`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.analyzers = []
        try run.replay([Repository.office], into: folder.path)
        let logs = try folder.contents(of: "logs")
        #expect(logs["conn.log"] != nil && logs["dns.log"] == nil && logs["http.log"] == nil)
        run.settings.analyzers = ["dns"]
        try run.replay([Repository.office], into: folder.path + "/dns")
        #expect(try LogLines(folder.path + "/dns/logs/dns.log").rows.count > 200)
        #expect(try LogLines(folder.path + "/dns/logs/http.log").rows.isEmpty)
    }

    @Test func `a filter leaves out packets and says how many`() throws {
        let folder = try TestFolder()
        var run = TestRun()
        run.settings.filter = "udp port 53"
        let summary = try #require(try run.replay([Repository.office], into: folder.path))
        let packets = try TestCapture.packets(Repository.office).count
        #expect(summary.filteredPackets > 0)
        #expect(Int(summary.filteredPackets + summary.counters.packets) == packets)
        #expect(try Set(LogLines(folder.path + "/logs/conn.log").texts("proto")) == ["udp"])
    }
}

/// Committed rows of the captures to show. WEIR_UPDATE_BASELINES=1 swift test --filter BaselineTests
/// writes them anew where a change of rows or columns is wanted.
@Suite("baselines") struct BaselineTests {
    private static let folder = Repository.root + "/Tests/Fixtures/baselines"
    /// First rows of a log that are kept beside its digest, for a diff that a person can read.
    private static let rowsKept = 60
    private static let logs = ["conn", "dns", "http"]

    /// The first rows, then how many there are and the SipHash of the whole file.
    private static func baseline(_ log: Data) -> String {
        let octets = Array(log)
        var hash = SipHash(key0: 0x7765_6972, key1: 0x6261_7365)
        hash.absorb(octets)
        let lines = String(decoding: octets, as: UTF8.self).split(separator: "\n")
        let kept = lines.prefix(rowsKept).joined(separator: "\n")
        return "\(kept)\n# \(lines.count) rows, SipHash \(String(hash.finish(), radix: 16))\n"
    }

    @Test(arguments: ["office", "intrusion"]) func `rows are those of the baseline`(_ name: String) throws {
        let scratch = try TestFolder()
        try TestRun(workers: 2).replay(["\(Repository.root)/pcaps/\(name).pcap"], into: scratch.path)
        for log in Self.logs {
            let data = try #require(FileManager.default.contents(atPath: "\(scratch.path)/logs/\(log).log"))
            let now = Self.baseline(data)
            let path = "\(Self.folder)/\(name)/\(log).log"
            if Repository.updates("BASELINES") {
                try FileManager.default.createDirectory(
                    atPath: "\(Self.folder)/\(name)", withIntermediateDirectories: true)
                try now.write(toFile: path, atomically: true, encoding: .utf8)
                continue
            }
            let then = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            let lines = now.split(separator: "\n")
            let first = zip(lines, then).first { $0 != $1 }
            #expect(
                lines == then,
                """
                \(name)/\(log): \(first.map { "is   \($0.0)\nwas  \($0.1)" } ?? "more or fewer rows")
                If that is right: WEIR_UPDATE_BASELINES=1 ./Scripts/test --filter BaselineTests
                """)
        }
    }
}
