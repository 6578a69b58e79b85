// SPDX-License-Identifier: Apache-2.0
//
// EtherNet/IP and CIP: sessions, services in all packings, identities, implicit messages, and hostile forms.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct ENIPTests {
    /// An encapsulated message.
    static func message(_ command: UInt8, _ data: [UInt8] = [], session: UInt8 = 7, status: UInt8 = 0) -> [UInt8] {
        [command, 0] + little(data.count) + [session, 0, 0, 0, status, 0, 0, 0] + octets("_context")
            + [0, 0, 0, 0] + data
    }

    static func little(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8 & 255)] }

    /// A CIP message without a connection, or on one.
    static func unconnected(_ cip: [UInt8]) -> [UInt8] {
        message(0x6F, [0, 0, 0, 0, 10, 0, 2, 0, 0, 0, 0, 0, 0xB2, 0] + little(cip.count) + cip)
    }

    static func connected(_ cip: [UInt8], number: Int) -> [UInt8] {
        let items = [2, 0, 0xA1, 0, 4, 0, 1, 2, 3, 4, 0xB1, 0] + little(cip.count + 2) + little(number)
        return message(0x70, [0, 0, 0, 0, 0, 0] + items + cip)
    }

    static let logs = [
        ENIPRecord.makeSchema(), CIPRecord.makeSchema(), CIPIdentityRecord.makeSchema(), CIPIORecord.makeSchema(),
    ]

    static func conversation(_ turns: [(Direction, [UInt8])], isDatagrams: Bool = false) -> Conversation {
        Conversation(turns: turns, port: 44818, logs: logs, isDatagrams: isDatagrams) { ENIP() }
    }

    static let register = message(0x65, [1, 0, 0, 0], session: 0)
    static let getName: [UInt8] = [0x0E, 3, 0x20, 1, 0x24, 1, 0x30, 7]
    static let two: [UInt8] =
        [0x0A, 2, 0x20, 2, 0x24, 1, 2, 0, 6, 0, 16, 0] + [3, 2, 0x20, 1, 0x24, 1, 1, 0, 7, 0]
        + [0x4C, 2, 0x91, 2, 0x61, 0x62, 1, 0]

    static let session = conversation([
        (.originator, register), (.responder, message(0x65, [1, 0, 0, 0])),
        (.originator, unconnected(getName)), (.responder, unconnected([0x8E, 0, 0, 0, 2, 0x61, 0x62])),
        (.originator, unconnected([0x54, 2, 0x20, 6, 0x24, 1, 1, 2])),
        (.responder, unconnected([0xD4, 0, 1, 1, 0x09, 1])),
        (.originator, connected(two, number: 5)),
        (.responder, connected([0x8A, 0, 0x1E, 0, 2, 0, 6, 0, 10, 0, 0x83, 0, 0, 0, 0xCC, 0, 5, 0], number: 5)),
        (.originator, message(0x66)),
    ])

    static let identity: [UInt8] = {
        let name = octets("1756-L61/B")
        let item =
            [1, 0, 0, 2, 0xAF, 0x12, 192, 168, 10, 120] + [UInt8](repeating: 0, count: 8)
            + [1, 0, 14, 0, 54, 0, 20, 5, 0x60, 0, 0x1A, 6, 0xCA, 0, UInt8(name.count)] + name + [3]
        return message(0x63, [1, 0, 0x0C, 0] + little(item.count) + item, session: 0)
    }()

    static let discovery = conversation(
        [(.originator, message(0x63, session: 0)), (.responder, identity)], isDatagrams: true)

    static func implicit(_ number: UInt8, _ connection: UInt8 = 9) -> [UInt8] {
        [2, 0, 2, 0x80, 8, 0, connection, 0, 0, 0, number, 0, 0, 0, 0xB1, 0, 2, 0, 0xAB, 0xCD]
    }

    static func head(_ code: String, _ name: String, _ length: Int, isOriginator: Bool, session: String) -> String {
        "is_orig=\(isOriginator ? "T" : "F") enip_command_code=\(code) enip_command=\(name) length=\(length) "
            + "session_handle=\(session) enip_status=Success sender_context=0x5f636f6e74657874 options=0x00000000"
    }

    @Test func `each message and each service is a row`() {
        let rows = Self.session.play().rows
        #expect(rows.count == 19)
        #expect(
            rows[0] == Self.head("0x65", "Register Session", 4, isOriginator: true, session: "0x00000000"))
        #expect(
            rows[8] == Self.head("0x66", "Unregister Session", 0, isOriginator: true, session: "0x00000007"))
        let manager = "class_id=0x06 class_name=Connection Manager instance_id=0x01"
        #expect(
            Array(rows[9...]) == [
                "is_orig=T direction=request cip_service_code=0x0e cip_service=Get Attributes Single class_id=0x01 "
                    + "class_name=Identity instance_id=0x01 attribute_id=0x07",
                "is_orig=F direction=response cip_service_code=0x0e cip_service=Get Attributes Single "
                    + "cip_status_code=0x00 cip_status=Success",
                "is_orig=T direction=request cip_service_code=0x54 cip_service=Forward Open \(manager)",
                "is_orig=F direction=response cip_service_code=0x54 cip_service=Forward Open cip_status_code=0x01 "
                    + "cip_status=Connection Failure cip_extended_status_code=0x0109 "
                    + "cip_extended_status=Invalid connection size",
                "is_orig=T cip_sequence_count=5 direction=request cip_service_code=0x0a "
                    + "cip_service=Multiple Service Packet class_id=0x02 class_name=Message Router instance_id=0x01",
                "is_orig=T cip_sequence_count=5 direction=request cip_service_code=0x03 "
                    + "cip_service=Get Attribute List class_id=0x01 class_name=Identity instance_id=0x01 "
                    + "attribute_id=0x07",
                "is_orig=T cip_sequence_count=5 direction=request cip_service_code=0x4c "
                    + "cip_service=Read Data symbol=ab",
                "is_orig=F cip_sequence_count=5 direction=response cip_service_code=0x0a "
                    + "cip_service=Multiple Service Packet cip_status_code=0x1e cip_status=Embedded Service Error",
                "is_orig=F cip_sequence_count=5 direction=response cip_service_code=0x03 "
                    + "cip_service=Get Attribute List cip_status_code=0x00 cip_status=Success",
                "is_orig=F cip_sequence_count=5 direction=response cip_service_code=0x4c cip_service=Read Data "
                    + "cip_status_code=0x05 cip_status=Path Destination Unknown",
            ])
    }

    @Test func `a device says who it is`() {
        let rows = Self.discovery.play().rows
        #expect(rows.count == 3)
        #expect(
            rows.last == "encapsulation_version=1 socket_port=44818 vendor_id=1 "
                + "vendor_name=Rockwell Automation/Allen-Bradley device_type_id=14 "
                + "device_type_name=Programmable Logic Controller product_code=54 revision=20.5 device_status=0x0060 "
                + "serial_number=0x00ca061a product_name=1756-L61/B device_state=0x03")
        #expect(Self.discovery.play().analyzer.isConfirmed)
    }

    @Test func `what is sent through a route is read like any other`() {
        let inner: [UInt8] = [0x10, 4, 0x20, 1, 0x25, 0, 1, 0, 0x30, 7, 5, 0]
        let through = [0x52, 2, 0x20, 6, 0x24, 1, 5, 0x99, 12, 0] + inner + [1, 0, 1, 0]
        let rows = Self.conversation([(.originator, Self.unconnected(through))]).play().rows
        #expect(rows.count == 3)
        #expect(rows[1].contains("cip_service=Unconnected Send"))
        #expect(rows[2].contains("cip_service=Set Attributes Single class_id=0x01"))
    }

    @Test func `implicit messages of a connection are one row in each direction`() {
        let turns: [(Direction, [UInt8])] = [
            (.originator, Self.implicit(1)), (.originator, Self.implicit(2)), (.originator, Self.implicit(5)),
            (.responder, Self.implicit(1, 8)), (.originator, Self.implicit(4)),
        ]
        #expect(
            Self.conversation(turns, isDatagrams: true).play().rows == [
                "is_orig=T connection_id=0x00000009 sequence_number=1 data_length=2 io_data=abcd packets=4 missing=2",
                "is_orig=F connection_id=0x00000008 sequence_number=1 data_length=2 io_data=abcd packets=1 missing=0",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() {
        Self.session.expectRobust()
        Self.discovery.expectRobust()
    }

    @Test(arguments: [
        [UInt8]([0x0E, 9, 0x20, 1]), [0x0E, 1, 0x23, 1], [0x0E, 1, 0xE0, 0], [0x0A, 0, 9, 0, 1, 0],
        [0x0A, 0, 1, 0, 0, 0], [0x0A, 0, 2, 0, 9, 0, 6, 0, 1, 0], [0x03, 0, 0xFF, 0xFF], [0x8E, 0, 0, 200], [],
        [0x52, 2, 0x20, 6, 0x24, 1, 0, 0, 0xFF, 0xFF],
    ])
    func `a CIP message that does not fit costs no other message`(_ cip: [UInt8]) {
        let outcome = Self.conversation([
            (.originator, Self.unconnected(cip)), (.originator, Self.unconnected(Self.getName)),
        ]).play()
        #expect(outcome.rows.contains { $0.contains("cip_service=Get Attributes Single class_id=0x01") })
        #expect(!outcome.analyzer.isDetached)
    }

    @Test func `an unknown command or status ends the analyzer`() {
        for bad in [Self.message(0x67), Self.message(0x65, status: 0x55)] {
            #expect(Self.conversation([(.originator, bad)]).play().analyzer.isDetached)
            #expect(Self.conversation([(.originator, bad)], isDatagrams: true).play().analyzer.isDetached)
        }
    }

    @Test func `services packed a thousandfold are read up to a bound`() {
        let count = 600
        var packed: [UInt8] = [0x0A, 0] + Self.little(count)
        for index in 0..<count { packed += Self.little(2 + 2 * count + 2 * index) }
        for _ in 0..<count { packed += [0x17, 0] }
        let rows = Self.conversation([(.originator, Self.unconnected(packed))]).play().rows
        #expect(rows.count == 1 + CIPMessage.servicesMax)
    }

    @Test func `the probes know a session's and a search's beginning`() {
        #expect(ENIPProbe.register(Self.register.octets) == .matches)
        for count in 0..<28 { #expect(ENIPProbe.register(Array(Self.register[..<count]).octets) == .needsMore) }
        #expect(ENIPProbe.register(octets("e-mail").octets) == .never)
        #expect(ENIPProbe.listIdentity(Self.message(0x63, session: 0).octets) == .matches)
        #expect(ENIPProbe.listIdentity(Self.identity.octets) == .never)
    }

    @Test func `another protocol is not confirmed`() {
        #expect(Self.session.playHTTP().rows.isEmpty)
        #expect(Self.session.playHTTP().analyzer.isDetached)
    }
}
