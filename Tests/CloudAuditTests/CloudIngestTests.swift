// SPDX-License-Identifier: Apache-2.0
//
// Files into the store: each record once, each damaged one in quarantine, files that grow.

import Dispatch
import Foundation
import JSON
import Query
import Records
import Store
import Testing

@testable import CloudAudit

@Suite("Cloud ingest") struct CloudIngestTests {
    @Test func `arrays, lines, envelopes and texts of several lines give the same records`() throws {
        let scratch = try Scratch()
        let pretty = event(4).replacingOccurrences(of: ",", with: ",\n\t  ")
        try scratch.write("a.json", "{\"Records\":[\(event(0)),\(event(1))]}".utf8)
        try scratch.write("b.json", "[\(event(1)), \(event(2))]".utf8)
        try scratch.write("c.ndjson", "\u{FEFF}\(event(2))\n\(event(3))\n\n".utf8)
        try scratch.write("d.json", "{\"owner\":\"x\",\"n\":1,\"records\":[\(pretty)],\"more\":\"y\"}\n".utf8)
        let summary = try scratch.ingest([scratch.path])
        #expect(summary.records == 7 && summary.rows == 5 && summary.duplicates == 2 && summary.isClean)
        #expect(try Set(scratch.raws()) == Set((0...3).map { event($0) } + [pretty]))
    }

    @Test func `a damaged record takes no neighbour along`() throws {
        let damages: [(String) -> String] = [
            { String($0.dropLast(1)) }, { String($0.prefix(40)) },
            { $0.replacingOccurrences(of: "\"eventName\":\"", with: "\"eventName\":") },
            { $0.replacingOccurrences(of: "[", with: "") }, { $0.replacingOccurrences(of: "]", with: "") },
            { $0.replacingOccurrences(of: "1.08", with: "1.0\n8") }, { _ in "garbage" }, { $0 + "}" + "x" },
        ]
        for (number, damage) in damages.enumerated() {
            for separator in [",", "\n"] {
                let scratch = try Scratch()
                let body = [event(1), damage(event(2)), event(3), event(4)].joined(separator: separator)
                let file = try scratch.write("x.json", (separator == "," ? "{\"Records\":[\(body)]}" : body).utf8)
                let summary = try scratch.ingest([file])
                let raws = try Set(scratch.raws())
                #expect(raws.isSuperset(of: [event(1), event(3), event(4)]), "damage \(number) \(separator)")
                #expect(summary.quarantined >= 1, "damage \(number) \(separator)")
                #expect(try scratch.quarantine().count == summary.quarantined)
            }
        }
    }

    @Test func `three times in any order, with one in a hundred damaged, each once`() throws {
        let scratch = try Scratch()
        var random = Generator(state: 7)
        var good: Set<String> = []
        var bad = 0
        var pieces: [String] = []
        for number in 0..<2000 {
            let text = event(number, ",\"n\":\(number)")
            if number % 100 == 37 {
                pieces.append(String(text.prefix(60 + number % 40)))
                bad += 1
            } else {
                pieces.append(text)
                good.insert(text)
            }
        }
        for round in 0..<3 {
            pieces.shuffle(using: &random)
            for part in 0..<4 {
                let slice = pieces[part * 500..<(part + 1) * 500]
                let lines = slice.joined(separator: "\n")
                let text = part % 2 == 0 ? "{\"Records\":[\(slice.joined(separator: ","))]}" : lines
                try scratch.write("r\(round)-\(part).json", text.utf8)
            }
            _ = try scratch.ingest([scratch.path])
        }
        let again = try scratch.ingest([scratch.path])
        #expect(again.unchangedFiles == 12 && again.records == 0)
        let raws = try scratch.raws()
        #expect(raws.count == good.count && Set(raws) == good)
        #expect(try scratch.quarantine().count == bad)
    }

    @Test func `a file that grows is gone on with, a half-written record is told once and then read`() throws {
        let scratch = try Scratch()
        let whole = (0..<9).map { event($0) }.joined(separator: "\n") + "\n"
        let cut = whole.utf8.count - 70
        let file = try scratch.write("PT1H.json", whole.utf8.prefix(cut))
        let first = try scratch.ingest([file])
        #expect(first.rows == 8 && first.quarantined == 1)
        #expect(try scratch.quarantine().map(\.reason) == ["ends inside a record"])
        try scratch.write("PT1H.json", (whole + event(100) + "\n").utf8)
        let second = try scratch.ingest([file])
        #expect(second.records == 2 && second.rows == 2 && second.isClean)
        #expect(try scratch.quarantine().isEmpty)
        // Another file in its place is read from its start.
        try scratch.write("PT1H.json", ((200..<230).map { event($0) }.joined(separator: "\n")).utf8)
        #expect(try scratch.ingest([file]).rows == 30)
    }

