// SPDX-License-Identifier: Apache-2.0
//
// The table of announced connections: who is found, how long, how many.

import Protocols
import Records
import Testing

@testable import Sensor

private let client = Address(v4: 0x0A00_0001)
private let server = Address(v4: 0x0A00_0002)
private let other = Address(v4: 0x0A00_0003)

private func expectation(from originator: Address?, port: UInt16) -> Announcement {
    let id = ConnectionID(
        originator: client, responder: server, originatorPort: 1, responderPort: 21, transport: .tcp,
        protocolNumber: 6)
    return Announcement(
        originator: originator, responder: server, port: port, transport: .tcp,
        analyzer: AnalyzerKind.ftpData.rawValue, announcer: UID(value: 1), announcerID: id)
}

private func connection(from originator: Address, port: UInt16, _ transport: Transport = .tcp) -> ConnectionID {
    ConnectionID(
        originator: originator, responder: server, originatorPort: 5, responderPort: port, transport: transport,
        protocolNumber: 6)
}

@Suite("Expected connections") struct ExpectedConnectionsTests {
    @Test func `the one who was named is found, or anybody where none was`() {
        var table = ExpectedConnections()
        let now = Timestamp(seconds: 100)
        table.add(expectation(from: client, port: 2000), at: now)
        table.add(expectation(from: nil, port: 2001), at: now)
        #expect(table.find(connection(from: client, port: 2000), at: now)?.kind == .ftpData)
        #expect(table.find(connection(from: other, port: 2000), at: now) == nil)
        #expect(table.find(connection(from: other, port: 2001), at: now)?.announcer == UID(value: 1))
        #expect(table.find(connection(from: client, port: 2000, .udp), at: now) == nil)
        #expect(table.find(connection(from: client, port: 2002), at: now) == nil)
    }

    @Test func `five minutes later nobody is awaited`() {
        var table = ExpectedConnections()
        table.add(expectation(from: client, port: 2000), at: Timestamp(seconds: 100))
        #expect(table.find(connection(from: client, port: 2000), at: Timestamp(seconds: 400)) != nil)
        #expect(table.find(connection(from: client, port: 2000), at: Timestamp(seconds: 401)) == nil)
    }

    @Test func `what is over is forgotten`() {
        let shared = SharedExpectations()
        let now = Timestamp(seconds: 100)
        shared.add(expectation(from: nil, port: 2000), at: now)
        #expect(shared.find(connection(from: other, port: 2000), at: now) != nil)
        shared.forget(connection(from: other, port: 2000))
        #expect(shared.find(connection(from: other, port: 2000), at: now) == nil)
    }

    @Test func `the table has a bound`() {
        var table = ExpectedConnections()
        for index in 0..<ExpectedConnections.countMax {
            let from = Address(v4: UInt32(index))
            table.add(expectation(from: from, port: 2000), at: Timestamp(seconds: index < 10 ? 0 : 500))
        }
        table.add(expectation(from: client, port: 2000), at: Timestamp(seconds: 501))
        let now = Timestamp(seconds: 501)
        #expect(table.find(connection(from: client, port: 2000), at: now) != nil)
        #expect(table.find(connection(from: Address(v4: 3), port: 2000), at: Timestamp(seconds: 1)) == nil)
        #expect(table.find(connection(from: Address(v4: 11), port: 2000), at: now) != nil)
    }
}
