// SPDX-License-Identifier: Apache-2.0
//
// OSI transport, S7comm and S7comm-plus: sessions, orders to a controller, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct S7commTests {
    /// A unit of transport in its packet.
    static func packet(_ unit: [UInt8]) -> [UInt8] { [3, 0] + wide(unit.count + 4) + unit }
    static func data(_ bytes: [UInt8], isLast: Bool = true) -> [UInt8] {
        packet([2, 0xF0, isLast ? 0x80 : 0] + bytes)
    }

    static func connect(_ type: UInt8) -> [UInt8] {
        packet([17, type, 0, type == 0xE0 ? 0 : 1, 0, 1, 0, 0xC0, 1, 10, 0xC1, 2, 1, 0, 0xC2, 2, 1, 2])
    }

    /// An S7comm message.
    static func message(
        _ kind: UInt8, _ reference: Int, _ parameters: [UInt8], _ data: [UInt8] = [], error: [UInt8] = []
    ) -> [UInt8] {
        [0x32, kind, 0, 0] + wide(reference) + wide(parameters.count) + wide(data.count) + error + parameters + data
    }

    static let readOne: [UInt8] = [4, 1, 0x12, 10, 0x10, 2, 0, 4, 0, 1, 0x84, 0, 0, 16]
    static let stop: [UInt8] = [0x29, 0, 0, 0, 0, 0, 9] + octets("P_PROGRAM")

    static let logs = [
        COTPRecord.makeSchema(), S7commRecord.makeSchema(), S7SZLRecord.makeSchema(), S7TransferRecord.makeSchema(),
        S7PlusRecord.makeSchema(),
    ]

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 102, logs: logs) { COTP() }
    }

    static let session = conversation([
        (.originator, connect(0xE0)), (.responder, connect(0xD0)),
        (.originator, data(message(1, 1, readOne))),
        (.responder, data(message(3, 1, [4, 1], [0xFF, 4, 0, 8, 7], error: [0, 0]))),
        (.originator, data(message(7, 2, [0, 1, 0x12, 4, 0x11, 0x44, 1, 0], [0xFF, 9, 0, 4, 0, 0x11, 0, 1]))),
        (.originator, data(message(1, 3, [0x1D, 0, 0, 0, 0, 0, 0, 0, 9] + octets("_0A00001P")))),
        (.responder, data(message(3, 3, [0x1D, 0, 1, 0, 0, 0, 0, 7, 7] + octets("0000120"), error: [0, 0]))),
        (.originator, data(message(1, 4, stop))), (.responder, data(message(3, 4, [0x29], error: [0x81, 4]))),
    ])

    @Test func `each message is a row, with what it is about`() {
        #expect(
            Self.session.play().rows == [
                "is_orig=T pdu_code=0x0e pdu_name=CR Connection Request calling_tsap=0100 called_tsap=0102",
                "is_orig=F pdu_code=0x0d pdu_name=CC Connection Confirm calling_tsap=0100 called_tsap=0102",
                "is_orig=T rosctr_code=1 rosctr_name=Job-Request pdu_reference=1 function_code=0x04 "
                    + "function_name=Read Variable items=[\"P#DB1.DBX2.0 BYTE 4\"]",
                "is_orig=F rosctr_code=3 rosctr_name=ACK-Data pdu_reference=1 function_code=0x04 "
                    + "function_name=Read Variable error_class=No error error_code=0x00",
                "is_orig=T rosctr_code=7 rosctr_name=User-Data pdu_reference=2 function_code=0x44 "
                    + "function_name=Request: CPU Functions subfunction_code=0x01 subfunction_name=Read SZL",
                "is_orig=T rosctr_code=1 rosctr_name=Job-Request pdu_reference=3 function_code=0x1d "
                    + "function_name=Start Upload",
                "is_orig=F rosctr_code=3 rosctr_name=ACK-Data pdu_reference=3 function_code=0x1d "
                    + "function_name=Start Upload error_class=No error error_code=0x00",
                "is_orig=T rosctr_code=1 rosctr_name=Job-Request pdu_reference=4 function_code=0x29 "
                    + "function_name=PLC Stop subfunction_code=P_PROGRAM subfunction_name=PLC Start / Stop",
                "is_orig=F rosctr_code=3 rosctr_name=ACK-Data pdu_reference=4 function_code=0x29 "
                    + "function_name=PLC Stop error_class=Application relationship error error_code=0x04",
                "pdu_reference=2 method=Request szl_id=0x0011 szl_id_name=Module identification szl_index=0x0001 "
                    + "return_code=0xff return_code_name=Success",
                "rosctr=Job-Request pdu_reference=3 function_name=Start Upload function_status=0x00 session_id=0 "
                    + "filename=_0A00001P block_type=Data Block block_number=00001 destination_filesystem=Passive",
                "rosctr=ACK-Data pdu_reference=3 function_name=Start Upload function_status=0x00 session_id=7 "
                    + "blocklength=120",
            ])
    }

    @Test func `a message in two units is one`() {
        let whole = Self.message(1, 1, Self.stop)
        let turns: [(Direction, [UInt8])] = [
            (.originator, Self.data(Array(whole[..<9]), isLast: false) + Self.data(Array(whole[9...])))
        ]
        #expect(Self.conversation(turns).play().rows.count == 1)
    }

    @Test func `S7comm-plus is told by its heads, with and without a digest`() {
        let plain: [UInt8] = [0x72, 1, 0, 11, 0x31, 0, 0, 4, 0xCA, 0, 0, 0, 1, 0, 0, 0x72, 1, 0, 0]
        let body: [UInt8] = [32] + [UInt8](repeating: 7, count: 32) + [0x32, 0, 0, 5, 0x4C, 0, 0, 0, 1, 0]
        let signed: [UInt8] = [0x72, 3] + wide(body.count) + body
        let rows = Self.conversation([
            (.originator, Self.data(plain)), (.responder, Self.data(signed)),
            (.originator, Self.data([0x72, 255, 0, 0])),
        ]).play().rows
        #expect(
            rows == [
                "is_orig=T version=1 opcode=0x31 opcode_name=Request function_code=0x04ca function_name=Create Object",
                "is_orig=F version=3 opcode=0x32 opcode_name=Response function_code=0x054c "
                    + "function_name=Get Multi Variables",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust() }

    @Test(arguments: [
        [UInt8]([3, 0, 0, 6, 1, 0xF0]), [3, 1, 0, 7, 2, 0xF0, 0x80], [2, 0, 0, 7, 2, 0xF0, 0x80],
        [3, 0, 0, 7, 200, 0xF0, 0x80], [3, 0, 0, 7, 2, 0x40, 0], [3, 0, 0, 9, 4, 0xE0, 0, 0, 0],
        [3, 0, 0, 19, 2, 0xF0, 0x80, 0x32, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0],
        [3, 0, 0, 17, 2, 0xF0, 0x80, 0x32, 9, 0, 0, 0, 1, 0, 0, 0, 0],
    ])
    func `impossible lengths and types end the analyzer`(_ bytes: [UInt8]) {
        let outcome = Self.conversation([(.originator, bytes)]).play()
        #expect(outcome.analyzer.isDetached)
        #expect(outcome.rows.isEmpty)
    }

    @Test func `a message of endless units is given up`() {
        let unit = Self.data([UInt8](repeating: 1, count: 60_000), isLast: false)
        #expect(Self.conversation([(.originator, unit), (.originator, unit)]).play().analyzer.violationCount == 1)
    }

    @Test func `the probe tells S7 from RDP`() {
        let request = Self.connect(0xE0)
        #expect(COTPProbe.connect(request.octets) == .matches)
        for count in 0..<12 { #expect(COTPProbe.connect(Array(request[..<count]).octets) == .needsMore) }
        let rdp = Self.packet([14, 0xE0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0])
        #expect(COTPProbe.connect(rdp.octets) == .never)
    }

    @Test func `another protocol is not confirmed`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(Self.session.playHTTP().analyzer.isDetached)
    }
}
