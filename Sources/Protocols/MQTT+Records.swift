// SPDX-License-Identifier: Apache-2.0
//
// The three logs of MQTT.
//
// Reads   nothing.
// Writes  mqtt_connect, mqtt_publish, mqtt_subscribe.
// Leaves  when each is written (MQTT.swift).

package import Records

package struct MQTTConnectRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var name = Text.absent
    var version = Text.absent
    var client = Text.absent
    var status = Text.absent
    var willTopic = Text.absent
    var willPayload = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.mqttConnect
    package static let summary: StaticString = "One MQTT client that connects to a broker."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("proto_name", name, in: text, "Name of the protocol: MQTT, or MQIsdp of version 3.1.")
        row.text("proto_version", version, in: text, "Version of the protocol.")
        row.text("client_id", client, in: text, "Identifier that the client gives itself.", isKey: true)
        row.text("connect_status", status, in: text, "What the broker answered.")
        row.text("will_topic", willTopic, in: text, "Topic of the message for when the client is gone.")
        row.text("will_payload", willPayload, in: text, "Payload of that message.")
    }

    mutating func clear() {
        text.clear()
        (name, version, client, status) = (.absent, .absent, .absent, .absent)
        (willTopic, willPayload) = (.absent, .absent)
    }
}

package struct MQTTSubscribeRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isEnding = false
    var topics: [Text] = []
    var levels: [UInt64] = []
    var granted: UInt64?
    var isAcknowledged = false
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.mqttSubscribe
    package static let summary: StaticString = "One MQTT subscription, begun or ended."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration(
            "action", isEnding ? "MQTT::UNSUBSCRIBE" : "MQTT::SUBSCRIBE", "Whether it begins or ends.")
        row.textVector("topics", topics, in: text, "Topics or patterns of topics.")
        row.countVector("qos_levels", isEnding ? nil : levels, "Quality of service asked for, by topic.")
        row.count("granted_qos_level", granted, "Quality of service granted for the first topic.")
        row.boolean("ack", isAcknowledged, "Whether the broker has acknowledged it.")
    }
}

package struct MQTTPublishRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isFromClient = false
    var isRetained = false
    var level: UInt8 = 0
    var isComplete = false
    var topic = Text.absent
    var payload = Text.absent
    var payloadCount: UInt64 = 0
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.mqttPublish
    package static let summary: StaticString = "One MQTT message, published by a client or by the broker to one."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("from_client", isFromClient, "Whether the client published it; else the broker passes it on.")
        row.boolean("retain", isRetained, "Whether the broker is to keep it for later subscribers.")
        row.text("qos", levelName, "Quality of service of the message.")
        row.text("status", isComplete ? "ok" : "incomplete_qos", "Whether its handshake was seen to the end.")
        row.text("topic", topic, in: text, "Topic of the message.", isKey: true)
        row.text("payload", payload, in: text, "First octets of the payload.")
        row.count("payload_len", payloadCount, "Octets of the whole payload.")
    }

    private var levelName: StaticString {
        switch level {
        case 0: "at most once"
        case 1: "at least once"
        case 2: "exactly once"
        default: "unknown-3"
        }
    }
}
