// SPDX-License-Identifier: Apache-2.0
//
// IEC 60870-5-104: starts, interrogations, values, orders, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct IEC104Tests {
    static func unit(_ control: [UInt8], _ data: [UInt8] = []) -> [UInt8] {
        [0x68, UInt8(control.count + data.count)] + control + data
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 2404, logs: [IEC104Record.makeSchema()]) { IEC104() }
    }

    static let session = conversation([
        (.originator, unit([7, 0, 0, 0])), (.responder, unit([0x0B, 0, 0, 0])),
        (.originator, unit([0, 0, 0, 0], [100, 1, 6, 0, 1, 0, 0, 0, 0, 20])),
        (.responder, unit([0, 0, 2, 0], [100, 1, 7, 0, 1, 0, 0, 0, 0, 20])),
        (.responder, unit([2, 0, 2, 0], [1, 0x83, 20, 0, 1, 0, 1, 0, 0, 1, 0, 1])),
        (.originator, unit([1, 0, 4, 0]) + unit([2, 0, 4, 0], [45, 1, 0x46, 3, 1, 0, 0x70, 0x17, 1, 1])),
    ])

    @Test func `units with data and unnumbered ones are rows`() {
        let stations = "originator_address=0 common_address=1"
        #expect(
            Self.session.play().rows == [
                "is_orig=T apci_type=U u_function=STARTDT act", "is_orig=F apci_type=U u_function=STARTDT con",
                "is_orig=T apci_type=I send_seq=0 recv_seq=0 type_id=100 type_name=C_IC_NA_1 num_objects=1 "
                    + "is_sequence=F cause=Act negative=F test=F \(stations) object_address=0",
                "is_orig=F apci_type=I send_seq=0 recv_seq=1 type_id=100 type_name=C_IC_NA_1 num_objects=1 "
                    + "is_sequence=F cause=ActCon negative=F test=F \(stations) object_address=0",
                "is_orig=F apci_type=I send_seq=1 recv_seq=1 type_id=1 type_name=M_SP_NA_1 num_objects=3 "
                    + "is_sequence=T cause=Inrogen negative=F test=F \(stations) object_address=1",
                "is_orig=T apci_type=I send_seq=1 recv_seq=2 type_id=45 type_name=C_SC_NA_1 num_objects=1 "
                    + "is_sequence=F cause=Act negative=T test=F originator_address=3 common_address=1 "
                    + "object_address=71536",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 7) }

    @Test(arguments: [
        [UInt8]([0x68, 3, 7, 0, 0]), [0x68, 254] + [UInt8](repeating: 0, count: 254), [0x69, 4, 7, 0, 0, 0],
        [0x68, 4, 0, 0, 0, 0], [0x68, 7, 0, 0, 0, 0, 1, 1, 6], [0x68, 5, 7, 0, 0, 0, 0], [0x68, 4, 0x0F, 0, 0, 0],
    ])
    func `impossible lengths and types end the analyzer`(_ bytes: [UInt8]) {
        let outcome = Self.conversation([(.originator, bytes)]).play()
        #expect(outcome.analyzer.isDetached)
        #expect(outcome.rows.isEmpty)
    }

    @Test func `the probe knows a start`() {
        let start = Self.unit([7, 0, 0, 0])
        #expect(IEC104Probe.start(start.octets) == .matches)
        for count in 0..<6 { #expect(IEC104Probe.start(Array(start[..<count]).octets) == .needsMore) }
        #expect(IEC104Probe.start(octets("hello").octets) == .never)
    }

    @Test func `another protocol is not confirmed`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(Self.session.playHTTP().analyzer.isDetached)
    }
}
