// SPDX-License-Identifier: Apache-2.0
//
// Sessions of TCP that go wrong: the events of each segment.

import Testing
import Wire

@testable import Signatures

@Suite("Events of sessions") struct StreamWatchTests {
    private struct Case {
        var name = ""
        var segments: [PacketFacts] = []
        var events: Set<String> = []
    }

    private static let handshake = ["c:S:1000:0", "s:SA:5000:1001", "c:A:1001:5001"]
    private static let exchange =
        handshake + ["c:AP:1001:5001:10", "s:A:5001:1011", "s:AP:5001:1011:10", "c:A:1011:5011"]

    private static func facts(_ text: Substring) throws -> PacketFacts {
        let parts = text.split(separator: ":")
        try #require(parts.count >= 4)
        var facts = PacketFacts()
        facts.isToServer = parts[0] == "c"
        for flag in parts[1] { facts.flags |= try #require(["F": 1, "S": 2, "R": 4, "P": 8, "A": 16][flag]) }
        facts.sequence = UInt32(truncatingIfNeeded: try #require(Int(parts[2])))
        facts.acknowledgement = UInt32(truncatingIfNeeded: try #require(Int(parts[3])))
        facts.payloadCount = parts.count > 4 ? try #require(Int(parts[4])) : 0
        facts.window = parts.count > 5 ? try #require(UInt16(parts[5])) : 8192
        return facts
    }

    private static func cases() throws -> [Case] {
        var cases: [Case] = []
        for line in StreamWatchCases.text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("=") {
                cases[cases.count - 1].events.formUnion(words.dropFirst().map(String.init))
            } else if line.hasPrefix(" ") {
                for word in words {
                    switch word {
                    case "H": cases[cases.count - 1].segments += try handshake.map { try facts($0[...]) }
                    case "D": cases[cases.count - 1].segments += try exchange.map { try facts($0[...]) }
                    default: cases[cases.count - 1].segments.append(try facts(word))
                    }
                }
            } else {
                cases.append(Case(name: String(line)))
            }
        }
        return cases
    }

    @Test func `each segment shows what Suricata says of it`() throws {
        let cases = try Self.cases()
        #expect(cases.count > 240)
        var told: Set<String> = []
        for one in cases {
            var watch = StreamWatch()
            var events: Set<String> = []
            for (number, segment) in one.segments.enumerated() {
                watch.take(segment, TCPOptions(noOptions: ())) { events.insert("\(number):\($0.rawValue)") }
            }
            #expect(events == one.events, "\(one.name)")
            told.formUnion(events.compactMap { $0.split(separator: ":").last.map(String.init) })
        }
        // Each event but those that another part tells of, and those of timestamps.
        let others: Set<String> = ["pkt_invalid_timestamp", "reassembly_seq_gap", "reassembly_depth_reached"]
        #expect(Set(StreamEvent.allCases.map(\.rawValue)).subtracting(told).isSubset(of: others))
    }

    @Test func `a SYN belongs to the session that is open, and to none that is closed`() throws {
        func keeps(_ segments: [String], _ sequence: UInt32) throws -> Bool {
            var watch = StreamWatch()
            for segment in segments { watch.take(try Self.facts(segment[...]), TCPOptions(noOptions: ())) { _ in } }
            return watch.keepsSYN(sequence, isToServer: true)
        }
        #expect(try !keeps([], 1000) && keeps(["c:S:1000:0"], 2000) && keeps(Self.handshake, 2000))
        #expect(try keeps(Self.handshake + ["s:FA:5001:1001"], 2000), "the server has closed first")
        #expect(try !keeps(Self.handshake + ["c:FA:1001:5001"], 2000), "the client has")
        #expect(try keeps(Self.handshake + ["c:FA:1001:5001"], 1000), "the same once more")
        #expect(try !keeps(Self.handshake + ["c:R:1001:0"], 2000) && keeps(Self.handshake + ["c:R:9:0"], 2000))
    }

    @Test func `a session that goes on with its ends the other way round is the same one`() throws {
        var watch = StreamWatch()
        var told: [StreamEvent] = []
        for segment in ["c:S:1000:0", "s:SA:5000:1001"] {
            watch.take(try Self.facts(segment[...]), TCPOptions(noOptions: ())) { told.append($0) }
        }
        // The server's SYN began a connection in which it is the client.
        let other = try Self.facts("c:S:7000:0")
        var turned = try #require(watch.goingOn(other, isTurned: true))
        turned.take(other, TCPOptions(noOptions: ())) { told.append($0) }
        #expect(told == [.synToClient])
        #expect(watch.goingOn(other, isTurned: false) != nil && StreamWatch().goingOn(other, isTurned: true) == nil)
    }

    @Test func `no segments whatever bring it out of step`() {
        var state: UInt64 = 7
        func random(_ count: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % count
        }
        var watch = StreamWatch()
        for _ in 0..<20_000 {
            var facts = PacketFacts()
            facts.isToServer = random(2) == 0
            facts.flags = UInt8(random(32))
            facts.sequence = random(2) == 0 ? UInt32(random(10)) : .max
            facts.acknowledgement = UInt32(random(10)) &- 4
            facts.payloadCount = Int(random(4)) * 30_000
            facts.window = UInt16(random(65_536))
            watch.take(facts, TCPOptions(noOptions: ())) { _ in }
        }
        #expect(watch.state != .none)
    }
}
