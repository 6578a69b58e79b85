// SPDX-License-Identifier: Apache-2.0
//
// STUN, WireGuard and OpenVPN: what is in the clear before all is hidden.

import Testing
import Wire

@testable import Protocols
@testable import Records

private func stun(_ type: Int, _ attributes: [UInt8], identity: UInt8 = 7) -> [UInt8] {
    wide(type) + wide(attributes.count) + long(0x2112_A442) + [UInt8](repeating: identity, count: 12) + attributes
}

private func attribute(_ type: Int, _ value: [UInt8]) -> [UInt8] {
    wide(type) + wide(value.count) + value + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
}

@Suite("STUN") struct STUNTests {
    /// 192.0.2.1 port 32853, mixed with the cookie (RFC 5769 section 2.2).
    private static let mapped: [UInt8] = [0, 1, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43]
    static let session = Conversation(
        turns: [
            (.originator, stun(0x0001, attribute(0x8022, octets("test vector")) + attribute(6, octets("evtj:h6vY")))),
            (.responder, stun(0x0101, attribute(0x20, mapped))),
            (.originator, stun(0x0003, attribute(0x12, mapped), identity: 8)),
            (.responder, stun(0x0113, attribute(9, [0, 0, 4, 1] + octets("Unauthorized")), identity: 8)),
            (.originator, stun(0x0011, [], identity: 9)),
            (.originator, stun(0x0001, [], identity: 10)),
        ], port: 3478, logs: [STUNRecord.makeSchema()], isDatagrams: true, make: { STUN() })

    @Test func `a request and its answer are a row`() throws {
        let rows = Self.session.play().rows
        #expect(rows.count == 4)
        #expect(rows[0].hasSuffix("method=binding result=success username=evtj:h6vY software=test vector"))
        #expect(rows[1].hasSuffix("method=allocate result=error error_code=401 error_msg=Unauthorized"))
        #expect(rows[2].hasSuffix("method=binding result=indication"))
        #expect(rows[3].hasSuffix("method=binding result=unanswered"))
        let bench = DatagramBench(STUN(), port: 3478, logs: [STUNRecord.makeSchema()])
        for (direction, octets) in Self.session.turns.prefix(4) { bench.datagram(octets, from: direction) }
        #expect(bench.rows[0].address("mapped_addr") == Address(v4: 0xC000_0201))
        #expect(bench.rows[0].number("mapped_p") == 32853)
        #expect(bench.rows[1].address("peer_addr") == Address(v4: 0xC000_0201))
    }

    @Test func `cuts, lost messages and damage do no harm`() { Self.session.expectRobust(rowsMax: 6) }

    @Test func `lengths that cannot be are no message`() {
        #expect(STUNHeader(stun(1, []).octets) != nil)
        #expect(STUNHeader((stun(1, []) + [0]).octets) == nil)
        #expect(STUNHeader(Array(stun(1, attribute(6, [1])).dropLast(4)).octets) == nil)
        let bench = DatagramBench(STUN(), port: 3478, logs: [STUNRecord.makeSchema()])
        bench.datagram(stun(1, wide(6) + wide(500)))
        #expect(bench.analyzer.isDetached)
    }

    @Test func `another protocol is none`() {
        #expect(Self.session.playHTTP().analyzer.isDetached)
        #expect(STUNProbe.message(octets("GET / HTTP/1.1\r\n\r\n......").octets) == .never)
    }
}

@Suite("WireGuard") struct WireGuardTests {
    private static func message(_ type: UInt8, _ count: Int, _ first: Int, _ second: Int = 0) -> [UInt8] {
        [type, 0, 0, 0] + long(first) + long(second) + [UInt8](repeating: 0x5A, count: count - 12)
    }

    static let session = Conversation(
        turns: [
            (.originator, message(1, 148, 0x0102_0304)), (.responder, message(2, 92, 9, 0x0102_0304)),
            (.originator, message(4, 32, 9)), (.responder, message(4, 96, 0x0102_0304)),
            (.originator, message(3, 64, 9)),
        ], port: 51820, logs: [WireGuardRecord.makeSchema()], isDatagrams: true, make: { WireGuard() })

