// SPDX-License-Identifier: Apache-2.0
//
// The members of the event `mqtt`: one object for each control packet.
//
// Reads   whole control packets (MQTT 3.1.1 and 5.0).
// Writes  objects named after the packets, with the properties of version 5.
// Leaves  which packets belong together (MQTT+Signatures.swift).

import Records
import Wire

/// One control packet.
struct MQTTPacket {
    let first: UInt8
    let version: UInt8

    private var kind: UInt8 { first >> 4 }

    /// Writes the packet's object; what is cut short leaves out the rest.
    func write(_ bytes: RawSpan, to event: inout EVEBuilder) {
        event.open(name)
        event.count("qos", UInt64(first >> 1 & 3))
        event.boolean("retain", first & 1 != 0)
        event.boolean("dup", first & 8 != 0)
        var cursor = Cursor(bytes)
        try? members(&cursor, &event)
        event.close()
    }

    private var name: StaticString {
        switch kind {
        case 1: "connect"
        case 2: "connack"
        case 3: "publish"
        case 4: "puback"
        case 5: "pubrec"
        case 6: "pubrel"
        case 7: "pubcomp"
        case 8: "subscribe"
        case 9: "suback"
        case 10: "unsubscribe"
        case 11: "unsuback"
        case 12: "pingreq"
        case 13: "pingresp"
        case 14: "disconnect"
        case 15: "auth"
        default: "unassigned"
        }
    }

    private func members(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        switch kind {
        case 1: try connect(&cursor, &event)
        case 2:
            event.boolean("session_present", try cursor.read(UInt8.self) & 1 != 0)
            event.count("return_code", UInt64(try cursor.read(UInt8.self)))
            try properties("properties", &cursor, &event)
        case 3:
            event.text("topic", try cursor.take(Int(try cursor.read(UInt16.self))))
            if first & 6 != 0 { event.count("message_id", UInt64(try cursor.read(UInt16.self))) }
            let mark = event.mark
            do throws(WireError) { try properties("properties", &cursor, &event) } catch { event.goBack(to: mark) }
            event.text("message", cursor.rest())
        case 4...7:
            event.count("message_id", UInt64(try cursor.read(UInt16.self)))
            if version == 5, cursor.remaining > 0 {
                event.count("reason_code", UInt64(try cursor.read(UInt8.self)))
                try properties("properties", &cursor, &event)
            }
        case 8, 10: try topics(&cursor, &event)
        case 9, 11: try granted(&cursor, &event)
        case 14, 15:
            guard version == 5 else { return }
            // A reason without properties behind it is not looked at, as by Suricata.
            event.count("reason_code", cursor.remaining > 1 ? UInt64(try cursor.read(UInt8.self)) : 0)
            try properties("properties", &cursor, &event)
        default: break
        }
    }

    private func connect(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.text("protocol_string", try cursor.take(Int(try cursor.read(UInt16.self))))
        event.count("protocol_version", UInt64(try cursor.read(UInt8.self)))
        let flags = try cursor.read(UInt8.self)
        try cursor.skip(2)
        var own = EVEBuilder()
        try properties("properties", &cursor, &own)
        event.text("client_id", try cursor.take(Int(try cursor.read(UInt16.self))))
        event.open("flags")
        event.boolean("username", flags & 0x80 != 0)
        event.boolean("password", flags & 0x40 != 0)
        event.boolean("will_retain", flags & 0x20 != 0)
        event.boolean("will", flags & 0x04 != 0)
        event.boolean("clean_session", flags & 0x02 != 0)
        event.close()
        if flags & 0x04 != 0 {
            var properties = EVEBuilder()
            try self.properties("properties", &cursor, &properties)
            let topic = try cursor.take(Int(try cursor.read(UInt16.self)))
            let message = try cursor.take(Int(try cursor.read(UInt16.self)))
            event.open("will")
            event.text("topic", topic)
            event.text("message", message)
            event.members(properties.buffer.bytes[...])
            event.close()
        }
        if flags & 0x80 != 0 { event.text("username", try cursor.take(Int(try cursor.read(UInt16.self)))) }
        if flags & 0x40 != 0 { event.text("password", try cursor.take(Int(try cursor.read(UInt16.self)))) }
        event.members(own.buffer.bytes[...])
    }

