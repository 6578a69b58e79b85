// SPDX-License-Identifier: Apache-2.0
//
// MySQL: the handshake, commands and their answers, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct MySQLTests {
    static func packet(_ sequence: UInt8, _ body: [UInt8]) -> [UInt8] {
        [UInt8(body.count & 0xFF), UInt8(body.count >> 8 & 0xFF), UInt8(body.count >> 16), sequence] + body
    }

    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + octets(text) }

    /// Protocol 10; CLIENT_QUERY_ATTRIBUTES in the upper half of the capabilities.
    static let greeting = packet(
        0, [10] + octets("8.0") + [0] + [1, 0, 0, 0] + Array(repeating: 7, count: 8) + [0, 0xFF, 0xFF, 0x2D, 2, 0]
            + [0, 0x08, 21] + Array(repeating: 0, count: 10) + Array(repeating: 7, count: 13))

    static func login(_ flags: [UInt8] = [0, 0, 0, 0x08]) -> [UInt8] {
        packet(1, flags + [0, 0, 0, 1, 0x2D] + Array(repeating: 0, count: 23) + octets("anna") + [0, 0])
    }

    static func query(_ text: String) -> [UInt8] { packet(0, [3, 0, 1] + octets(text)) }
    static func ok(_ sequence: UInt8, rows: UInt8 = 0) -> [UInt8] { packet(sequence, [0, rows, 0, 2, 0, 0, 0]) }
    static let end = [UInt8(0xFE), 0, 0, 2, 0]
    static let column = ["def", "", "", "", "a", ""].flatMap(text) + [12, 63, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0]
    static let result =
        packet(1, [1]) + packet(2, column) + packet(3, end) + packet(4, text("1")) + packet(5, text("2"))
        + packet(6, end)

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 3306, logs: [MySQLRecord.makeSchema()]) { MySQL() }
    }

    static let session = conversation([
        (.responder, greeting), (.originator, login()), (.responder, ok(2)),
        (.originator, query("SELECT 1")), (.responder, result),
        (.originator, query("DELETE")), (.responder, ok(1, rows: 3)),
        (.originator, query("oops")), (.responder, packet(1, [0xFF, 0x28, 4] + octets("#42000bad query"))),
        (.originator, packet(0, [0x16] + octets("SELECT ?"))), (.originator, packet(0, [99])),
        (.originator, packet(0, [1])),
    ])

    @Test func `a session gives a row for the login and each command`() {
        #expect(
            Self.session.play().rows == [
                "cmd=login arg=anna success=T rows=0", "cmd=query arg=SELECT 1 success=T rows=0",
                "cmd=query arg=DELETE success=T rows=3", "cmd=query arg=oops success=F response=bad query",
                "cmd=stmt_prepare arg=SELECT ?", "cmd=unknown-99 arg=", "cmd=quit arg=",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 8) }

    @Test func `query attributes are no part of the query`() {
        let attributes: [UInt8] = [2, 1, 0b10, 1, 3, 0] + Self.text("a") + [0xFD, 0] + Self.text("b") + [1, 0, 0, 0]
        let turns = [
            (Direction.responder, Self.greeting), (.originator, Self.login()), (.responder, Self.ok(2)),
            (.originator, Self.packet(0, [3] + attributes + octets("SELECT 2"))),
        ]
        #expect(Self.conversation(turns).play().rows.last == "cmd=query arg=SELECT 2")
    }

    @Test func `change_user logs the user and begins a handshake`() {
        let turns = [
            (Direction.responder, Self.greeting), (.originator, Self.login()), (.responder, Self.ok(2)),
            (.originator, Self.packet(0, [0x11] + octets("root") + [0, 0, 0])), (.responder, Self.ok(1)),
        ]
        #expect(Self.conversation(turns).play().rows.last == "cmd=change_user arg=root success=T rows=0")
    }

    @Test func `a request for TLS ends the reading, and has no row`() {
        let turns = [
            (Direction.responder, Self.greeting), (.originator, Self.login([0, 8, 0, 0])),
            (.originator, Array(repeating: 0x16, count: 50)),
        ]
        let outcome = Self.conversation(turns).play()
        #expect(outcome.rows.isEmpty && outcome.analyzer.isConfirmed && !outcome.analyzer.isDetached)
    }

    @Test func `an error instead of a greeting has no row`() {
        let refusal = Self.packet(0, [0xFF, 0x10, 4] + octets("#08004Too many"))
        let outcome = Self.conversation([(.responder, refusal)]).play()
        #expect(outcome.rows.isEmpty && !outcome.analyzer.isDetached)
    }

    @Test func `impossible lengths end the analyzer`() {
        // An authentication part of nine octets is none.
        var bad = Self.greeting
        bad[4 + 1 + 4 + 4 + 8 + 1 + 2 + 1 + 2 + 2] = 9
        #expect(Self.conversation([(.responder, bad)]).play().analyzer.isDetached)
        let column = Self.packet(1, [1]) + Self.packet(2, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        let turns = [
            (Direction.responder, Self.greeting), (.originator, Self.login()), (.responder, Self.ok(2)),
            (.originator, Self.query("SELECT 1")), (.responder, column),
        ]
        #expect(Self.conversation(turns).play().analyzer.isDetached)
    }

    @Test func `another protocol is refused without a row`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(!Self.session.playHTTP().analyzer.isConfirmed)
    }

    @Test func `a connection without its beginning is not read`() {
        let bench = DatagramBench(MySQL(), port: 3306, .tcp, logs: [MySQLRecord.makeSchema()])
        bench.context.isPartial = true
        for (direction, octets) in Self.session.turns { bench.stream(octets, from: direction) }
        #expect(bench.rows(.mysql).isEmpty)
    }
}
