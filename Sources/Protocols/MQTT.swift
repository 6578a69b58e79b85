// SPDX-License-Identifier: Apache-2.0
//
// MQTT 3.1, 3.1.1 and 5.0 (OASIS, MQTT Version 5.0).
//
// Reads   control packets of both sides: connect, publish and its handshake, subscribe.
// Writes  an `MQTTConnectRecord`, `MQTTPublishRecord`, `MQTTSubscribeRecord` for each exchange.
// Leaves  properties, passwords, payloads beyond their first octets.

import Records
import Wire

/// Probe of base/protocols/mqtt/dpd.sig.
enum MQTTProbe {
    /// The protocol's name begins at one of four places, by the form of the length before it.
    static func connect(_ bytes: RawSpan) -> ProbeVerdict {
        for offset in 4...7 where bytes.beginning(with: "MQ", at: offset) == .matches { return .matches }
        return bytes.byteCount < 9 ? .needsMore : .never
    }
}

final class MQTT: FramedAnalyzer {
    /// Octets of a payload that are kept (`MQTT::max_payload_size`).
    static let payloadBytesMax = 100
    /// Messages, and subscriptions, that wait for their acknowledgement.
    static let pendingMax = 256
    /// How long they wait, in nanoseconds.
    static let patience: Int64 = 5 * second
    /// Topics of one subscription.
    static let topicsMax = 1000

    private var isVersion5 = false
    private var view = MQTTView()
    private var hasSession = false
    private var session = MQTTConnectRecord()
    private var publishes: [MQTTPending<MQTTPublishRecord>] = []
    private var subscribes: [MQTTPending<MQTTSubscribeRecord>] = []
    // Records that wait for a message.
    private var idlePublishes: [MQTTPublishRecord] = []
    private var idleSubscribes: [MQTTSubscribeRecord] = []

    init() { super.init(kind: .mqtt) }

    override var atGap: GapPolicy { .goesOn }

