// SPDX-License-Identifier: Apache-2.0
//
// Anomalies from the wire to the log: whose they are, and how often they are told.

import Flows
import Foundation
import Records
import Testing

@testable import Sensor

@Suite("anomalies") struct WeirdTests {
    /// The rows of the anomaly log and of the connection log for some frames.
    private func rows(_ frames: [[UInt8]], ignoringChecksums: Bool = true) throws -> (weird: LogLines, conn: LogLines) {
        let folder = try TestFolder()
        let packets = frames.enumerated().map { index, octets in
            TestPacket(octets, at: Double(index))
        }
        let path = try folder.write("x.pcap", TestCapture.make(packets))
        var run = TestRun()
        run.settings.ignoringChecksums = ignoringChecksums
        try run.replay([path], into: folder.path)
        return (try LogLines(folder.path + "/logs/weird.log"), try LogLines(folder.path + "/logs/conn.log"))
    }

    /// A bubble of Teredo: an IPv6 header that nothing follows, and octets behind it all the same.
    private func bubble(_ more: [UInt8]) -> [UInt8] { Make.ipv6(59, []) + more }

    @Test func `what is wrong with a tunnel's header is told of its connection`() throws {
        let out = Make.ethernet(Make.udp(3797, 3544, bubble([1, 2, 3, 4])))
        let back = Make.ethernet(Make.udp(3544, 3797, bubble([]), from: Make.server, to: Make.client))
        let (weird, conn) = try rows([out, back])
        #expect(weird.texts("name") == ["Teredo_bubble_with_payload"])
        #expect(weird.texts("uid") == conn.texts("uid"))
        #expect(weird.numbers("id.resp_p") == [3544])
        #expect(weird.texts("source") == ["TEREDO"])
    }

    @Test func `bubbles from both sides make a service of Teredo, those of one side do not`() throws {
        let out = Make.ethernet(Make.udp(3797, 3544, bubble([])))
        let back = Make.ethernet(Make.udp(3544, 3797, bubble([]), from: Make.server, to: Make.client))
        #expect(try rows([out, back]).conn.texts("service") == ["teredo"])
        #expect(try rows([out, out]).conn.texts("service") == [])
    }

    @Test func `a third tag of a VLAN is told once`() throws {
        let inner = Make.udp(5000, 9, [1, 2, 3])
        let tags: [UInt8] = [0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]
        let frame = Make.ethernet(tags + inner, type: 0x8100)
        let (weird, _) = try rows([frame, frame, frame])
        #expect(weird.texts("name") == ["triple_tagged_vlan_unsupported"])
        #expect(weird.texts("addl") == ["inner VLAN tag overwritten"])
    }

    @Test(arguments: [
        (134, 4, "icmp6_ra_bad_opt_offset", "8 (length 4)"), (135, 8, "icmp6_ns_bad_opt_offset", "16 (length 8)"),
        (136, 0, "icmp6_na_bad_opt_offset", "16 (length 0)"),
        (137, 31, "icmp6_redirect_bad_opt_offset", "32 (length 31)"),
    ])
    func `neighbour discovery without room for its options is told`(
        _ type: Int, _ count: Int, _ name: String, _ detail: String
    ) throws {
        let message = [UInt8(type), 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: count)
        let frame = Make.ethernet(Make.ipv6(58, message), type: 0x86DD)
        let (weird, _) = try rows([frame])
        #expect(weird.texts("name") == [name])
        #expect(weird.texts("addl") == [detail])
        #expect(weird.texts("uid") == [])
    }

    @Test func `options of neighbour discovery without a length, cut, or good`() throws {
        let solicitation = [UInt8(135), 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16)
        let told = try [[1, 0], [1], [1, 1, 2, 2, 2, 2, 2, 2], []].map { options in
            try rows([Make.ethernet(Make.ipv6(58, solicitation + options), type: 0x86DD)]).weird.texts("name")
        }
        #expect(told == [["zero_length_ICMPv6_ND_option"], ["truncated_ICMPv6_ND_options"], [], []])
    }

    @Test func `an answer that comes first is read as that of the responder`() throws {
        // Both ports are likely servers: nothing is exchanged until the dialogue goes on.
        let get = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        let first = Make.tcp(Make.syn | Make.ack, isClient: false, sequence: 1000, acknowledges: 1001, port: 8000)
        let second = Make.tcp(Make.ack, isClient: true, sequence: 1001, acknowledges: 1001, port: 8000)
        let third = Make.tcp(Make.push, isClient: true, sequence: 1001, acknowledges: 1001, get, port: 8000)
        let (_, conn) = try rows([first, second, third].map { Make.ethernet($0) })
        #expect(conn.texts("service") == ["http"])
        #expect(conn.texts("history").first?.hasPrefix("^h") == true)
    }

    @Test func `names are told as often as their kind says`() {
        var sampler = WeirdSampler()
        let id = ConnectionID(
            originator: Address(v4: 1), responder: Address(v4: 2), originatorPort: 3, responderPort: 4, transport: .tcp,
            protocolNumber: 6)
        var other = id
        other.originatorPort = 5
        let asked: [(Weird, ConnectionID?, Int64, Bool)] = [
            // Once a connection in ten minutes.
            (.bad_HTTP_reply, id, 0, true), (.bad_HTTP_reply, id, 599, false), (.bad_HTTP_reply, other, 599, true),
            (.bad_HTTP_reply, id, 600, true),
            // Once an originator and day.
            (.bad_TCP_checksum, id, 0, true), (.bad_TCP_checksum, other, 86_399, false),
            (.bad_TCP_checksum, other, 86_400, true),
            // What belongs to no connection.
            (.truncated_header, nil, 0, true), (.truncated_header, nil, 1, false), (.truncated_header, nil, 600, true),
        ]
        for (weird, id, seconds, isTold) in asked {
            let admits = sampler.admits(weird, id, at: Timestamp(seconds: 1_000_000 + seconds))
            #expect(admits == isTold, "\(weird) after \(seconds) seconds")
        }
    }
}
