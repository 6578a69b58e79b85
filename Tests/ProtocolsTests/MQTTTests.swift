// SPDX-License-Identifier: Apache-2.0
//
// MQTT: connections, subscriptions and publications, and hostile forms of them.

import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite struct MQTTTests {
    static func text(_ text: String) -> [UInt8] { wide(text.utf8.count) + octets(text) }

    /// A control packet; `first` is type and flags.
    static func packet(_ first: UInt8, _ body: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        var rest = body.count
        repeat {
            length.append(UInt8(rest & 0x7F) | (rest > 127 ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return [first] + length + body
    }

    static func connect(version: UInt8 = 4, properties: [UInt8] = []) -> [UInt8] {
        let head = text("MQTT") + [version, 0x06, 0, 60]
        return packet(0x10, head + properties + text("me") + properties + text("w") + text("bye"))
    }

    static let accepted = packet(0x20, [0, 0])

    static func publish(_ topic: String, _ payload: String, level: UInt8 = 0, _ identifier: Int = 0) -> [UInt8] {
        packet(0x30 | level << 1, text(topic) + (level > 0 ? wide(identifier) : []) + octets(payload))
    }

    static func conversation(_ turns: [(Direction, [UInt8])]) -> Conversation {
        Conversation(
            turns: turns, port: 1883,
            logs: [MQTTConnectRecord.makeSchema(), MQTTSubscribeRecord.makeSchema(), MQTTPublishRecord.makeSchema()]
        ) { MQTT() }
    }

    static let session = conversation([
        (.originator, connect()), (.responder, accepted),
        (.originator, packet(0x82, [0, 1] + text("a/#") + [1] + text("b") + [2])),
        (.responder, packet(0x90, [0, 1, 1, 2])),
        (.originator, publish("t", "zero")), (.originator, publish("t", "one", level: 1, 7)),
        (.responder, packet(0x40, [0, 7])),
        (.responder, publish("u", String(repeating: "x", count: 300), level: 2, 8)),
        (.originator, packet(0x50, [0, 8])), (.responder, packet(0x62, [0, 8])), (.originator, packet(0x70, [0, 8])),
        (.originator, packet(0xA2, [0, 2] + text("b"))), (.responder, packet(0xB0, [0, 2])),
        (.originator, packet(0xC0, [])), (.originator, publish("t", "lost", level: 1, 9)),
        (.originator, packet(0xE0, [])),
    ])

    @Test func `connect, subscriptions and messages have rows`() {
        let long = String(repeating: "x", count: 100)
        #expect(
            Self.session.play().rows == [
                "proto_name=MQTT proto_version=3.1.1 client_id=me connect_status=Connection Accepted "
                    + "will_topic=w will_payload=bye",
                "action=MQTT::SUBSCRIBE topics=[\"a/#\", \"b\"] qos_levels=[1, 2] granted_qos_level=1 ack=T",
                "action=MQTT::UNSUBSCRIBE topics=[\"b\"] ack=T",
                "from_client=T retain=F qos=at most once status=ok topic=t payload=zero payload_len=4",
                "from_client=T retain=F qos=at least once status=ok topic=t payload=one payload_len=3",
                "from_client=F retain=F qos=exactly once status=ok topic=u payload=\(long) payload_len=300",
                "from_client=T retain=F qos=at least once status=incomplete_qos topic=t payload=lost payload_len=4",
            ])
    }

    @Test func `pieces, cuts, gaps and damage do no harm`() { Self.session.expectRobust(rowsMax: 9) }

    @Test func `properties of version 5 are passed over`() {
        let turns = [
            (Direction.originator, Self.connect(version: 5, properties: [2, 0x21, 0x00])),
            (.responder, Self.accepted),
            (.originator, Self.packet(0x30, Self.text("t") + [3, 1, 2, 3] + octets("hi"))),
        ]
        let rows = Self.conversation(turns).play(pieces: 3).rows
        #expect(rows.first?.contains("proto_version=5.0 client_id=me") ?? false)
        #expect(rows.last?.hasSuffix("topic=t payload=hi payload_len=2") ?? false)
    }

    @Test func `a message that is not acknowledged in time is incomplete`() {
        let bench = DatagramBench(MQTT(), port: 1883, .tcp, logs: Self.session.logs)
        bench.stream(Self.publish("t", "one", level: 1, 7))
        bench.context.now = Timestamp(seconds: 6)
        bench.stream(Self.packet(0xC0, []))
        #expect(bench.texts(.mqttPublish).first?.contains("incomplete_qos") ?? false)
    }

    @Test func `messages in flight are bounded`() {
        let turns = (0..<400).map { (Direction.originator, Self.publish("t", "\($0)", level: 1, $0)) }
        let rows = Self.conversation(turns).play().rows
        #expect(rows.count == 400)
        #expect(rows.first?.hasSuffix("payload=0 payload_len=1") ?? false)
    }

    @Test(arguments: [
        [UInt8]([0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]), [0x10, 4, 0xFF, 0xFF, 1, 2], [0x30, 3, 0, 9, 1],
        [0x82, 4, 0, 1, 0, 9], [0x90, 1, 0], [0x40, 0],
    ])
    func `impossible lengths end the analyzer`(_ octets: [UInt8]) {
        let outcome = Self.conversation([(.originator, octets)]).play()
        #expect(outcome.analyzer.isDetached && outcome.rows.isEmpty)
    }

    @Test func `another protocol is not confirmed`() {
        #expect(!Self.session.playHTTP().analyzer.isConfirmed)
        #expect(Self.session.playHTTP().rows.isEmpty)
    }

    @Test func `the probe knows a connect`() {
        let connect = Self.connect()
        #expect(MQTTProbe.connect(connect.octets) == .matches)
        let cut = Array(connect[..<5])
        #expect(MQTTProbe.connect(cut.octets) == .needsMore)
        #expect(MQTTProbe.connect(octets("GET / HTTP/1.1").octets) == .never)
    }
}
