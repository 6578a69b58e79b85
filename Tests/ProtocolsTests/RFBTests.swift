// SPDX-License-Identifier: Apache-2.0
//
// Tests VNC: the handshake of each version, logins, refusals.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct RFBTests {
    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 5900, logs: [RFBRecord.makeSchema()]) { RFB() }
    }

    static let challenge = [UInt8](repeating: 7, count: 16)
    static let start: [UInt8] = [4, 0, 3, 0] + [UInt8](repeating: 0, count: 16) + [0, 0, 0, 4] + octets("desk")

    static func versions(_ minor: String) -> [(Direction, [UInt8])] {
        [(.responder, octets("RFB 003.008\n")), (.originator, octets("RFB 003.\(minor)\n"))]
    }

    static let session = conversation(
        versions("008") + [
            (.responder, [2, 1, 2]), (.originator, [2]), (.responder, challenge), (.originator, challenge),
            (.responder, [0, 0, 0, 0]), (.originator, [1]), (.responder, start), (.originator, [3, 0, 0, 0]),
        ])

    static let head = "client_major_version=003 client_minor_version=008 server_major_version=003 "
        + "server_minor_version=008 authentication_method="

    @Test func `a session of version 3_8 gives a row`() {
        let outcome = Self.session.play()
        #expect(
            outcome.rows == [Self.head + "VNC auth=T share_flag=T desktop_name=desk width=1024 height=768"])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test func `a refusal is written at the end`() {
        let turns = Self.versions("008") + [
            (.responder, [1, 2]), (.originator, [2]), (.responder, Self.challenge), (.originator, Self.challenge),
            (.responder, [0, 0, 0, 1]), (.responder, [0, 0, 0, 2] + octets("no")),
        ]
        #expect(Self.conversation(turns).play().rows == [Self.head + "VNC auth=F"])
    }

    @Test func `version 3_3 lets the server choose`() {
        let turns = Self.versions("003") + [(.responder, [0, 0, 0, 1]), (.originator, [0]), (.responder, Self.start)]
        let row = Self.conversation(turns).play().rows[0]
        #expect(row.contains("authentication_method=None share_flag=F desktop_name=desk"))
    }

    @Test func `Apple's login has keys of a length that it states`() {
        let turns = Self.versions("889") + [
            (.responder, [1, 30]), (.originator, [30]), (.responder, [0, 2, 0, 3] + [1, 1, 1, 2, 2, 2]),
            (.originator, [3, 3, 3, 4, 4, 4]), (.responder, [0, 0, 0, 0]), (.originator, [0]),
            (.responder, Self.start),
        ]
        let row = Self.conversation(turns).play().rows[0]
        #expect(row.contains("authentication_method=Apple Remote Desktop auth=T share_flag=F desktop_name=desk"))
    }

    @Test func `logins of no kind, results of no kind and endless names are refused`() {
        let unknown = Self.versions("008") + [(.responder, [1, 99]), (.originator, [99])]
        #expect(Self.conversation(unknown).play().analyzer.violationCount == 1)
        let login: [(Direction, [UInt8])] = Self.versions("008") + [(.responder, [1, 1]), (.originator, [1])]
        #expect(
            Self.conversation(login + [(.responder, [0, 0, 0, 3])]).play().analyzer.violationCount == 1)
        let long = Array(Self.start[..<20]) + [0xFF, 0xFF, 0xFF, 0xFF]
        let endless = login + [(.responder, [0, 0, 0, 0]), (.originator, [1]), (.responder, long)]
        let outcome = Self.conversation(endless).play()
        #expect(outcome.analyzer.violationCount == 1)
        #expect(outcome.rows == [Self.head + "None auth=T share_flag=T"])
    }

    @Test func `HTTP is not RFB`() {
        let outcome = Self.session.playHTTP()
        #expect(outcome.rows.isEmpty)
        #expect(!outcome.analyzer.isConfirmed)
    }
}
