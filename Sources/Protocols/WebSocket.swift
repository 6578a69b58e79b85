// SPDX-License-Identifier: Apache-2.0
//
// WebSocket (RFC 6455), with messages compressed one by one (RFC 7692).
//
// Reads   both directions of a connection from the upgrade on.
// Writes  one `WebSocketRecord` when it begins, path "websocket".
// Leaves  the upgrade itself (WebSocketHandshake.swift); what the messages are, for
//         which the probes run again on the stream that they make.

import Files
package import Records
import Wire

/// One connection that HTTP has turned into WebSocket.
package struct WebSocketRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var host = Text.absent
    package var uri = Text.absent
    package var userAgent = Text.absent
    package var subprotocol = Text.absent
    package var clientProtocols: [Text]?
    package var serverExtensions: [Text]?
    package var clientExtensions: [Text]?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.websocket
    package static let summary: StaticString = "One connection that HTTP has turned into WebSocket."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("host", host, in: text, "Host of the request.", isKey: true)
        row.text("uri", uri, in: text, "Target of the request.")
        row.text("user_agent", userAgent, in: text, "User-Agent of the request.", isKey: true)
        row.text("subprotocol", subprotocol, in: text, "Protocol that the server chose.")
        row.textVector("client_protocols", clientProtocols, in: text, "Protocols that the client offered.")
        row.textVector("server_extensions", serverExtensions, in: text, "Extensions that the server chose.")
        row.textVector("client_extensions", clientExtensions, in: text, "Extensions that the client offered.")
    }
}

/// The header of a frame.
///
///     F R R R opcode   M length (7)   length (0, 16 or 64)   mask (0 or 32)
struct WebSocketHeader {
    static let byteCountMax = 14

    let first: UInt8
    let mask: UInt32?
    let payloadBytes: UInt64

    var isFinal: Bool { first & 0x80 != 0 }
    /// The message is compressed; only the first frame of a message says so.
    var isCompressed: Bool { first & 0x40 != 0 }
    var opcode: UInt8 { first & 0x0F }
    /// Close, ping or pong: such a frame may stand between the frames of a message.
    var isControl: Bool { first & 0x08 != 0 }

    /// The kind of a frame, as EVE names it.
    static func name(_ opcode: UInt8) -> StaticString? {
        switch opcode {
        case 0: "continuation"
        case 1: "text"
        case 2: "binary"
        case 8: "connection_close"
        case 9: "ping"
        case 10: "pong"
        default: nil
        }
    }

    /// Octets of the header that begins so.
    static func count(_ second: UInt8) -> Int {
        let extended = second & 0x7F == 126 ? 2 : second & 0x7F == 127 ? 8 : 0
        return 2 &+ extended &+ (second & 0x80 != 0 ? 4 : 0)
    }

    init(parsing input: inout Cursor) throws(WireError) {
        first = try input.read(UInt8.self)
        let second = try input.read(UInt8.self)
        switch second & 0x7F {
        case 126: payloadBytes = UInt64(try input.read(UInt16.self))
        case 127: payloadBytes = try input.read(UInt64.self)
        default: payloadBytes = UInt64(second & 0x7F)
        }
        mask = second & 0x80 != 0 ? try input.read(UInt32.self) : nil
    }
}

/// One direction: the frame and the message at work.
struct WebSocketSide {
    /// A header that is not whole.
    var held: [UInt8] = []
    var header: WebSocketHeader?
    /// Octets of the frame still to come.
    var left: UInt64 = 0
    /// Octets of the frame that have come.
    var done: UInt64 = 0
    /// A message of several frames is under way.
    var isMidMessage = false
    var isCompressed = false
    /// Unpacks this side's messages, one behind the other.
    var inflater: Inflater?
    /// What the signatures see of the message at work, and the part of it that this frame is.
    var message: [UInt8] = []
    /// Octets of the message that its frames have stated so far.
    var messageBytes: UInt64 = 0
    var frame: [UInt8] = []
}

final class WebSocket: Analyzer {
    /// Octets of a control frame (`WebSocket::max_control_frame_size`).
    static let controlBytesMax: UInt64 = 125
    /// Octets of one message that signatures see.
    static let shownBytesMax = 65_535

