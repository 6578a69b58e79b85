// SPDX-License-Identifier: Apache-2.0
//
// Streams in order, whatever order and copies segments come in.

import Records
import Testing

@testable import Flows

@Suite("Reassembly") struct ReassemblyTests {
    private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

    @Test func `octets in order are not copied`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "PA", 1001, 1001, Array("GET ".utf8))
        script.tcp(.originator, "PA", 1005, 1001, Array("/".utf8))
        #expect(text(script.streams[0]) == "GET /")
        #expect(script.table.heldByteCount == 0)
    }

    @Test func `octets above a hole wait for it`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.responder, "PA", 1004, 1001, Array("def".utf8))
        script.tcp(.responder, "PA", 1010, 1001, Array("jkl".utf8))
        #expect(script.streams[1].isEmpty)
        #expect(script.table.heldByteCount == 6)
        script.tcp(.responder, "PA", 1001, 1001, Array("abc".utf8))
        #expect(text(script.streams[1]) == "abcdef")
        script.tcp(.responder, "PA", 1007, 1001, Array("ghi".utf8))
        #expect(text(script.streams[1]) == "abcdefghijkl")
        #expect(script.table.heldByteCount == 0)
        #expect(script.gaps.isEmpty)
    }

    @Test func `the first of two overlapping stretches wins and the other is reported`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "PA", 1003, 1001, Array("cde".utf8))
        script.tcp(.originator, "PA", 1004, 1001, Array("XYfgh".utf8))
        #expect(script.weirds == [.rexmit_inconsistency])
        script.tcp(.originator, "PA", 1001, 1001, Array("abZ".utf8))
        #expect(text(script.streams[0]) == "abcdefgh")
        #expect(script.weirds == [.rexmit_inconsistency, .rexmit_inconsistency])
    }

    @Test func `overlaps with the same octets are silent`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "PA", 1003, 1001, Array("cde".utf8))
        script.tcp(.originator, "PA", 1002, 1001, Array("bcdef".utf8))
        script.tcp(.originator, "PA", 1001, 1001, Array("abcdefg".utf8))
        #expect(text(script.streams[0]) == "abcdefg")
        #expect(script.weirds.isEmpty)
    }

    @Test func `a retransmission of delivered octets is compared by its beginning`() {
        var script = FlowScript()
        script.handshake()
        let page = [UInt8](repeating: 0x61, count: 200)
        script.tcp(.responder, "PA", 1001, 1001, page)
        script.tcp(.responder, "PA", 1001, 1001, page)
        #expect(script.weirds.isEmpty)
        var forged = page
        forged[63] = 0x62
        script.tcp(.responder, "PA", 1001, 1001, forged + page)
        #expect(script.weirds == [.rexmit_inconsistency])
        #expect(script.streams[1] == page + page)
    }

    @Test func `what is acknowledged and was not seen is a gap`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "PA", 1001, 1001, Array("ab".utf8))
        script.tcp(.originator, "PA", 1013, 1001, Array("cd".utf8))
        script.tcp(.responder, "A", 1001, 1015)
        #expect(script.gaps == [10])
        #expect(text(script.streams[0]) == "abcd")
        script.finish()
        #expect(script.rows[0].missedBytes == 10)
        #expect(script.rows[0].historyText == "ShADaG")
    }

    @Test func `a gap in the middle of a connection does not count as missed`() {
        var script = FlowScript()
        script.tcp(.originator, "PA", 1001, 1001, Array("ab".utf8))
        script.tcp(.responder, "A", 1001, 1013)
        #expect(script.gaps == [10])
        script.finish()
        #expect(script.rows[0].missedBytes == 0)
    }

    @Test func `the octet of a FIN is no gap`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "FA", 1001, 1001)
        script.tcp(.responder, "A", 1001, 1002)
        #expect(script.gaps.isEmpty)
        #expect(script.streamEnds == [.originator])
    }

    @Test func `the end of a stream waits for its hole`() {
        var script = FlowScript()
        script.handshake()
        script.tcp(.originator, "FPA", 1003, 1001, Array("cd".utf8))
        #expect(script.streamEnds.isEmpty)
        script.tcp(.originator, "PA", 1001, 1001, Array("ab".utf8))
        #expect(script.streamEnds == [.originator])
        #expect(text(script.streams[0]) == "abcd")
    }

    @Test func `payload cut by the capture counts and is not delivered`() {
        var script = FlowScript()
        script.handshake()
        script.now = script.now.adding(1000)
        script.tcp(.originator, "PA", 1001, 1001, [UInt8](repeating: 0, count: 100), cut: 60)
        #expect(script.weirds == [.truncated_tcp_payload])
        #expect(script.streams[0].isEmpty)
        script.finish()
        #expect(script.rows[0].originatorBytes == 100)
    }

    @Test func `a direction whose acknowledgements are not seen is given up above a hole`() {
        var script = FlowScript()
        script.handshake()
        for block in 0..<12 {
            script.tcp(
                .originator, "PA", 1101 + UInt32(block) * 1400, 1001, [UInt8](repeating: 0x61, count: 1400))
        }
        #expect(script.weirds == [.above_hole_data_without_any_acks])
        #expect(script.table.counters.reassemblyGivenUp == 1)
        #expect(script.table.heldByteCount == 0)
        script.tcp(.originator, "PA", 1001, 1001, [1])
        #expect(script.streams[0].isEmpty)
    }

    @Test func `too much that waits is given up`() {
        var script = FlowScript { $0.pendingMax = 5000 }
        script.handshake()
        script.tcp(.originator, "PA", 1001, 1001, [1])
        script.tcp(.responder, "A", 1001, 1002)
        for block in 0..<5 {
            script.tcp(.originator, "PA", 1010 + UInt32(block) * 1400, 1001, [UInt8](repeating: 0, count: 1400))
        }
        #expect(script.weirds == [.excessive_data_without_further_acks])
        #expect(script.table.heldByteCount == 0)
    }

    @Test func `small stretches without end are given up by number`() {
        var script = FlowScript { $0.heldBlocksMax = 16 }
        script.handshake()
        for block in 0..<40 { script.tcp(.originator, "PA", 1010 + UInt32(block) * 2, 1001, [1]) }
        #expect(script.table.counters.reassemblyRefused == 1)
        #expect(script.table.heldByteCount == 0)
    }

    @Test func `memory of all connections together is bounded`() {
        var script = FlowScript { $0.reassemblyBytesMax = 3000 }
        for port in 0..<10 {
            script.originatorPort = 40_000 + UInt16(port)
            script.handshake()
            script.tcp(.originator, "PA", 1010, 1001, [UInt8](repeating: 0, count: 1400))
            #expect(script.table.heldByteCount <= 3000)
        }
        #expect(script.table.counters.reassemblyRefused == 8)
    }

    @Test func `single octets of many connections count for the memory that each takes`() {
        var script = FlowScript { $0.reassemblyBytesMax = 4000 }
        for port in 0..<10 {
            script.originatorPort = 40_000 + UInt16(port)
            script.handshake()
            for block in 0..<20 { script.tcp(.originator, "PA", 1010 + UInt32(block) * 2, 1001, [1]) }
        }
        #expect(script.table.counters.reassemblyRefused == 8)
    }

    @Test func `a stream that nobody wants is counted and not kept`() {
        var script = FlowScript()
        script.handshake()
        script.table.apply(.stop, to: script.started[0])
        script.tcp(.originator, "PA", 1011, 1001, [1, 2])
        #expect(script.table.heldByteCount == 0)
        script.tcp(.responder, "A", 1001, 1013)
        #expect(script.streams[0].isEmpty)
        #expect(script.gaps.isEmpty)
        script.finish()
        #expect(script.rows[0].missedBytes == 10)
    }

    @Test(arguments: 0..<40)
    func `any order with copies and overlaps gives the stream`(_ seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 7919)
        let stream = (0..<3000).map { _ in UInt8.random(in: 0...255, using: &dice) }
        var pieces: [Range<Int>] = []
        var start = 0
        while start < stream.count {
            let end = min(stream.count, start + Int.random(in: 1...90, using: &dice))
            pieces.append(max(0, start - Int.random(in: 0...20, using: &dice)) ..< end)
            if Int.random(in: 0..<5, using: &dice) == 0 { pieces.append(start..<end) }
            start = end
        }
        pieces.shuffle(using: &dice)
        // A start close to the end of sequence space makes it run over.
        let base: UInt32 = seed % 2 == 0 ? 0xFFFF_FC00 : 1000
        var script = FlowScript { $0.pendingMax = 1 << 20 }
        script.tcp(.originator, "S", base)
        script.tcp(.responder, "SA", 1000, base &+ 1)
        script.tcp(.originator, "A", base &+ 1, 1001)
        for piece in pieces {
            script.tcp(.originator, "PA", base &+ 1 &+ UInt32(piece.lowerBound), 1001, Array(stream[piece]))
        }
        #expect(script.streams[0] == stream)
        #expect(script.weirds.isEmpty)
        #expect(script.table.heldByteCount == 0)
    }

    @Test(arguments: 0..<30)
    func `random segments never trap and never deliver more than was sent`(_ seed: Int) {
        var dice = Dice(state: UInt64(seed) &+ 1)
        var script = FlowScript { $0.heldBlocksMax = 64 }
        var sent = 0
        let letters = ["S", "A", "F", "R", "P", "U"]
        let bases: [UInt32] = [0, 1000, 0x7FFF_FFF0, 0xFFFF_FFF0]
        for _ in 0..<600 {
            let flags = letters.filter { _ in Int.random(in: 0..<4, using: &dice) == 0 }.joined()
            let base = bases[Int.random(in: 0..<4, using: &dice)]
            let isWild = Int.random(in: 0..<8, using: &dice) == 0
            let near = base &+ UInt32.random(in: 0..<64, using: &dice)
            let sequence = isWild ? UInt32.random(in: 0 ... .max, using: &dice) : near
            let ack = base &+ UInt32.random(in: 0..<128, using: &dice)
            let payload = [UInt8](repeating: 7, count: Int.random(in: 0..<40, using: &dice))
            sent += payload.count
            script.tcp(Bool.random(using: &dice) ? .originator : .responder, flags, sequence, ack, payload)
            script.now = script.now.adding(Int64.random(in: 0 ..< 2 * second, using: &dice))
        }
        script.finish()
        #expect(script.streams[0].count + script.streams[1].count <= sent)
        #expect(script.table.heldByteCount == 0)
        #expect(script.table.liveCount == 0)
        #expect(script.rows.reduce(0) { $0 + $1.originatorPackets + $1.responderPackets } == 600)
    }
}