    @Test func `an answered handshake is a row`() {
        #expect(
            Self.session.play().rows == [
                "initiations=1 handshakes=1 cookies=1 orig_data_pkts=1 resp_data_pkts=1 keepalives=1"
            ])
    }

    @Test func `an answer to another initiation, or of the same side, is none`() {
        for (direction, receiver) in [(Direction.responder, 5), (.originator, 0x0102_0304)] {
            let bench = DatagramBench(WireGuard(), port: 51820, logs: [WireGuardRecord.makeSchema()])
            bench.datagram(Self.message(1, 148, 0x0102_0304))
            bench.datagram(Self.message(2, 92, 9, receiver), from: direction)
            bench.finish()
            #expect(!bench.analyzer.isConfirmed && bench.rows.isEmpty)
        }
    }

    @Test func `cuts, lost messages and damage do no harm`() { Self.session.expectRobust() }

    @Test func `lengths that cannot be, and other protocols, are none`() {
        for (type, count) in [(UInt8(1), 147), (2, 93), (3, 65), (4, 33), (4, 16), (5, 64)] {
            #expect(WireGuardMessage(Self.message(type, count, 1).octets, wireLength: count) == nil)
        }
        #expect(Self.session.playHTTP().analyzer.isDetached)
        #expect(WireGuardProbe.initiation(Self.message(1, 148, 1).octets) == .matches)
        #expect(WireGuardProbe.initiation(Self.message(4, 148, 1).octets) == .never)
    }
}

@Suite("OpenVPN") struct OpenVPNTests {
    private static let client: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    private static let server: [UInt8] = [9, 9, 9, 9, 9, 9, 9, 9]
    private static let opening = [0x38] + client + [0, 0, 0, 0, 0]
    private static let answer = [0x40] + server + [1, 0, 0, 0, 0] + client + [0, 0, 0, 0]
    private static let data = [UInt8](repeating: 0x48, count: 60)

    private static func framed(_ octets: [UInt8]) -> [UInt8] { wide(octets.count) + octets }
    private static func turns(_ frame: ([UInt8]) -> [UInt8]) -> [(Direction, [UInt8])] {
        [
            (.originator, frame(opening)), (.responder, frame(answer)), (.originator, frame(data)),
            (.responder, frame(data)), (.responder, frame(data)),
        ]
    }

    static let datagrams = Conversation(
        turns: turns { $0 }, port: 1194, logs: [OpenVPNRecord.makeSchema()], isDatagrams: true, make: { OpenVPN() })
    static let stream = Conversation(
        turns: turns(framed), port: 1194, logs: [OpenVPNRecord.makeSchema()], make: { OpenVPN() })

    @Test func `an opening and its answer are a row, over UDP and TCP`() {
        let row = "client_session=0102030405060708 server_session=0909090909090909 protection=none resets=1 "
            + "control_pkts=2 orig_data_pkts=1 resp_data_pkts=2"
        #expect(Self.datagrams.play().rows == [row])
        #expect(Self.stream.play().rows == [row])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() {
        Self.datagrams.expectRobust()
        Self.stream.expectRobust()
    }

    @Test func `an answer that does not name the client's session is another protocol`() {
        let bench = DatagramBench(OpenVPN(), port: 1194, logs: [OpenVPNRecord.makeSchema()])
        bench.datagram(Self.opening)
        bench.datagram([0x40] + Self.server + [1, 0, 0, 0, 0] + Self.server + [0, 0, 0, 0], from: .responder)
        #expect(bench.analyzer.isDetached)
    }

    @Test func `lengths that cannot be, and other protocols, are none`() {
        let bench = DatagramBench(OpenVPN(), port: 1194, .tcp, logs: [OpenVPNRecord.makeSchema()])
        bench.stream([0, 0, 1])
        #expect(bench.analyzer.isDetached)
        #expect(Self.stream.playHTTP().analyzer.isDetached)
        #expect(OpenVPNProbe.datagram(Self.opening.octets) == .matches)
        #expect(OpenVPNProbe.datagram(Self.data.octets) == .never)
        #expect(OpenVPNProbe.stream(Self.framed(Self.opening).octets) == .matches)
        #expect(OpenVPNProbe.stream([0, 14].octets) == .needsMore)
        #expect(OpenVPNProbe.stream(octets("GET").octets) == .never)
    }
}
