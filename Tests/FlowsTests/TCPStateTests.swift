// SPDX-License-Identifier: Apache-2.0
//
// conn_state, history and sizes, case by case, and which end is which.

import Records
import Testing

@testable import Flows

/// One segment of a case: direction, flags, sequence, acknowledgement, octets of payload.
private typealias Step = (Direction, String, UInt32, UInt32, Int)

private struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let steps: [(Direction, String, UInt32, UInt32, Int)]
    let expected: String

    init(_ name: String, _ expected: String, _ steps: [Step]) {
        testDescription = name
        self.expected = expected
        self.steps = steps
    }
}

private let o = Direction.originator
private let r = Direction.responder

private let cases: [Case] = [
    Case("a SYN alone", "S0 S - -", [(o, "S", 10, 0, 0)]),
    Case("two SYNs", "S0 S 0 0", [(o, "S", 10, 0, 0), (o, "S", 10, 0, 0)]),
    Case("a refused attempt", "REJ Sr 0 0", [(o, "S", 10, 0, 0), (r, "RA", 0, 11, 0)]),
    Case("established", "S1 ShA 0 0", [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0)]),
    Case(
        "a whole life", "SF ShADadFf 5 7",
        [
            (o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "PA", 11, 51, 5), (r, "A", 51, 16, 0),
            (r, "PA", 51, 16, 7), (o, "A", 16, 58, 0), (o, "FA", 16, 58, 0), (r, "FA", 58, 17, 0), (o, "A", 17, 59, 0),
        ]),
    Case(
        "the originator closes alone", "S2 ShAF 0 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "FA", 11, 51, 0)]),
    Case(
        "the responder closes alone", "S3 ShAf 0 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (r, "FA", 51, 11, 0)]),
    Case(
        "the originator aborts", "RSTO ShAR 0 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "R", 11, 0, 0)]),
    Case(
        "the responder aborts", "RSTR ShAr 0 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (r, "R", 51, 0, 0)]),
    Case("an attempt given up", "RSTOS0 SR 0 0", [(o, "S", 10, 0, 0), (o, "R", 11, 0, 0)]),
    Case("SYN and FIN without answer", "SH SF 0 0", [(o, "S", 10, 0, 0), (o, "F", 11, 0, 0)]),
    Case("an answer to nothing, then a RST", "OTH HR 0 0", [(o, "SA", 10, 5, 0), (o, "R", 11, 0, 0)]),
    Case(
        "an answer, then an acknowledgement: the ends turn round", "OTH ^hA 0 0",
        [(o, "SA", 10, 5, 0), (r, "A", 5, 11, 0)]),
    Case(
        "picked up in the middle", "OTH DA 4 0",
        [(o, "PA", 500, 600, 2), (o, "A", 502, 600, 0), (o, "PA", 502, 600, 2)]),
    Case("both ends picked up in the middle", "OTH Dd 2 3", [(o, "PA", 500, 600, 2), (r, "PA", 600, 502, 3)]),
    Case(
        "a FIN with data", "SF ShADFf 3 0",
        [
            (o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "PA", 11, 51, 2), (o, "FPA", 13, 51, 1),
            (r, "FA", 51, 15, 0),
        ]),
    Case(
        "a retransmission", "S1 ShADT 4 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "PA", 11, 51, 4), (o, "PA", 11, 51, 4)]),
    Case("SYN and FIN in one", "SH Q - -", [(o, "SF", 10, 0, 0)]),
    Case(
        "FIN and RST in one", "RSTO ShAI 0 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "FR", 11, 51, 0)]),
    Case(
        "numbers that run over", "S1 ShADd 8 3",
        [
            (o, "S", 0xFFFF_FFFE, 0, 0), (r, "SA", 50, 0xFFFF_FFFF, 0), (o, "A", 0xFFFF_FFFF, 51, 0),
            (o, "PA", 0xFFFF_FFFF, 51, 4), (o, "PA", 3, 51, 4), (r, "PA", 51, 7, 3),
        ]),
    Case(
        "sizes by sequence numbers, not by what was seen", "SF ShAFf 5000 0",
        [
            (o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "FA", 5011, 51, 0), (r, "FA", 51, 11, 0),
        ]),
    Case(
        "a repeated FIN in another place", "S2 ShAFF 1 0",
        [(o, "S", 10, 0, 0), (r, "SA", 50, 11, 0), (o, "A", 11, 51, 0), (o, "FA", 11, 51, 0), (o, "FA", 12, 51, 0)]),
]

@Suite("TCP states") struct TCPStateTests {
    @Test(arguments: cases)
    private func `segments give the state, the history and the sizes`(_ item: Case) {
        var script = FlowScript()
        for step in item.steps {
            script.tcp(step.0, step.1, step.2, step.3, [UInt8](repeating: 0x61, count: step.4))
            script.now = script.now.adding(1_000_000)
        }
        script.finish()
        #expect(script.rows.map(\.summaryText) == [item.expected])
    }

    @Test func `an answer before its SYN is turned round`() {
        var script = FlowScript()
        script.tcp(.responder, "SA", 50, 11)
        script.now = script.now.adding(1000)
        script.tcp(.originator, "S", 10)
        script.now = script.now.adding(1000)
        script.tcp(.originator, "A", 11, 51)
        script.finish()
        #expect(script.rows.count == 1)
        #expect(script.rows[0].historyText == "Hs^A")
        #expect(script.rows[0].id?.originator == FlowScript.client)
        #expect(script.rows[0].stateText == "S1")
        #expect(script.rows[0].originatorPackets == 2)
        #expect(script.rows[0].responderPackets == 1)
    }

    @Test func `data from a server's port is the responder's`() {
        var script = FlowScript { $0.likelyTCPPorts = PortSet([80]) }
        script.tcp(.responder, "PA", 500, 600, [1, 2, 3])
        script.now = script.now.adding(1000)
        script.tcp(.originator, "A", 600, 503)
        script.finish()
        #expect(script.rows.map(\.summaryText) == ["OTH ^dA 0 3"])
        #expect(script.rows[0].id?.responderPort == 80)
    }

    @Test func `a SYN is believed whatever its port`() {
        var script = FlowScript { $0.likelyTCPPorts = PortSet([80]) }
        script.tcp(.responder, "S", 500)
        script.finish()
        #expect(script.rows[0].id?.originatorPort == 80)
    }

    @Test func `a SYN with another number is another connection`() {
        var script = FlowScript()
        script.tcp(.originator, "S", 10)
        script.tcp(.originator, "S", 99)
        script.finish()
        #expect(script.ends == [.reuse, .endOfInput])
        #expect(script.weirds == [.SYN_seq_jump])
        #expect(script.rows[0].uid != script.rows[1].uid, "the same key and time, and yet two")
    }

    @Test func `a SYN after the close is another connection`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "FA", 1001, 1001)
        script.tcp(.responder, "FA", 1001, 1002)
        script.tcp(.originator, "A", 1002, 1002)
        script.now = script.now.adding(second)
        script.tcp(.originator, "S", 1000)
        script.finish()
        #expect(script.ends == [.reuse, .endOfInput])
        #expect(script.weirds == [.premature_connection_reuse])
    }

    @Test func `letters of what comes often are added by powers of ten`() {
        var script = FlowScript()
        script.handshake()
        for _ in 0..<12 { script.tcp(.originator, "A", 1001, 1001, window: 0) }
        script.finish()
        #expect(script.rows[0].historyText == "ShAWW")
    }

    @Test func `the history is bounded and says so`() {
        var script = FlowScript()
        script.handshake()
        for step in 0..<60 { script.tcp(.originator, "FA", 1001 + UInt32(step), 1001) }
        #expect(script.table.counters.historyCut == 60 - 37)
        script.finish()
        #expect(script.rows[0].historyText == "ShA" + String(repeating: "F", count: 37))
    }

    @Test func `odd segments are reported by name`() {
        var script = FlowScript()
        script.tcp(.originator, "SU", 1000, 0, [1])
        script.tcp(.originator, "PA", 1002, 1, [1])
        script.tcp(.responder, "SA", 1000, 5)
        script.tcp(.originator, "A", 900, 1001)
        #expect(
            script.weirds == [
                .baroque_SYN, .SYN_with_data, .data_before_established, .TCP_ack_underflow_or_misorder, .bad_SYN_ack,
                .TCP_seq_underflow_or_misorder,
            ])
    }

    @Test(arguments: [UInt8(14), 15, 255])
    func `a window scale above 14 is reported`(_ shift: UInt8) {
        var script = FlowScript()
        script.tcp(.originator, "S", 1000, options: [1, 3, 3, shift])
        #expect(script.weirds == (shift > 14 ? [.TCP_scale_range] : []))
    }
}