    private var sides: [2 of WebSocketSide] = [WebSocketSide(), WebSocketSide()]
    /// Octets without their mask.
    private var scratch: [UInt8] = []
    private var isOver = false
    /// The frame that was shown last, for alerts.
    private var lastFrame: WebSocketHeader?
    /// Both have agreed on permessage-deflate.
    var isDeflateAgreed = false
    /// The streams that the messages make.
    private var inner: InnerAnalysis?

    init() { super.init(kind: .websocket) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        var at = 0
        while at < bytes.byteCount, !isOver {
            if sides[side].left > 0 {
                let count = Int(min(sides[side].left, UInt64(bytes.byteCount &- at)))
                payload(bytes.extracting(at ..< at &+ count), from: direction, &context)
                at &+= count
                if sides[side].left == 0 { frameEnd(from: direction, &context) }
            } else {
                at &+= takeHeader(bytes.extracting(at..<bytes.byteCount), from: direction, &context)
            }
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) { isOver = true }

    override func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        context.nesting &+= 1
        inner?.endOfStream(from: direction, &context)
        context.nesting &-= 1
    }

    // MARK: frames

    /// Takes octets of a header; returns how many.
    private func takeHeader(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int {
        let side = Int(direction.rawValue)
        var used = 0
        while used < bytes.byteCount {
            sides[side].held.append(bytes.octet(used))
            used &+= 1
            let held = sides[side].held
            guard held.count >= 2, held.count == WebSocketHeader.count(held[1]) else { continue }
            sides[side].held.removeAll(keepingCapacity: true)
            var input = Cursor(held.octets)
            guard let header = try? WebSocketHeader(parsing: &input) else { return used }
            begin(header, from: direction, &context)
            return used
        }
        return used
    }

    private func begin(_ header: WebSocketHeader, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        if header.isControl {
            if header.payloadBytes > WebSocket.controlBytesMax { tooLong(header.payloadBytes, &context) }
        } else {
            // A message begins with its kind, and goes on without one.
            guard (header.opcode == 0) == sides[side].isMidMessage else {
                isOver = true
                return violation(&context)
            }
            if header.opcode != 0 {
                if sides[side].inflater?.isOver == true { sides[side].inflater?.beginBare() }
                sides[side].isCompressed = header.isCompressed && isDeflateAgreed
                sides[side].message.removeAll(keepingCapacity: true)
            }
            sides[side].isMidMessage = !header.isFinal
        }
        sides[side].header = header
        sides[side].left = header.payloadBytes
        sides[side].done = 0
        sides[side].frame.removeAll(keepingCapacity: true)
        if header.payloadBytes == 0 { frameEnd(from: direction, &context) }
    }

    private func tooLong(_ count: UInt64, _ context: inout AnalyzerContext) {
        let start = context.weirdText.begin()
        context.weirdText.append(decimal: count)
        context.weirdText.append(" > ")
        context.weirdText.append(decimal: WebSocket.controlBytesMax)
        let addl = context.weirdText.end(start)
        context.weirds.append(
            PendingWeird(weird: .websocket_control_frame_size_exceeded, addl: addl, source: "WEBSOCKET"))
    }

    private func payload(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard let header = sides[side].header else { return }
        // Out of the instance while it is read.
        var plain: [UInt8] = []
        swap(&plain, &scratch)
        plain.removeAll(keepingCapacity: plain.capacity <= TLS.keptBytesMax)
        bytes.append(to: &plain)
        if let mask = header.mask {
            for place in plain.indices {
                let shift = 24 &- 8 &* UInt32((sides[side].done &+ UInt64(place)) & 3)
                plain[place] ^= UInt8(truncatingIfNeeded: mask >> shift)
            }
        }
        sides[side].done &+= UInt64(plain.count)
        sides[side].left &-= UInt64(plain.count)
        if header.isControl {
            show(plain.octets, side, &context)
        } else if sides[side].isCompressed {
            inflate(plain.octets, from: direction, &context)
        } else {
            deliver(plain.octets, from: direction, &context)
        }
        swap(&plain, &scratch)
    }

    private func frameEnd(from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard let header = sides[side].header else { return }
        sides[side].header = nil
        if !header.isControl, header.isFinal, sides[side].isCompressed {
            // RFC 7692 section 7.2.1: the sender has left these off.
            let tail: [UInt8] = [0, 0, 0xFF, 0xFF]
            inflate(tail.octets, from: direction, &context)
        }
        // A message is whole.
        if header.isControl || header.isFinal { confirm(&context) }
        expose(header, from: direction, &context)
    }

    // MARK: messages

    /// The next octets of a message. The probes look at the first of them.
    private func deliver(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        show(bytes, Int(direction.rawValue), &context)
        if inner == nil, context.nesting < HTTP.nestingMax { inner = InnerAnalysis() }
        guard let inner, inner.wantsBytes else { return }
        context.nesting &+= 1
        inner.stream(bytes, from: direction, &context)
        context.nesting &-= 1
    }

    private func inflate(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        if sides[side].inflater == nil {
            sides[side].inflater = context.takeInflater()
            sides[side].inflater?.beginBare()
        }
        guard let inflater = sides[side].inflater, !inflater.isOver else { return }
        var offset = 0
        var isMore = true
        while isMore {
            isMore = inflater.step(bytes, &offset)
            guard inflater.count > 0 else { continue }
            let output = inflater.output
            deliver(output.octets.extracting(0..<inflater.count), from: direction, &context)
        }
    }

    // MARK: signatures

    /// Keeps what signatures are to see.
    private func show(_ bytes: RawSpan, _ side: Int, _ context: inout AnalyzerContext) {
        guard context.wants(.websocketPayload) else { return }
        let room = WebSocket.shownBytesMax &- sides[side].frame.count
        bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &sides[side].frame)
    }

