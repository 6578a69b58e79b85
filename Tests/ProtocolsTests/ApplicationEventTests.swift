// SPDX-License-Identifier: Apache-2.0
//
// Events of applications that rules ask for (`app-layer-event`), and numbers that analyzers show them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("Events of applications") struct ApplicationEventTests {
    typealias Turn = (Direction, [UInt8])

    /// What an analyzer shows of a talk: the names of events, and the numbers of a buffer.
    static func play(
        _ analyzer: Analyzer, _ turns: [Turn], port: UInt16, _ transport: Transport = .tcp, logs: [LogSchema],
        numbersOf buffer: SignatureBuffer? = nil
    ) -> (events: [String], numbers: [UInt64]) {
        let bench = Bench(analyzer, logs: logs, port: port, transport)
        bench.context.transactions.wantsEvents = true
        bench.context.transactions.wantsTransactions = true
        if let buffer { bench.context.transactions.wanted.insert(buffer) }
        for (direction, octets) in turns { bench.send(octets, from: direction) }
        bench.finish()
        let output = bench.context.transactions
        let events = output.exposures.filter { $0.kind == .event }.map { "\(output.events[Int($0.number)])" }
        let numbers = output.exposures.filter { $0.kind == .number && $0.buffer == buffer }.map(\.number)
        return (events, numbers)
    }

    /// The octets that an analyzer shows of each of some buffers, all instances behind each other.
    static func shown(
        _ analyzer: Analyzer, _ turns: [Turn], port: UInt16, logs: [LogSchema], buffers: [SignatureBuffer]
    ) -> [SignatureBuffer: String] {
        let bench = Bench(analyzer, logs: logs, port: port, .tcp)
        bench.context.transactions.wantsTransactions = true
        for buffer in buffers { bench.context.transactions.wanted.insert(buffer) }
        for (direction, octets) in turns { bench.send(octets, from: direction) }
        bench.finish()
        let output = bench.context.transactions
        var found: [SignatureBuffer: String] = [:]
        for one in output.exposures where [.octets, .part, .lastPart].contains(one.kind) {
            let place = Int(one.offset)..<Int(one.offset &+ one.count)
            found[one.buffer, default: ""] += String(decoding: output.text.bytes[place], as: UTF8.self)
        }
        return found
    }

    // MARK: MQTT

    @Test(arguments: [
        ([(Direction.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted)], [String]()),
        ([(.responder, MQTTTests.accepted)], ["mqtt.missing_connect"]),
        (
            [
                (.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted),
                (.originator, MQTTTests.connect()),
            ], ["mqtt.double_connect"]
        ),
        (
            [
                (.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted),
                (.responder, MQTTTests.packet(0x40, [0, 7])), (.responder, MQTTTests.packet(0x90, [0, 1, 0])),
                (.responder, MQTTTests.packet(0xB0, [0, 1])),
            ], ["mqtt.missing_publish", "mqtt.missing_subscribe", "mqtt.missing_unsubscribe"]
        ),
        (
            [
                (.originator, MQTTTests.connect()), (.responder, MQTTTests.accepted),
                (.originator, MQTTTests.publish("t", "x", level: 3, 9)), (.originator, MQTTTests.packet(0x00, [])),
            ], ["mqtt.invalid_qos_level", "mqtt.unassigned_msg_type"]
        ),
        (
            [(.originator, MQTTTests.publish("t", "x"))], ["mqtt.unintroduced_message"]
        ),
    ]) func `packets of MQTT out of order are told of`(_ turns: [(Direction, [UInt8])], _ events: [String]) {
        let logs = [
            MQTTConnectRecord.makeSchema(), MQTTSubscribeRecord.makeSchema(), MQTTPublishRecord.makeSchema(),
        ]
        #expect(Self.play(MQTT(), turns, port: 1883, logs: logs).events == events)
    }

    // MARK: VNC, SSH, SMTP

    @Test func `a login of VNC that nobody knows, and a result that there is none`() {
        let logs = [RFBRecord.makeSchema()]
        let unknown: [Turn] = RFBTests.versions("008") + [(.responder, [1, 99]), (.originator, [99])]
        #expect(Self.play(RFB(), unknown, port: 5900, logs: logs).events == ["rfb.unimplemented_security_type"])
        let result: [Turn] =
            RFBTests.versions("008") + [
                (.responder, [1, 2]), (.originator, [2]), (.responder, RFBTests.challenge),
                (.originator, RFBTests.challenge), (.responder, [0, 0, 0, 9]),
            ]
        #expect(Self.play(RFB(), result, port: 5900, logs: logs).events == ["rfb.unknown_security_result"])
        let broken: [Turn] = [(.responder, octets("RFB 003x008\n"))]
        #expect(Self.play(RFB(), broken, port: 5900, logs: logs).events == ["rfb.malformed_message"])
    }

    @Test func `first lines of SSH that are none`() {
        let logs = [SSHRecord.makeSchema()]
        #expect(
            Self.play(SSH(), [(.originator, octets("GET / HTTP/1.1\r\n"))], port: 22, logs: logs).events
                == ["ssh.invalid_banner"])
        let long: [Turn] = [(.originator, octets("SSH-2.0-" + String(repeating: "a", count: 5000) + "\r\n"))]
        #expect(Self.play(SSH(), long, port: 22, logs: logs).events == ["ssh.long_banner"])
        #expect(Self.play(SSH(), [(.originator, octets("SSH-2.0-x\r\n"))], port: 22, logs: logs).events.isEmpty)
    }

    @Test(arguments: [
        ("S220 hi\nCEHLO a\nS250 ok\n", [String]()),
        ("CEHLO a\n", ["smtp.no_server_welcome_message"]),
        ("S220 hi\nCEHLO a\nS250 ok\nCSTARTTLS\nS454 no\n", ["smtp.tls_rejected"]),
        ("S220 hi\nCEHLO a\nS250 ok\nS250 again\n", ["smtp.unable_to_match_reply_with_request"]),
        ("S220 hi\nCEHLO a\nSwhat\n", ["smtp.invalid_reply"]),
        ("S220 hi\nCHELO a\nS250 ok\nCHELO b\n", ["smtp.duplicate_fields"]),
        ("S220 hi\nCMAIL FROM:<a>\nS250 ok\nCRCPT TO:<b>\nS250 ok\nCDATA\nS500 no\n", ["smtp.data_command_rejected"]),
    ]) func `a talk of SMTP that is not as it should be is told of without EVE too`(
        _ talk: String, _ events: [String]
    ) {
        let turns: [Turn] = talk.split(separator: "\n").map { line in
            (line.first == "S" ? .responder : .originator, octets(line.dropFirst() + "\r\n"))
        }
        #expect(Self.play(SMTP(), turns, port: 25, logs: [SMTPRecord.makeSchema()]).events == events)
    }

    // MARK: datagrams

    @Test func `a lease of DHCP is a number, and options that end early are an event`() {
        var message = [UInt8](repeating: 0, count: 236) + [0x63, 0x82, 0x53, 0x63]
        message[0] = 2
        let options: [UInt8] = [53, 1, 5, 51, 4, 0, 0, 14, 16, 58, 4, 0, 0, 7, 8, 59, 4, 0, 0, 12, 78]
        let logs = [DHCPRecord.makeSchema()]
        for (buffer, value) in [
            (SignatureBuffer.dhcpLeaseTime, UInt64(3600)), (.dhcpRenewalTime, 1800), (.dhcpRebindingTime, 3150),
        ] {
            let outcome = Self.play(
                DHCP(), [(.responder, message + options + [255])], port: 67, .udp, logs: logs, numbersOf: buffer)
            #expect(outcome.numbers == [value] && outcome.events.isEmpty)
        }
        let cut = Self.play(DHCP(), [(.responder, message + [53, 1, 5, 51, 4, 0])], port: 67, .udp, logs: logs)
        #expect(cut.events == ["dhcp.truncated_options"])
        let odd = Self.play(DHCP(), [(.responder, message + [53, 1, 5, 51, 2, 0, 1, 255])], port: 67, .udp, logs: logs)
        #expect(odd.events == ["dhcp.malformed_options"])
    }

    @Test func `a name of DNS that points to itself, or has too many labels, is told of`() {
        func message(_ name: [UInt8]) -> [UInt8] {
            [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name + [0, 1, 0, 1]
        }
        func events(_ name: [UInt8]) -> [String] {
            let bench = Bench(DNS(), logs: [DNSRecord.makeSchema()], port: 53, .udp)
            bench.context.transactions.wantsEvents = true
            bench.context.transactions.wantsTransactions = true
            let octets = message(name)
            var name: [UInt8] = []
            DNSView.show(octets.octets, tx: 0, from: .originator, name: &name, &bench.context)
            let output = bench.context.transactions
            return output.exposures.filter { $0.kind == .event }.map { "\(output.events[Int($0.number)])" }
        }
        #expect(events([1, 0x61, 0]).isEmpty)
        #expect(events([0xC0, 12]) == ["dns.infinite_loop"])
        let labels = Array([[UInt8]](repeating: [1, 0x61], count: 300).joined()) + [0]
        #expect(events(labels) == ["dns.too_many_labels"])
        let long = Array([[UInt8]](repeating: [63] + [UInt8](repeating: 0x61, count: 63), count: 20).joined()) + [0]
        #expect(events(long) == ["dns.name_too_long"])
    }
}
