// SPDX-License-Identifier: Apache-2.0
//
// BACnet/IP: searches, properties, orders to devices, routed and forwarded messages, and hostile forms.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct BACnetTests {
    /// A message of the virtual link with a message of the network layer.
    static func message(_ application: [UInt8], function: UInt8 = 0x0A, network: [UInt8] = [1, 0]) -> [UInt8] {
        [0x81, function] + wide(4 + network.count + application.count) + network + application
    }

    static let broadcast: [UInt8] = [1, 0x20, 0xFF, 0xFF, 0, 255]
    static let device: [UInt8] = [0xC4, 2, 0, 0, 0x6C]

    static let nameIs: [UInt8] = [0x30, 1, 12, 0x0C, 2, 0, 0, 0x6C, 0x19, 77, 0x3E, 0x75, 6, 0]

    static let logs = [
        BACnetRecord.makeSchema(), BACnetDiscoveryRecord.makeSchema(), BACnetPropertyRecord.makeSchema(),
        BACnetControlRecord.makeSchema(),
    ]

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(turns: turns, port: 47808, logs: logs, isDatagrams: true) { BACnet() }
    }

    static let session = conversation([
        (.originator, message([0x10, 8, 0x09, 1, 0x19, 9], function: 0x0B, network: broadcast)),
        (.responder, message([0x10, 0] + device + [0x22, 5, 0xC4, 0x91, 3, 0x21, 24])),
        (.originator, message([0, 5, 1, 12, 0x0C, 2, 0, 0, 0x6C, 0x19, 77])),
        (.responder, message(nameIs + octets("relay") + [0x3F])),
        (.originator, message([0, 5, 2, 15, 0x0C, 0, 0x40, 0, 1, 0x19, 85, 0x3E, 0x44, 0x42, 0x28, 0, 0, 0x3F])),
        (.responder, message([0x20, 2, 15])),
        (.originator, message([0, 5, 3, 17, 0x09, 5, 0x19, 1, 0x2D, 7, 0] + octets("secret"))),
        (.responder, message([0x50, 3, 17, 0x91, 4, 0x91, 26])),
        (.responder, message([0x60, 4, 9])),
    ])

    @Test func `each message is a row, and searches, properties and orders have their own`() {
        let unicast = "bvlc_function=Original_Unicast_NPDU"
        #expect(
            Self.session.play().rows == [
                "is_orig=T bvlc_function=Original_Broadcast_NPDU pdu_type=UNCONFIRMED_REQUEST pdu_service=who_is "
                    + "dnet=65535",
                "is_orig=F \(unicast) pdu_type=UNCONFIRMED_REQUEST pdu_service=i_am",
                "is_orig=T \(unicast) pdu_type=CONFIRMED_REQUEST pdu_service=read_property invoke_id=1",
                "is_orig=F \(unicast) pdu_type=COMPLEX_ACK pdu_service=read_property invoke_id=1",
                "is_orig=T \(unicast) pdu_type=CONFIRMED_REQUEST pdu_service=write_property invoke_id=2",
                "is_orig=F \(unicast) pdu_type=SIMPLE_ACK pdu_service=write_property invoke_id=2",
                "is_orig=T \(unicast) pdu_type=CONFIRMED_REQUEST pdu_service=device_communication_control invoke_id=3",
                "is_orig=F \(unicast) pdu_type=ERROR_PDU pdu_service=device_communication_control invoke_id=3 "
                    + "result_code=password-failure",
                "is_orig=F \(unicast) pdu_type=REJECT_PDU pdu_service=reject invoke_id=4 "
                    + "result_code=unrecognized-service",
                "is_orig=T pdu_service=who-is range=1-9",
                "is_orig=F pdu_service=i-am object_type=device instance_number=108 "
                    + "vendor=Automated Logic Corporation",
                "is_orig=T invoke_id=1 pdu_service=read-property-request object_type=device instance_number=108 "
                    + "property=object-name",
                "is_orig=F invoke_id=1 pdu_service=read-property-ack object_type=device instance_number=108 "
                    + "property=object-name value=relay",
                "is_orig=T invoke_id=2 pdu_service=write-property-request object_type=analog-output "
                    + "instance_number=1 property=present-value value=42.000000",
                "is_orig=T invoke_id=3 pdu_service=device_communication_control time_duration=5 device_state=disable "
                    + "password=<hidden>",
                "is_orig=F invoke_id=3 pdu_service=device_communication_control result=ERROR "
                    + "result_code=password-failure",
            ])
    }

    @Test func `values of all simple types are written`() {
        let values: [([UInt8], String)] = [
            ([0x00], "null"), ([0x11], "true"), ([0x10], "false"), ([0x22, 1, 0], "256"), ([0x31, 0xFF], "-1"),
            ([0x32, 0x80, 0], "-32768"), ([0x44, 0xBF, 0x80, 0, 0], "-1.000000"),
            ([0x55, 8, 0x3F, 0xE0, 0, 0, 0, 0, 0, 0], "0.500000"), ([0x62, 0xAB, 0xCD], "abcd"),
            ([0x44, 0x79, 0x3F, 0xFE, 0xFF], "6.230628970005755e+34"),
            ([0x44, 0xFF, 0x80, 0, 0], "-inf"), ([0x91, 7], "7"), ([0xA4, 124, 5, 6, 255], "2024-5-6"),
            ([0xB4, 1, 2, 3, 4], "1:2:3.4"), (Self.device, "device: 108"),
        ]
        for (octets, text) in values {
            let answer = Self.message([0x30, 1, 12, 0x0C, 2, 0, 0, 0x6C, 0x19, 85, 0x3E] + octets + [0x3F])
            let rows = Self.conversation([(.responder, answer)]).play().rows
            #expect(rows.last?.hasSuffix(" value=\(text)") == true, "\(rows)")
        }
    }

    @Test func `many properties are a row each, up to a bound`() {
        let request: [UInt8] =
            [0, 5, 5, 14, 0x0C, 0, 0, 0, 1, 0x1E, 9, 85, 9, 111, 0x1F, 0x0C, 0, 0, 0, 2, 0x1E, 9, 8, 0x1F]
        #expect(Self.conversation([(.originator, Self.message(request))]).play().rows.count == 4)
        var list: [UInt8] = [0x30, 1, 12, 0x0C, 2, 0, 0, 0x6C, 0x19, 76, 0x3E]
        for _ in 0..<200 { list += Self.device }
        #expect(Self.conversation([(.responder, Self.message(list + [0x3F]))]).play().rows.count == 65)
    }

    @Test func `routed, forwarded and link messages are understood`() {
        let forwarded: [UInt8] = [192, 168, 0, 1, 0xBA, 0xC0, 1, 8, 0, 13, 1, 0x3D]
        let rows = Self.conversation([
            (.originator, Self.message([0x10, 7, 0x3D, 6, 0] + octets("relay"), function: 4, network: forwarded)),
            (.originator, [0x81, 5, 0, 6, 0, 60]), (.responder, [0x81, 0, 0, 6, 0, 0x30]),
            (.originator, Self.message([0, 0, 5], network: [1, 0x80])),
        ]).play().rows
        #expect(rows[0].hasSuffix("pdu_service=who_has snet=13 sadr=3d"))
        #expect(rows[2] == "is_orig=F bvlc_function=BVLC_Result result_code=Register-Foreign-Device NAK")
        #expect(rows[3].hasSuffix("pdu_type=NPDU pdu_service=Who-Is-Router-To-Network"))
        #expect(rows[4] == "is_orig=T pdu_service=who-has range=All object_name=relay")
    }

    @Test func `cuts, losses and damage do no harm`() {
        // Changed octets may name other services, with more rows than these.
        Self.session.expectRobust(rowsMax: 24)
    }

    @Test(arguments: [
        [UInt8]([0x81, 0x0A, 0, 3]), [0x81, 0x0A, 0, 200, 1, 0], [0x82, 0x0A, 0, 6, 1, 0], [0x81, 0x0A, 0, 6, 2, 0],
        [0x81, 0x77, 0, 4], [0x81, 0x0A, 0, 8, 1, 0x20, 0, 0], [0x81, 0x0A, 0, 8, 1, 0, 0xF0, 0],
        [0x81, 0x0A, 0, 6, 1, 0],
    ])
    func `impossible lengths and types end the analyzer`(_ bytes: [UInt8]) {
        #expect(Self.conversation([(.originator, bytes)]).play().analyzer.isDetached)
    }

    @Test func `tags that open for ever are no harm`() {
        let deep = [0x30, 1, 12, 0x0C, 2, 0, 0, 0x6C, 0x19, 85] + [UInt8](repeating: 0x3E, count: 1000)
        #expect(Self.conversation([(.responder, Self.message(deep))]).play().rows.count == 1)
    }

    @Test func `the probe wants a length that fits`() {
        let request = Self.message([0x10, 8])
        #expect(BACnetProbe.message(request.octets) == .matches)
        #expect(BACnetProbe.message((request + [0]).octets) == .never)
    }

    @Test func `another protocol is not confirmed`() {
        let outcome = Self.conversation([(.originator, octets("GET / HTTP/1.1\r\n\r\n"))]).play()
        #expect(outcome.rows.isEmpty)
        #expect(outcome.analyzer.isDetached)
    }
}
