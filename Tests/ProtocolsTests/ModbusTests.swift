// SPDX-License-Identifier: Apache-2.0
//
// Modbus: requests, answers and exceptions, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct ModbusTests {
    static func unit(_ transaction: Int, _ body: [UInt8], unit: UInt8 = 10) -> [UInt8] {
        wide(transaction) + [0, 0] + wide(body.count + 1) + [unit] + body
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 502, logs: [ModbusRecord.makeSchema()]) { Modbus() }
    }

    static let session = conversation([
        (.originator, unit(1, [1, 0, 0, 0, 8])), (.responder, unit(1, [1, 1, 0xFF])),
        (.originator, unit(2, [0x10, 0, 1, 0, 2, 4, 0, 1, 0, 2])), (.responder, unit(2, [0x10, 0, 1, 0, 2])),
        (.originator, unit(3, [0x15, 9, 6, 0, 1, 0, 0, 0, 1, 7, 7])), (.responder, unit(3, [0x95, 2])),
        (.originator, unit(4, [0x63, 1]) + unit(5, [0x08, 0, 0, 1, 2])), (.responder, unit(4, [0xE3, 0x77])),
    ])

    @Test func `each message is a row`() {
        #expect(
            Self.session.play().rows == [
                "tid=1 unit=10 func=READ_COILS pdu_type=REQ", "tid=1 unit=10 func=READ_COILS pdu_type=RESP",
                "tid=2 unit=10 func=WRITE_MULTIPLE_REGISTERS pdu_type=REQ",
                "tid=2 unit=10 func=WRITE_MULTIPLE_REGISTERS pdu_type=RESP",
                "tid=3 unit=10 func=WRITE_FILE_RECORD pdu_type=REQ",
                "tid=3 unit=10 func=WRITE_FILE_RECORD_EXCEPTION pdu_type=RESP exception=ILLEGAL_DATA_ADDRESS",
                "tid=4 unit=10 func=unknown-99 pdu_type=REQ", "tid=5 unit=10 func=DIAGNOSTICS pdu_type=REQ",
                "tid=4 unit=10 func=unknown-227 pdu_type=RESP exception=unknown-119",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test(arguments: [
        [UInt8]([1, 0, 0]), [5, 0, 0, 1, 1], [0x10, 0, 1, 0, 9, 4, 0, 1, 0, 2], [0x10, 0, 1, 0, 1, 3, 0, 1, 9],
        [0x15, 200, 6, 0], [0x15, 7, 6, 0, 0, 0, 0, 0xFF, 0xFF], [0x0F, 0, 0, 0, 9, 250],
    ])
    func `a body that does not fit its function is refused`(_ body: [UInt8]) {
        let outcome = Self.conversation([(.originator, Self.unit(1, body))]).play()
        #expect(outcome.analyzer.isDetached)
    }

    @Test func `impossible lengths end the analyzer`() {
        for length in 0..<2 {
            let short = [0, 1, 0, 0, 0, UInt8(length), 1]
            #expect(Self.conversation([(.originator, short)]).play().analyzer.isDetached)
        }
    }

    @Test func `a message has a row before all of it is there`() {
        let head = Array(Self.unit(1, [3, 0, 0, 0, 8])[..<8])
        #expect(Self.conversation([(.originator, head)]).play().rows.count == 1)
    }

    @Test func `diagnostics with wrong data are an anomaly`() {
        let turns = [
            (Direction.originator, Self.unit(1, [8, 0, 4, 1, 1])), (.originator, Self.unit(2, [8, 9, 9, 0, 0])),
        ]
        #expect(
            Self.conversation(turns).play().weirds
                == [.modbus_diag_invalid_request_data, .modbus_diag_unknown_request_subfunction])
    }

    @Test func `another protocol is not confirmed`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(!Self.session.playHTTP().analyzer.isConfirmed)
    }
}
