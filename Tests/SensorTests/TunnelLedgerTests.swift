// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of tunnels.

import Flows
import Records
import Testing
import Wire

@testable import Protocols
@testable import Sensor

@Suite("tunnel ledger") struct TunnelLedgerTests {
    private func note(_ what: Note.What, _ number: Int) -> Note {
        Note(order: UInt64(number) << 1, ordinal: 0, time: Timestamp(seconds: 1_000_000), what: what)
    }

    @Test func `strangers do not make it grow without end, and closed tunnels go first`() {
        var ledger = TunnelLedger(sensorName: "test")
        var output = RecordOutput(schemas: Schemas.all)
        let id = ConnectionID(
            originator: Address(v4: 1), responder: Address(v4: 2), originatorPort: 0, responderPort: 0,
            transport: .unknown, protocolNumber: 47)
        let most = TunnelLedger.tunnelsMax
        ledger.take(note(.innerSeen(tunnel: 0, kind: .gre, id: id), 0), into: &output)
        var largest = 0
        for number in 1...most + 5 {
            let uid = UID(value: UInt64(number))
            ledger.take(note(.outerSeen(tunnel: UInt32(number), uid: uid, id: id), number), into: &output)
            largest = max(largest, ledger.count)
        }
        #expect(largest == most)
        #expect(ledger.forgotten == UInt64(most - 1))
        #expect(ledger.count == 7)
        #expect(ledger.uid(of: TunnelName.make(tunnel: 0, packet: 9)) != nil)
        #expect(ledger.uid(of: TunnelName.make(tunnel: 5, packet: 9)) == nil)
    }
}
