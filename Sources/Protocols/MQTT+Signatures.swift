// SPDX-License-Identifier: Apache-2.0
//
// MQTT packets as signatures see them (MQTT 3.1.1 and 5.0).
//
// Reads   whole control packets.
// Writes  exposures; a packet and its acknowledgements are one transaction.
// Leaves  the logs (MQTT.swift).

import Records
import Wire

struct MQTTView {
    /// Packets whose acknowledgement is awaited (Suricata's `mqtt.max-tx`, and the one that is too many).
    private static let pendingMax = 1025

    private struct Pending {
        var identifier: UInt16
        /// The kind of packet that began it: publish, subscribe, unsubscribe.
        var kind: UInt8
        var transaction: UInt64
        var direction: Direction
    }

    private var pending: [Pending] = []
    private var connecting: UInt64?
    private var version: UInt8 = 0
    /// The broker has taken the client's connect.
    private var isConnected = false
    /// The packet at work acknowledges one that was seen.
    private var isAcknowledged = false
    var drafts = EventDrafts()

    mutating func reset() {
        (isConnected, isAcknowledged) = (false, false)
        drafts.clear()
        pending.removeAll(keepingCapacity: true)
        connecting = nil
        version = 0
    }

    /// Shows a packet: its first octet, and what its length counts.
    mutating func show(
        _ first: UInt8, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let kind = first >> 4
        let wasConnecting = connecting != nil
        let (tx, from, isOver) = transaction(kind, first, bytes, direction, &context)
        let wasAwaited = kind == 2 ? wasConnecting : isAcknowledged
        checkOrder(kind, first, tx, from, isKnown: wasAwaited, &context)
        if !isConnected, kind != 1, kind != 2 {
            context.transactionEvent("mqtt.unintroduced_message", tx: tx, from: direction)
        }
        if context.wantsEvents { event(first, bytes, tx, from, isOver: isOver, &context) }
        guard context.wantsTransactions else { return }
        var cursor = Cursor(bytes)
        try? body(kind, first, &cursor, tx, from, &context)
        context.exposeNumber(.mqttType, UInt64(kind), tx: tx, from: from)
        context.exposeNumber(.mqttFlags, UInt64(first & 15), tx: tx, from: from)
        context.exposeNumber(.mqttQoS, UInt64(first >> 1 & 3), tx: tx, from: from)
        if version != 0 { context.exposeNumber(.mqttProtocolVersion, UInt64(version), tx: tx, from: from) }
        guard isOver else { return }
        context.transactionDone(tx: tx, from: .originator)
        context.transactionDone(tx: tx, from: .responder)
    }

    /// What a packet's kind is at odds with: what came before it (MQTT 5.0 section 4.13).
    private mutating func checkOrder(
        _ kind: UInt8, _ first: UInt8, _ tx: UInt64, _ from: Direction, isKnown: Bool,
        _ context: inout AnalyzerContext
    ) {
        var event: StaticString?
        switch kind {
        case 0: event = "mqtt.unassigned_msg_type"
        case 1: if isConnected { event = "mqtt.double_connect" }
        case 2:
            if isKnown { isConnected = true } else { event = "mqtt.missing_connect" }
            connecting = nil
        case 3: if first >> 1 & 3 == 3 { event = "mqtt.invalid_qos_level" }
        case 4...7: if !isKnown { event = "mqtt.missing_publish" }
        case 9: if !isKnown { event = "mqtt.missing_subscribe" }
        case 11: if !isKnown { event = "mqtt.missing_unsubscribe" }
        default: break
        }
        if let event { context.transactionEvent(event, tx: tx, from: from) }
    }

    private mutating func event(
        _ first: UInt8, _ bytes: RawSpan, _ tx: UInt64, _ from: Direction, isOver: Bool,
        _ context: inout AnalyzerContext
    ) {
        if first >> 4 == 1, bytes.byteCount >= 2 {
            let place = 2 &+ Int(bytes.load16(0))
            if place < bytes.byteCount { version = bytes.octet(place) }
        }
        let packet = MQTTPacket(first: first, version: version)
        let octets = bytes
        drafts.add(tx, from: from, type: "mqtt", &context) { packet.write(octets, to: &$0) }
        if isOver { drafts.end(tx, "mqtt", &context) }
    }

