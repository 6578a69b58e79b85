// SPDX-License-Identifier: Apache-2.0
//
// DCE RPC over datagrams: calls, fragments, both byte orders.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// svcctl, as it stands on the wire in little-endian messages.
private let svcctl: [UInt8] = [
    0x81, 0xBB, 0x7A, 0x36, 0x44, 0x98, 0xF1, 0x35, 0xAD, 0x32, 0x98, 0xF0, 0x38, 0x00, 0x10, 0x03,
]
private let svcctlBig: [UInt8] = [
    0x36, 0x7A, 0xBB, 0x81, 0x98, 0x44, 0x35, 0xF1, 0xAD, 0x32, 0x98, 0xF0, 0x38, 0x00, 0x10, 0x03,
]

private func message(
    _ kind: UInt8, flags: UInt8 = 0x20, sequence: UInt64 = 7, operation: UInt64 = 15, stub: Int = 8,
    isLittle: Bool = true
) -> [UInt8] {
    func number(_ value: UInt64, _ count: Int) -> [UInt8] {
        isLittle ? little(value, count) : little(value, count).reversed()
    }
    let head = [4, kind, flags, 0, isLittle ? 0x10 : 0, 0, 0, 0] + zeros(16) + (isLittle ? svcctl : svcctlBig)
    let activity = [UInt8](repeating: 0xAB, count: 16)
    return head + activity + number(0, 4) + number(2, 4) + number(sequence, 4) + number(operation, 2)
        + [0xFF, 0xFF, 0xFF, 0xFF] + number(UInt64(stub), 2) + zeros(4) + zeros(stub)
}

@Suite struct DCERPCDatagramTests {
    private static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(
            turns: turns, port: 1025, logs: [DCERPCRecord.makeSchema()], isDatagrams: true
        ) { DCERPCDatagrams() }
    }

    private static let talk = conversation([
        (.originator, message(0)), (.responder, message(2)), (.originator, message(0, sequence: 8, operation: 900)),
        (.originator, message(0, sequence: 8, operation: 900)), (.responder, message(2, sequence: 8)),
        (.originator, message(1, sequence: 8)), (.originator, message(0, sequence: 9, operation: 0)),
    ])

    @Test(arguments: [true, false]) func `a call and its answer are a row`(_ isLittle: Bool) {
        let outcome = Self.conversation([
            (.originator, message(0, isLittle: isLittle)), (.responder, message(2, isLittle: isLittle)),
        ]).play()
        #expect(outcome.rows == ["endpoint=svcctl operation=OpenSCManagerW"])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `a call again is one, and one without an answer is told of in the end`() {
        #expect(
            Self.talk.play().rows == [
                "endpoint=svcctl operation=OpenSCManagerW", "endpoint=svcctl operation=unknown-900",
                "endpoint=svcctl operation=CloseServiceHandle",
            ])
    }

    @Test func `lost, cut and damaged messages do no harm`() { Self.talk.expectRobust(rowsMax: 6) }

    @Test func `fragments are one call, and a call that nobody answers is over at once`() {
        let parts: [(Direction, [UInt8])] = [
            (.originator, message(0, flags: 0x04)), (.originator, message(0, flags: 0x04)),
            (.originator, message(0, flags: 0x06)), (.responder, message(2, flags: 0x04)),
            (.responder, message(2, flags: 0x06)),
        ]
        #expect(Self.conversation(parts).play().rows.count == 1)
        let bench = DatagramBench(DCERPCDatagrams(), port: 1025, logs: [DCERPCRecord.makeSchema()])
        bench.datagram(message(0, flags: 0x10))
        #expect(bench.rows(.dceRPC).count == 1)
    }

    @Test func `calls without an end are bounded, and an answer alone is no row`() {
        let bench = DatagramBench(DCERPCDatagrams(), port: 1025, logs: [DCERPCRecord.makeSchema()])
        for number in 0..<300 { bench.datagram(message(0, sequence: UInt64(number))) }
        #expect(bench.rows(.dceRPC).count == 44)
        #expect(Self.conversation([(.responder, message(2))]).play().rows.isEmpty)
    }

    @Test func `the probe wants a whole header and what it speaks of`() {
        #expect(verdict(DCERPCDatagramProbe.message, message(0)) == .matches)
        for count in 0..<88 { #expect(verdict(DCERPCDatagramProbe.message, Array(message(0)[..<count])) == .never) }
        for (place, octet) in [(0, 5), (1, 11), (3, 4), (4, 2), (5, 4), (6, 1), (74, 9)] {
            var wrong = message(0)
            wrong[place] = UInt8(octet)
            #expect(verdict(DCERPCDatagramProbe.message, wrong) == .never, "octet \(place)")
        }
        #expect(Self.talk.playHTTP().analyzer.isDetached)
    }
}