    override func finish(_ context: inout AnalyzerContext) {
        while !publishes.isEmpty { write(publish: 0, &context) }
        while !subscribes.isEmpty { write(subscribe: 0, &context) }
        view.drafts.endAll("mqtt", &context)
        super.finish(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { view.drafts.write(tx, "mqtt", to: &event) }

    override func reset() {
        super.reset()
        (isVersion5, hasSession) = (false, false)
        view.reset()
        session.clear()
        publishes.removeAll(keepingCapacity: true)
        subscribes.removeAll(keepingCapacity: true)
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= 2 else { return .needs(2) }
        // Seven bits an octet, the lowest first; the high bit says that another follows.
        var length = 0
        var at = 1
        while true {
            guard at <= 4 else {
                context.lostMessage(.mqtt, "mqtt.malformed_traffic", from: direction)
                violation(&context)
                return .discard
            }
            guard at < bytes.byteCount else { return .needs(at &+ 1) }
            let octet = bytes.octet(at)
            length |= Int(octet & 0x7F) << (7 &* (at &- 1))
            at &+= 1
            if octet & 0x80 == 0 { break }
        }
        let first = bytes.octet(0)
        let isPublish = first >> 4 == 3
        guard isPublish || at &+ length <= FramedAnalyzer.messageBytesMax else { return .took(at &+ length) }
        // Signatures and events have the whole payload.
        let isPart = isPublish && !(context.wantsTransactions || context.wantsEvents)
            || at &+ length > FramedAnalyzer.messageBytesMax
        let needed = at &+ (isPart ? min(length, publishBytes(bytes, at, first)) : length)
        guard bytes.byteCount >= needed else { return .needs(needed) }
        var cursor = Cursor(bytes.extracting(at..<needed))
        view.show(first, bytes.extracting(at..<needed), from: direction, &context)
        expire(&context)
        do throws(WireError) {
            try packet(first, &cursor, length, direction, &context)
            return .took(at &+ length)
        } catch {
            context.lostMessage(.mqtt, "mqtt.malformed_traffic", from: direction)
            violation(&context)
            return .discard
        }
    }

    /// Octets of a publish that are read: topic, identifier, properties, the payload's first ones.
    private func publishBytes(_ bytes: RawSpan, _ at: Int, _ first: UInt8) -> Int {
        guard bytes.byteCount >= at &+ 2 else { return 2 }
        let head = 2 &+ Int(bytes.load(at, as: UInt16.self)) &+ (first & 6 == 0 ? 0 : 2)
        guard isVersion5 else { return head &+ MQTT.payloadBytesMax }
        var count = 0
        for index in 0..<4 {
            guard at &+ head &+ index < bytes.byteCount else { return head &+ index &+ 1 }
            let octet = bytes.octet(at &+ head &+ index)
            count |= Int(octet & 0x7F) << (7 &* index)
            if octet & 0x80 == 0 { return head &+ index &+ 1 &+ min(count, 65_536) &+ MQTT.payloadBytesMax }
        }
        return head &+ 4
    }

    private func packet(
        _ first: UInt8, _ cursor: inout Cursor, _ length: Int, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch first >> 4 {
        case 1: try connect(&cursor, &context)
        case 2: try connected(&cursor, &context)
        case 3: try publish(first, &cursor, length, direction, &context)
        case 4...7: try acknowledge(first >> 4, try cursor.read(), &context)
        case 8: try subscribe(&cursor, isEnding: false, &context)
        case 9: try subscribed(&cursor, isEnding: false, &context)
        case 10: try subscribe(&cursor, isEnding: true, &context)
        case 11: try subscribed(&cursor, isEnding: true, &context)
        default: break
        }
    }

    // MARK: connecting

    private func openSession(_ context: inout AnalyzerContext) {
        guard !hasSession else { return }
        hasSession = true
        session.ts = context.now
        session.uid = context.uid
        session.id = context.id
    }

    private func connect(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        let name = try cursor.take(Int(try cursor.read(UInt16.self)))
        let version = try cursor.read(UInt8.self)
        let flags = try cursor.read(UInt8.self)
        try cursor.skip(2)
        isVersion5 = version == 5
        try skipProperties(&cursor)
        let client = try cursor.take(Int(try cursor.read(UInt16.self)))
        confirm(&context)
        openSession(&context)
        session.text.clear()
        session.name = session.text.add(name)
        session.version = MQTT.versionName(version, &session.text)
        session.client = session.text.add(client)
        (session.status, session.willTopic, session.willPayload) = (.absent, .absent, .absent)
        if flags & 0x04 != 0 {
            try skipProperties(&cursor)
            session.willTopic = session.text.add(try cursor.take(Int(try cursor.read(UInt16.self))))
            session.willPayload = session.text.add(try cursor.take(Int(try cursor.read(UInt16.self))))
        }
    }

    private func connected(_ cursor: inout Cursor, _ context: inout AnalyzerContext) throws(WireError) {
        try cursor.skip(1)
        let code = try cursor.read(UInt8.self)
        openSession(&context)
        session.status = MQTT.returnName(code, &session.text)
        context.output.emit(session)
    }

    /// Properties of version 5: a length, and what it counts.
    private func skipProperties(_ cursor: inout Cursor) throws(WireError) {
        guard isVersion5 else { return }
        var count = 0
        for index in 0..<4 {
            let octet = try cursor.read(UInt8.self)
            count |= Int(octet & 0x7F) << (7 &* index)
            if octet & 0x80 == 0 { return try cursor.skip(count) }
        }
        throw .malformed(at: cursor.offset)
    }

    // MARK: publishing

    private func publish(
        _ first: UInt8, _ cursor: inout Cursor, _ length: Int, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        let level = first >> 1 & 3
        let topic = try cursor.take(Int(try cursor.read(UInt16.self)))
        let identifier = level == 0 ? 0 : try cursor.read(UInt16.self)
        try skipProperties(&cursor)
        let payloadCount = length &- cursor.offset
        confirm(&context)
        openSession(&context)
        var record = idlePublishes.popLast() ?? MQTTPublishRecord()
        record.text.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isFromClient = direction == .originator
        record.isRetained = first & 1 != 0
        record.level = level
        record.isComplete = level == 0
        record.topic = record.text.add(topic)
        record.payload = record.text.add(cursor.rest(), limit: MQTT.payloadBytesMax)
        record.payloadCount = UInt64(max(0, payloadCount))
        guard level > 0 else {
            context.output.emit(record)
            return keep(record)
        }
        // The same identifier again replaces what waited under it.
        if let old = place(identifier) { keep(publishes.remove(at: old).record) }
        if publishes.count >= MQTT.pendingMax {
            context.limits.met(.requests)
            write(publish: 0, &context)
        }
        publishes.append(MQTTPending(identifier: identifier, record: record))
    }

    private func acknowledge(
        _ type: UInt8, _ identifier: UInt16, _ context: inout AnalyzerContext
    ) throws(WireError) {
        openSession(&context)
        guard let place = place(identifier) else { return }
        let level = publishes[place].record.level
        switch type {
        case 4: publishes[place].record.isComplete = level == 1
        case 5: publishes[place].isReceived = true
        case 6: publishes[place].isReleased = true
        default:
            publishes[place].record.isComplete =
                level == 2 && publishes[place].isReceived && publishes[place].isReleased
        }
        if publishes[place].record.isComplete { write(publish: place, &context) }
    }

    private func place(_ identifier: UInt16) -> Int? {
        for index in publishes.indices where publishes[index].identifier == identifier { return index }
        return nil
    }

    private func write(publish place: Int, _ context: inout AnalyzerContext) {
        let pending = publishes.remove(at: place)
        context.output.emit(pending.record)
        keep(pending.record)
    }

    private func keep(_ record: consuming MQTTPublishRecord) {
        if idlePublishes.count < 4 { idlePublishes.append(record) }
    }

    // MARK: subscribing

    private func subscribe(
        _ cursor: inout Cursor, isEnding: Bool, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let identifier = try cursor.read(UInt16.self)
        try skipProperties(&cursor)
        var record = idleSubscribes.popLast() ?? MQTTSubscribeRecord()
        record.text.clear()
        record.topics.removeAll(keepingCapacity: true)
        record.levels.removeAll(keepingCapacity: true)
        while cursor.remaining > 0 {
            let topic = try cursor.take(Int(try cursor.read(UInt16.self)))
            let level = isEnding ? 0 : try cursor.read(UInt8.self)
            guard record.topics.count < MQTT.topicsMax else { continue }
            record.topics.append(record.text.add(topic))
            if !isEnding { record.levels.append(UInt64(level)) }
        }
        openSession(&context)
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isEnding = isEnding
        (record.granted, record.isAcknowledged) = (nil, false)
        if let old = subscribes.firstIndex(where: { $0.identifier == identifier }) { subscribes.remove(at: old) }
        if subscribes.count >= MQTT.pendingMax {
            context.limits.met(.requests)
            write(subscribe: 0, &context)
        }
        subscribes.append(MQTTPending(identifier: identifier, record: record))
    }

    private func subscribed(
        _ cursor: inout Cursor, isEnding: Bool, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let identifier = try cursor.read(UInt16.self)
        try skipProperties(&cursor)
        let granted = isEnding ? nil : UInt64(try cursor.read(UInt8.self))
        openSession(&context)
        guard let place = subscribes.firstIndex(where: { $0.identifier == identifier }) else { return }
        if let granted { subscribes[place].record.granted = granted }
        subscribes[place].record.isAcknowledged = true
        write(subscribe: place, &context)
    }

    private func write(subscribe place: Int, _ context: inout AnalyzerContext) {
        let pending = subscribes.remove(at: place)
        context.output.emit(pending.record)
        if idleSubscribes.count < 4 { idleSubscribes.append(pending.record) }
    }

    /// Writes what has waited too long; both lists stand in the order of time.
    private func expire(_ context: inout AnalyzerContext) {
        while let oldest = publishes.first?.record.ts, context.now.since(oldest) > MQTT.patience {
            write(publish: 0, &context)
        }
        while let oldest = subscribes.first?.record.ts, context.now.since(oldest) > MQTT.patience {
            write(subscribe: 0, &context)
        }
    }

    // MARK: names

    private static func versionName(_ version: UInt8, _ text: inout TextBuffer) -> Text {
        switch version {
        case 3: text.add("3.1")
        case 4: text.add("3.1.1")
        case 5: text.add("5.0")
        default: unknown(version, &text)
        }
    }

    private static func returnName(_ code: UInt8, _ text: inout TextBuffer) -> Text {
        switch code {
        case 0: text.add("Connection Accepted")
        case 1: text.add("Refused: unacceptable protocol version")
        case 2: text.add("Refused: identifier rejected")
        case 3: text.add("Refused: server unavailable")
        case 4: text.add("Refused: bad user name or password")
        case 5: text.add("Refused: not authorized")
        default: unknown(code, &text)
        }
    }

    private static func unknown(_ number: UInt8, _ text: inout TextBuffer) -> Text {
        let start = text.begin()
        text.append("unknown-")
        text.append(decimal: UInt64(number))
        return text.end(start)
    }
}

/// A record that waits for an acknowledgement.
private struct MQTTPending<Record> {
    let identifier: UInt16
    var record: Record
    /// Of quality of service 2: the receiver has it; the sender has let it go.
    var isReceived = false
    var isReleased = false
}