    /// The transaction that a packet belongs to, its direction, and whether it ends with the packet.
    private mutating func transaction(
        _ kind: UInt8, _ first: UInt8, _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> (UInt64, Direction, Bool) {
        isAcknowledged = false
        switch kind {
        case 1:
            let tx = context.beginTransaction(.mqtt)
            connecting = tx
            return (tx, direction, false)
        case 2: if let tx = connecting { return (tx, .originator, true) }
        case 3 where first & 6 != 0:
            guard bytes.byteCount >= 2 else { break }
            let at = 2 &+ Int(bytes.load16(0))
            guard bytes.byteCount >= at &+ 2 else { break }
            return (begin(kind, bytes.load16(at), direction, &context), direction, false)
        case 8, 10:
            guard bytes.byteCount >= 2 else { break }
            return (begin(kind, bytes.load16(0), direction, &context), direction, false)
        case 4...7, 9, 11:
            guard bytes.byteCount >= 2 else { break }
            let began: UInt8 = kind == 9 ? 8 : kind == 11 ? 10 : 3
            let identifier = bytes.load16(0)
            guard let place = pending.firstIndex(where: { $0.identifier == identifier && $0.kind == began })
            else { break }
            let known = pending[place]
            isAcknowledged = true
            // The last acknowledgement of a publish with quality of service 2 is PUBCOMP.
            let isOver = kind != 5 && kind != 6
            if isOver { pending.remove(at: place) }
            return (known.transaction, known.direction, isOver)
        default: break
        }
        return (context.beginTransaction(.mqtt), direction, true)
    }

    private mutating func begin(
        _ kind: UInt8, _ identifier: UInt16, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> UInt64 {
        let tx = context.beginTransaction(.mqtt)
        if pending.count >= MQTTView.pendingMax {
            let oldest = pending.removeFirst()
            context.transactionEvent("mqtt.too_many_transactions", tx: oldest.transaction, from: oldest.direction)
        }
        pending.append(Pending(identifier: identifier, kind: kind, transaction: tx, direction: direction))
        return tx
    }

    private mutating func body(
        _ kind: UInt8, _ first: UInt8, _ cursor: inout Cursor, _ tx: UInt64, _ from: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch kind {
        case 1: try connect(&cursor, tx, from, &context)
        case 2:
            let flags = try cursor.read(UInt8.self)
            context.exposeNumber(.mqttConnackSessionPresent, UInt64(flags & 1), tx: tx, from: from)
            context.exposeNumber(.mqttReasonCode, UInt64(try cursor.read(UInt8.self)), tx: tx, from: from)
        case 3:
            context.expose(.mqttPublishTopic, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
            if first & 6 != 0 { try cursor.skip(2) }
            try skipProperties(&cursor)
            context.expose(.mqttPublishMessage, cursor.rest(), tx: tx, from: from)
        case 4...7:
            try cursor.skip(2)
            if cursor.remaining > 0 { try reason(&cursor, tx, from, &context) }
        case 8, 10:
            try cursor.skip(2)
            try skipProperties(&cursor)
            while cursor.remaining > 0 {
                let topic = try cursor.take(try MQTTView.count(&cursor))
                context.expose(
                    kind == 8 ? .mqttSubscribeTopic : .mqttUnsubscribeTopic, topic, tx: tx, from: from)
                if kind == 8 { try cursor.skip(1) }
            }
        case 9, 11:
            try cursor.skip(2)
            try skipProperties(&cursor)
            while cursor.remaining > 0 { try reason(&cursor, tx, from, &context) }
        case 14, 15:
            // A disconnect of version 5 without octets is a normal one.
            if cursor.remaining > 0 {
                try reason(&cursor, tx, from, &context)
            } else if version == 5 {
                context.exposeNumber(.mqttReasonCode, 0, tx: tx, from: from)
            }
        default: break
        }
    }

    private func reason(
        _ cursor: inout Cursor, _ tx: UInt64, _ from: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        context.exposeNumber(.mqttReasonCode, UInt64(try cursor.read(UInt8.self)), tx: tx, from: from)
    }

    private mutating func connect(
        _ cursor: inout Cursor, _ tx: UInt64, _ from: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        context.expose(.mqttConnectProtocolString, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
        version = try cursor.read(UInt8.self)
        let flags = try cursor.read(UInt8.self)
        context.exposeNumber(.mqttConnectFlags, UInt64(flags), tx: tx, from: from)
        try cursor.skip(2)
        try skipProperties(&cursor)
        context.expose(.mqttConnectClientID, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
        if flags & 0x04 != 0 {
            try skipProperties(&cursor)
            context.expose(.mqttConnectWillTopic, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
            context.expose(.mqttConnectWillMessage, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
        }
        if flags & 0x80 != 0 {
            context.expose(.mqttConnectUsername, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
        }
        if flags & 0x40 != 0 {
            context.expose(.mqttConnectPassword, try cursor.take(try MQTTView.count(&cursor)), tx: tx, from: from)
        }
    }

    /// The length that stands before a text.
    private static func count(_ cursor: inout Cursor) throws(WireError) -> Int {
        Int(try cursor.read(UInt16.self))
    }

    /// Properties of version 5: a length, and what it counts.
    private func skipProperties(_ cursor: inout Cursor) throws(WireError) {
        guard version == 5 else { return }
        var count = 0
        for index in 0..<4 {
            let octet = try cursor.read(UInt8.self)
            count |= Int(octet & 0x7F) << (7 &* index)
            if octet & 0x80 == 0 { return try cursor.skip(count) }
        }
        throw .malformed(at: cursor.offset)
    }
}