    /// What of a frame, or of the message that it goes on with, is beyond what rules see.
    private func excess(_ header: WebSocketHeader, _ side: Int) -> StaticString? {
        if header.payloadBytes > UInt64(WebSocket.shownBytesMax) { return "websocket.skip_end_of_payload" }
        guard !header.isControl else { return nil }
        if header.opcode != 0 { sides[side].messageBytes = 0 }
        let limit = UInt64(WebSocket.shownBytesMax)
        let before = sides[side].messageBytes
        sides[side].messageBytes = before &+ header.payloadBytes
        let isBeyond = before <= limit && sides[side].messageBytes > limit
        return isBeyond ? "websocket.reassembly_limit_reached" : nil
    }

    /// A transaction for each frame; the last one of a message shows the whole message.
    private func expose(_ header: WebSocketHeader, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        let transaction = context.beginTransaction(.websocket)
        lastFrame = header
        if context.wantsEvents {
            context.beginEvent("websocket", from: context.sender(ofEventAbout: direction))
            writeMembers(header, to: &context.event)
            context.endEvent()
        }
        guard context.wantsTransactions else { return }
        if let event = excess(header, side) { context.transactionEvent(event, tx: transaction, from: direction) }
        context.exposeNumber(.websocketOpcode, UInt64(header.opcode), tx: transaction, from: direction)
        context.exposeNumber(.websocketFlags, UInt64(header.first & 0xF0), tx: transaction, from: direction)
        if let mask = header.mask {
            context.exposeNumber(.websocketMask, UInt64(mask), tx: transaction, from: direction)
        }
        if header.isControl || header.isFinal && header.opcode != 0 {
            let frame = sides[side].frame
            context.expose(.websocketPayload, frame.octets, tx: transaction, from: direction)
        } else {
            let room = WebSocket.shownBytesMax &- sides[side].message.count
            sides[side].message += sides[side].frame.prefix(room)
            let whole = header.isFinal ? sides[side].message : sides[side].frame
            context.expose(.websocketPayload, whole.octets, tx: transaction, from: direction)
        }
        context.transactionDone(tx: transaction, from: direction)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        if let lastFrame { writeMembers(lastFrame, to: &event) }
    }

    private func writeMembers(_ header: WebSocketHeader, to event: inout EVEBuilder) {
        event.open("websocket")
        event.boolean("fin", header.isFinal)
        event.count("mask", header.mask.map { UInt64($0) })
        if let name = WebSocketHeader.name(header.opcode) {
            event.text("opcode", name)
        } else {
            event.beginText("opcode")
            event.add("unknown-")
            event.add(decimal: UInt64(header.opcode))
            event.endText()
        }
        event.close()
    }

    // MARK: the end

    override func finish(_ context: inout AnalyzerContext) {
        inner?.finish(&context)
        inner?.reset(&context)
        inner = nil
        for side in 0..<2 {
            if let inflater = sides[side].inflater { context.giveBack(inflater) }
            sides[side].inflater = nil
        }
    }

    override func reset() {
        super.reset()
        for side in 0..<2 { sides[side] = WebSocketSide() }
        (isOver, isDeflateAgreed, lastFrame) = (false, false, nil)
        inner = nil
    }
}