    private func topics(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.count("message_id", UInt64(try cursor.read(UInt16.self)))
        var own = EVEBuilder()
        try properties("properties", &cursor, &own)
        event.openList("topics")
        var count = 0
        while cursor.remaining > 0, count < MQTT.topicsMax {
            count &+= 1
            guard let length = try? cursor.read(UInt16.self), let topic = try? cursor.take(Int(length)) else { break }
            if kind == 10 {
                event.item(topic)
            } else {
                guard let options = try? cursor.read(UInt8.self) else { break }
                event.openItem()
                event.text("topic", topic)
                event.count("qos", UInt64(options))
                event.closeItem()
            }
        }
        event.closeList()
        event.members(own.buffer.bytes[...])
    }

    private func granted(_ cursor: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        event.count("message_id", UInt64(try cursor.read(UInt16.self)))
        var own = EVEBuilder()
        try properties("properties", &cursor, &own)
        if kind == 9 || cursor.remaining > 0 {
            event.openList(kind == 9 ? "qos_granted" : "reason_codes")
            let codes = cursor.rest()
            for index in 0..<min(codes.byteCount, MQTT.topicsMax) { event.item(count: UInt64(codes.octet(index))) }
            event.closeList()
        }
        event.members(own.buffer.bytes[...])
    }

    // MARK: properties

    /// Writes the properties that stand here in version 5 (section 2.2.2); nothing where there are none.
    private func properties(
        _ key: StaticString, _ cursor: inout Cursor, _ event: inout EVEBuilder
    ) throws(WireError) {
        guard version == 5, cursor.remaining > 0 else { return }
        let count = try MQTTPacket.variable(&cursor)
        guard count > 0 else { return }
        var list = Cursor(try cursor.take(count))
        event.open(key)
        while list.remaining > 0 {
            let mark = event.mark
            do throws(WireError) {
                try property(UInt8(truncatingIfNeeded: try MQTTPacket.variable(&list)), &list, &event)
            } catch {
                event.goBack(to: mark)
                break
            }
        }
        event.close()
    }

    /// Seven bits an octet, the lowest first.
    private static func variable(_ cursor: inout Cursor) throws(WireError) -> Int {
        var value = 0
        for index in 0..<4 {
            let octet = try cursor.read(UInt8.self)
            value |= Int(octet & 0x7F) << (7 &* index)
            if octet & 0x80 == 0 { return value }
        }
        throw .malformed(at: cursor.offset)
    }

    private func property(_ id: UInt8, _ list: inout Cursor, _ event: inout EVEBuilder) throws(WireError) {
        if id == 0x26 {
            let name = try list.take(Int(try list.read(UInt16.self)))
            let value = try list.take(Int(try list.read(UInt16.self)))
            return event.text(key: name, value)
        }
        guard let name = MQTTPacket.propertyName(id) else { throw .malformed(at: list.offset) }
        switch id {
        case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A: event.count(name, UInt64(try list.read(UInt8.self)))
        case 0x13, 0x21, 0x22, 0x23: event.count(name, UInt64(try list.read(UInt16.self)))
        case 0x02, 0x11, 0x18, 0x27: event.count(name, UInt64(try list.read(UInt32.self)))
        case 0x0B: event.count(name, UInt64(try MQTTPacket.variable(&list)))
        default: event.text(name, try list.take(Int(try list.read(UInt16.self))))
        }
    }

    private static func propertyName(_ id: UInt8) -> StaticString? {
        switch id {
        case 0x01: "payload_format_indicator"
        case 0x02: "message_expiry_interval"
        case 0x03: "content_type"
        case 0x08: "response_topic"
        case 0x09: "correlation_data"
        case 0x0B: "subscription_identifier"
        case 0x11: "session_expiry_interval"
        case 0x12: "assigned_client_identifier"
        case 0x13: "server_keep_alive"
        case 0x15: "authentication_method"
        case 0x16: "authentication_data"
        case 0x17: "request_problem_information"
        case 0x18: "will_delay_interval"
        case 0x19: "request_response_information"
        case 0x1A: "response_information"
        case 0x1C: "server_reference"
        case 0x1F: "reason_string"
        case 0x21: "receive_maximum"
        case 0x22: "topic_alias_maximum"
        case 0x23: "topic_alias"
        case 0x24: "maximum_qos"
        case 0x25: "retain_available"
        case 0x27: "maximum_packet_size"
        case 0x28: "wildcard_subscription_available"
        case 0x29: "subscription_identifiers_available"
        case 0x2A: "shared_subscription_available"
        default: nil
        }
    }
}
