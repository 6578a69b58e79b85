// SPDX-License-Identifier: Apache-2.0
//
// ARP, LLDP and CDP, from frames to rows.

import Foundation
import Records
import Testing

@testable import Protocols
@testable import Sensor

@Suite("link frames") struct LinkFrameTests {
    private static let source: [UInt8] = [2, 0, 0, 0, 0, 1]

    private static let question: [UInt8] =
        [0, 1, 8, 0, 6, 4, 0, 1] + source + [192, 0, 2, 1] + [0, 0, 0, 0, 0, 0] + [192, 0, 2, 9]

    private static func value(_ type: Int, _ octets: [UInt8]) -> [UInt8] { Make.two(type << 9 | octets.count) + octets }
    private static let neighbour: [UInt8] =
        value(1, [4] + source) + value(2, [5] + Array("ge-0/0/1".utf8)) + value(3, [0, 120])
        + value(5, Array("switch1".utf8)) + value(7, [0, 0x14, 0, 4])
        + value(8, [5, 1, 192, 0, 2, 254, 2, 0, 0, 0, 1, 0]) + value(127, [0, 0x80, 0xC2, 1, 0, 42]) + value(0, [])

    private static func field(_ type: Int, _ octets: [UInt8]) -> [UInt8] {
        Make.two(type) + Make.two(octets.count + 4) + octets
    }
    private static let cisco: [UInt8] =
        [2, 180, 0, 0] + field(1, Array("sw2.example".utf8)) + field(3, Array("Gi0/1".utf8))
        + field(6, Array("cisco WS-C2960".utf8)) + field(2, [0, 0, 0, 1, 1, 1, 0xCC, 0, 4, 192, 0, 2, 253])
        + field(10, [0, 7]) + field(11, [1])

    /// The frame of CDP: 802.3 with a length, LLC and SNAP.
    private static func snap(_ payload: [UInt8]) -> [UInt8] {
        Make.ethernet([0xAA, 0xAA, 3, 0, 0, 0x0C, 0x20, 0] + payload, type: payload.count + 8)
    }

    /// The rows of a log for some frames.
    private func rows(
        _ log: String, _ frames: [[UInt8]], workers: Int = 1, analyzers: Set<String>? = nil
    ) throws -> LogLines {
        let folder = try TestFolder()
        let path = try folder.write("x.pcap", TestCapture.make(frames.map { TestPacket($0) }))
        var run = TestRun()
        run.workers = workers
        run.settings.analyzers = analyzers
        try run.replay([path], into: folder.path)
        return try LogLines("\(folder.path)/logs/\(log).log")
    }

    @Test(arguments: [1, 3])
    func `a question about an address is a row, for any number of workers`(_ workers: Int) throws {
        let found = try rows("arp", [Make.ethernet(Self.question, type: 0x0806)], workers: workers)
        #expect(found.texts("operation") == ["request"])
        #expect(found.texts("sender_mac") == ["02:00:00:00:00:01"])
        #expect(found.texts("sender_addr") == ["192.0.2.1"] && found.texts("target_addr") == ["192.0.2.9"])
    }

    @Test func `behind tags of a VLAN it is one too`() throws {
        let frame = Make.ethernet([0, 5, 8, 6] + Self.question, type: 0x8100)
        #expect(try rows("arp", [frame]).rows.count == 1)
    }

    @Test func `a neighbour is a row with what it says`() throws {
        let found = try rows("lldp", [Make.ethernet(Self.neighbour, type: 0x88CC)])
        #expect(found.texts("chassis_id") == ["02:00:00:00:00:01"] && found.texts("port_id") == ["ge-0/0/1"])
        #expect(found.texts("system_name") == ["switch1"])
        #expect(found.numbers("ttl") == [120] && found.numbers("vlan") == [42])
        #expect(found.rows.first?["capabilities"] as? [String] == ["bridge"])
        #expect(found.rows.first?["mgmt_addrs"] as? [String] == ["192.0.2.254"])
    }

    @Test func `a neighbour of Cisco is a row with what it says`() throws {
        let found = try rows("cdp", [Self.snap(Self.cisco)])
        #expect(found.texts("device_id") == ["sw2.example"] && found.texts("port_id") == ["Gi0/1"])
        #expect(found.numbers("native_vlan") == [7] && found.rows.first?["full_duplex"] as? Bool == true)
        #expect(found.rows.first?["addrs"] as? [String] == ["192.0.2.253"])
    }

    @Test func `what is cut gives no row, or one with less`() throws {
        let arp = (0..<28).map { Make.ethernet(Array(Self.question.prefix($0)), type: 0x0806) }
        #expect(try rows("arp", arp).rows.isEmpty)
        let lldp = (0..<Self.neighbour.count).map { Make.ethernet(Array(Self.neighbour.prefix($0)), type: 0x88CC) }
        #expect(try rows("lldp", lldp).rows.count < lldp.count / 2 + 20)
        let cdp = (0..<Self.cisco.count).map { Self.snap(Array(Self.cisco.prefix($0))) }
        #expect(try rows("cdp", cdp).texts("device_id").allSatisfy { $0 == "sw2.example" })
    }

    @Test func `lengths that cannot be, and other hardware, give none`() throws {
        var other = Self.question
        other[1] = 6
        #expect(try rows("arp", [Make.ethernet(other, type: 0x0806)]).rows.isEmpty)
        let long = Self.value(1, [4] + Self.source) + [0x05, 0xFF, 1]
        #expect(try rows("lldp", [Make.ethernet(long, type: 0x88CC)]).rows.isEmpty)
        #expect(try rows("cdp", [Self.snap([2, 180, 0, 0, 0, 1, 0, 3, 1])]).rows.isEmpty)
    }

    @Test func `a frame that is none does not stand for the one before it`() throws {
        // A session of PPPoE with something else than IP, in a frame that is shorter than the question.
        let session = Make.ethernet([0x11, 0, 0, 1, 0, 6, 0xC0, 0x21, 1, 1, 0, 4], type: 0x8864)
        let found = try rows("arp", [Make.ethernet(Self.question, type: 0x0806), session])
        #expect(found.rows.count == 1)
    }

    @Test func `a frame in a datagram that came in pieces is not looked for in the last of them`() throws {
        // GRE with a frame of Ethernet (RFC 7637 section 3.2) in two fragments, the second of eight octets.
        let carried = [0, 0, 0x65, 0x58] + Make.ethernet(Self.question + [0, 0], type: 0x0806)
        #expect(carried.count == 48)
        let whole = Make.ethernet(Make.ipv4(47, carried))
        func piece(_ range: Range<Int>, _ word: Int) -> [UInt8] {
            var head = Array(whole[14..<34])
            head.replaceSubrange(2..<4, with: Make.two(20 + range.count))
            head.replaceSubrange(6..<8, with: Make.two(word))
            head.replaceSubrange(10..<12, with: [0, 0])
            head.replaceSubrange(10..<12, with: Make.sum(head))
            return Make.ethernet(head + Array(carried[range]))
        }
        #expect(try rows("arp", [whole]).rows.count == 1)
        let pieces = [piece(0..<40, 0x2000), piece(40..<48, 5)]
        let found = try rows("arp", pieces + [Make.ethernet(Self.question, type: 0x0806)])
        #expect(found.rows.count == 1)
    }

    @Test func `they can be left out`() throws {
        #expect(try rows("arp", [Make.ethernet(Self.question, type: 0x0806)], analyzers: ["dns"]).rows.isEmpty)
    }
}