    @Test func `gzip in several members is read, a cut one as far as it goes and again when it is whole`() throws {
        let scratch = try Scratch()
        let packed = try gzip("{\"Records\":[\(event(1)),") + gzip("\(event(2))]}")
        let file = try scratch.write("x.json.gz", packed)
        #expect(try scratch.ingest([file]).rows == 2)
        let long = try gzip((0..<3000).map { event($0, ",\"r\":\"\($0 &* 2_654_435_761)\"") }.joined(separator: "\n"))
        try scratch.write("y.gz", long.prefix(long.count / 2))
        let half = try scratch.ingest([scratch.path + "/y.gz"])
        #expect(half.rows > 100 && half.rows < 3000 && half.damagedFiles.count == 1 && half.quarantined > 0)
        try scratch.write("y.gz", long)
        let rest = try scratch.ingest([scratch.path + "/y.gz"])
        #expect(half.rows + rest.rows == 2998 && rest.isClean)
        #expect(try scratch.quarantine().isEmpty)
    }

    @Test func `a file of very many empty members costs no more than its length`() throws {
        let scratch = try Scratch()
        let empty = try gzip("")
        var octets: [UInt8] = []
        for _ in 0..<150_000 { octets += empty }
        let file = try scratch.write("x.gz", octets + (try gzip(event(1))))
        #expect(try scratch.ingest([file]).rows == 1)
    }

    @Test func `a zip bomb ends early`() throws {
        let scratch = try Scratch()
        let piece = try gzip(String(repeating: " ", count: 16 << 20))
        let file = try scratch.write("bomb.gz", (0..<40).flatMap { _ in piece })
        let summary = try scratch.ingest([file])
        #expect(summary.damagedFiles.count == 1 && summary.rows == 0)
        #expect(summary.damagedFiles[0].contains("unpacks to more"))
    }

    @Test func `deep, long and foreign records are quarantined with their reason`() throws {
        let scratch = try Scratch()
        let deep = String(repeating: "{\"a\":", count: 100) + "1" + String(repeating: "}", count: 100)
        let long = event(5, ",\"x\":\"\(String(repeating: "y", count: 2 << 20))\"")
        let pieces = [event(1), deep, event(2), long, event(3), "{\"b\":1}", "\"\u{1}\"", event(4)]
        let text = pieces.joined(separator: "\n")
        var octets = Array(text.utf8)
        octets += Array("\n{\"eventVersion\":\"".utf8) + [0xFF, 0xFE] + Array("\"}\n".utf8) + Array(event(6).utf8)
        let file = try scratch.write("x.json", octets)
        let summary = try scratch.ingest([file])
        #expect(summary.rows == 5)
        let reasons = try scratch.quarantine().map(\.reason)
        #expect(
            reasons == [
                "objects and arrays nest too deep", "is longer than 1048576 octets",
                "is no audit record that Weir knows",
                "is no JSON object", "is not UTF-8",
            ])
        #expect(try scratch.quarantine().map(\.offset)[0] == Int64(event(1).utf8.count + 1))
    }

    @Test func `only what was asked for is taken`() throws {
        let scratch = try Scratch()
        let google = """
            {"insertId":"i","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity",\
            "timestamp":"2024-01-01T00:00:00Z","protoPayload":{"methodName":"m"}}
            """
        let file = try scratch.write("x.json", (event(1) + "\n" + google).utf8)
        #expect(try scratch.ingest([file], .gcp).rows == 1)
        #expect(try scratch.quarantine().map(\.reason) == ["is a record of cloudtrail, which was not asked for"])
    }

    @Test func `what comes into a watched folder comes into the store`() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path + "/drop", withIntermediateDirectories: true)
        try scratch.write("drop/a.json", event(1).utf8)
        let told = DispatchSemaphore(value: 0)
        var settings = CloudWatcher.Settings(store: scratch.store, folders: [scratch.path + "/drop"])
        settings.intervalSeconds = 1
        settings.tell = { _ in told.signal() }
        let watcher = CloudWatcher(settings)
        // The limit only keeps a broken watcher from hanging the test.
        #expect(told.wait(timeout: .now() + .seconds(120)) == .success)
        #expect(try scratch.raws() == [event(1)])
        try scratch.write("drop/b.json", (event(1) + "\n" + event(2)).utf8)
        #expect(told.wait(timeout: .now() + .seconds(120)) == .success)
        watcher.stop()
        #expect(try Set(scratch.raws()) == [event(1), event(2)])
    }

    @Test func `raw records keep their control characters and spaces`() throws {
        let scratch = try Scratch()
        let odd = "{ \"eventVersion\" : \"1\",\r\n\t\"eventName\":\"Ü\\u0041\u{7F}\", "
            + "\"eventSource\":\"s\",\"eventID\":\"z\" }"
        let file = try scratch.write("x.json", odd.utf8)
        #expect(try scratch.ingest([file]).rows == 1)
        #expect(try scratch.raws() == [odd])
    }
}

/// xorshift, so that every run shuffles alike.
private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
