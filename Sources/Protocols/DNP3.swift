// SPDX-License-Identifier: Apache-2.0
//
// DNP3 over TCP and UDP (IEEE 1815, data link, transport and application layers).
//
// Reads   link frames with their checksums, transport segments, application headers.
// Writes  one `DNP3Record` for each response, with the request before it.
// Leaves  objects, which events alone have (DNP3+EVE.swift).

package import Records
import Wire

package struct DNP3Record: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var request = Text.absent
    var reply = Text.absent
    var indications: UInt64?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.dnp3
    package static let summary: StaticString = "One DNP3 request and its response."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("fc_request", request, in: text, "Function of the request.")
        row.text("fc_reply", reply, in: text, "Function of the response.")
        row.count("iin", indications, "Internal indications of the response: the outstation's state.")
    }
}

/// Probe of base/protocols/dnp3/dpd.sig.
enum DNP3Probe {
    static func header(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: "\u{05}d", at: 0) }
}

final class DNP3: FramedAnalyzer {
    /// Octets of a link header with its checksum.
    private static let headerBytes = 10
    /// Octets of user data between two checksums.
    private static let blockBytes = 16

    /// One direction: where the transport layer stands.
    private struct Side {
        /// The first octets of the application fragment; the log needs no more of it.
        var head: [4 of UInt8] = [0, 0, 0, 0]
        var headCount = 0
        /// Its first segment was seen.
        var hasFirst = false
    }

    private var sides: [2 of Side] = [Side(), Side()]
    /// The whole fragment of a side, where events are wanted.
    private var fragments = [DNP3Fragment(), DNP3Fragment()]
    /// Members of the event written last, and of which transaction it told.
    private var told = EVEBuilder()
    private var toldOf: (transaction: UInt64, direction: Direction)?
    private var record = DNP3Record()
    private var hasRow = false

    init(_ kind: AnalyzerKind = .dnp3) { super.init(kind: kind) }

    override var atGap: GapPolicy { .goesOn }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        stream(bytes, from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        if hasRow { context.output.emit(record) }
        hasRow = false
        super.finish(&context)
    }

    override func reset() {
        super.reset()
        sides = [Side(), Side()]
        for side in 0..<2 { fragments[side].clear() }
        toldOf = nil
        hasRow = false
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        guard let toldOf, toldOf.transaction == tx else { return }
        event.open("dnp3")
        event.open(toldOf.direction == .originator ? "request" : "response")
        event.members(told.buffer.bytes[...])
        event.close()
        event.close()
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= DNP3.headerBytes else { return .needs(DNP3.headerBytes) }
        guard bytes.octet(0) == 0x05, bytes.octet(1) == 0x64 else {
            context.weird(.dnp3_header_lacks_magic, source: DNP3.source(kind))
            return .stop
        }
        guard DNP3Checksum.isRight(bytes, 0, 8) else {
            context.weird(.dnp3_corrupt_header_checksum, source: DNP3.source(kind))
            show("dnp3.bad_link_crc", direction, &context)
            violation(&context)
            return .stop
        }
        confirm(&context)
        // The length counts control, addresses and user data, no checksums.
        let length = Int(bytes.octet(2))
        guard length != 5 else { return .took(DNP3.headerBytes) }
        guard length > 5 else {
            context.weird(.dnp3_negative_or_zero_length_link_layer, source: DNP3.source(kind))
            show("dnp3.len_too_small", direction, &context)
            return .stop
        }
        let data = length &- 5
        let blocks = (data &+ DNP3.blockBytes &- 1) / DNP3.blockBytes
        let count = DNP3.headerBytes &+ data &+ 2 &* blocks
        guard bytes.byteCount >= count else { return .needs(count) }
        if (direction == .originator) != (bytes.octet(3) & 0x80 != 0) {
            context.weird(.dnp3_unexpected_flow_direction, source: DNP3.source(kind))
        }
        if isShown(context) { fragments[Int(direction.rawValue)].frame(bytes) }
        return segment(bytes.extracting(DNP3.headerBytes..<count), data, direction, &context) ? .took(count) : .stop
    }

    private static func source(_ kind: AnalyzerKind) -> StaticString { kind == .dnp3 ? "DNP3_TCP" : "DNP3_UDP" }

    /// A transport segment: an octet of flags, then user data in blocks.
    private func segment(
        _ bytes: RawSpan, _ count: Int, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        let side = Int(direction.rawValue)
        let flags = bytes.octet(0)
        let keepsAll = isShown(context)
        let wasTooLong = fragments[side].isTooLong
        var at = 0
        var left = count
        while left > 0 {
            let block = min(left, DNP3.blockBytes)
            guard DNP3Checksum.isRight(bytes, at, block) else {
                context.weird(.dnp3_corrupt_app_chunk_checksum, source: DNP3.source(kind))
                show("dnp3.bad_transport_crc", direction, &context)
                return false
            }
            // The first octet is the transport layer's own.
            for index in (at == 0 ? 1 : 0)..<block where sides[side].headCount < 4 || keepsAll {
                if keepsAll { fragments[side].append(bytes.octet(at &+ index)) }
                guard sides[side].headCount < 4 else { continue }
                sides[side].head[sides[side].headCount] = bytes.octet(at &+ index)
                sides[side].headCount &+= 1
            }
            at &+= block &+ 2
            left &-= block
        }
        if fragments[side].isTooLong, !wasTooLong { show("dnp3.too_long_reassembly", direction, &context) }
        if flags & 0x40 != 0 { sides[side].hasFirst = true }
        guard sides[side].hasFirst else {
            context.weird(.dnp3_first_application_layer_chunk_missing, source: DNP3.source(kind))
            return false
        }
        if flags & 0x80 != 0 {
            fragment(side, direction, &context)
            sides[side] = Side()
            fragments[side].clear()
        }
        return true
    }

    /// A whole application fragment: control, function, and for responses two octets of indications.
    private func fragment(_ side: Int, _ direction: Direction, _ context: inout AnalyzerContext) {
        let head = sides[side].head
        defer { show(side, head, direction, &context) }
        guard sides[side].headCount >= (direction == .originator ? 2 : 4) else { return violation(&context) }
        if !hasRow {
            hasRow = true
            record.text.clear()
            record.uid = context.uid
            record.id = context.id
            (record.request, record.reply, record.indications) = (.absent, .absent, nil)
        }
        record.ts = context.now
        guard direction == .responder else {
            // A request replaces one that was not answered.
            record.text.clear()
            record.request = DNP3.name(head[1], &record.text)
            return
        }
        record.reply = DNP3.name(head[1], &record.text)
        record.indications = UInt64(head[2]) << 8 | UInt64(head[3])
        context.output.emit(record)
        hasRow = false
    }

    /// Whether events or signatures look at anything.
    private func isShown(_ context: borrowing AnalyzerContext) -> Bool {
        context.wantsEvents || context.wantsTransactions
    }

    /// An event of a frame that is thrown away: a transaction of its own.
    private func show(_ name: StaticString, _ direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        let transaction = context.beginTransaction(.dnp3)
        context.transactionEvent(name, tx: transaction, from: direction)
        context.transactionDone(tx: transaction, from: direction)
    }

    /// Shows a fragment to events and signatures: its function, its objects, and a response's indications.
    private func show(_ side: Int, _ head: [4 of UInt8], _ direction: Direction, _ context: inout AnalyzerContext) {
        guard isShown(context) else { return }
        let transaction = context.beginTransaction(.dnp3)
        defer { context.transactionDone(tx: transaction, from: direction) }
        let isRequest = direction == .originator
        guard fragments[side].octets.count >= (isRequest ? 2 : 4) else { return }
        told.clear()
        let objects = fragments[side].write(isRequest: isRequest, to: &told)
        toldOf = (transaction, direction)
        if let event = objects.event { context.transactionEvent(event, tx: transaction, from: direction) }
        if context.wantsEvents {
            context.beginEvent("dnp3", from: .originator, tx: transaction)
            context.event.open("dnp3")
            context.event.members(told.buffer.bytes[...])
            context.event.close()
            context.endEvent()
        }
        guard context.wantsTransactions else { return }
        context.exposeNumber(.dnp3Function, UInt64(head[1]), tx: transaction, from: direction)
        let octets = fragments[side].octets
        context.expose(.dnp3Data, octets.octets, tx: transaction, from: direction)
        for kind in objects.kinds { context.exposeNumber(.dnp3Object, UInt64(kind), tx: transaction, from: direction) }
        if !isRequest {
            let indications = UInt64(head[2]) << 8 | UInt64(head[3])
            context.exposeNumber(.dnp3Indications, indications, tx: transaction, from: direction)
        }
    }

    private static func name(_ function: UInt8, _ text: inout TextBuffer) -> Text {
        switch function {
        case 0x81: return text.add("RESPONSE")
        case 0x82: return text.add("UNSOLICITED_RESPONSE")
        case 0x83: return text.add("AUTHENTICATE_RESP")
        case 0x00...0x21:
            let names: [34 of StaticString] = [
                "CONFIRM", "READ", "WRITE", "SELECT", "OPERATE", "DIRECT_OPERATE", "DIRECT_OPERATE_NR",
                "IMMED_FREEZE", "IMMED_FREEZE_NR", "FREEZE_CLEAR", "FREEZE_CLEAR_NR", "FREEZE_AT_TIME",
                "FREEZE_AT_TIME_NR", "COLD_RESTART", "WARM_RESTART", "INITIALIZE_DATA", "INITIALIZE_APPL",
                "START_APPL", "STOP_APPL", "SAVE_CONFIG", "ENABLE_UNSOLICITED", "DISABLE_UNSOLICITED",
                "ASSIGN_CLASS", "DELAY_MEASURE", "RECORD_CURRENT_TIME", "OPEN_FILE", "CLOSE_FILE", "DELETE_FILE",
                "GET_FILE_INFO", "AUTHENTICATE_FILE", "ABORT_FILE", "ACTIVATE_CONFIG", "AUTHENTICATE_REQ",
                "AUTHENTICATE_REQ_NR",
            ]
            return text.add(names[Int(function)])
        default:
            let start = text.begin()
            text.append("unknown-")
            text.append(decimal: UInt64(function))
            return text.end(start)
        }
    }
}

/// The checksum of link frames: 16 bits, polynomial 0x3D65 reflected, complemented.
enum DNP3Checksum {
    /// Whether `count` octets from `offset` on are followed by their checksum, low octet first.
    static func isRight(_ bytes: RawSpan, _ offset: Int, _ count: Int) -> Bool {
        guard bytes.byteCount >= offset &+ count &+ 2 else { return false }
        let sum = of(bytes.extracting(offset ..< offset &+ count))
        return bytes.octet(offset &+ count) == UInt8(truncatingIfNeeded: sum)
            && bytes.octet(offset &+ count &+ 1) == UInt8(truncatingIfNeeded: sum >> 8)
    }

    static func of(_ bytes: RawSpan) -> UInt16 {
        var sum: UInt16 = 0
        for index in 0..<bytes.byteCount {
            sum ^= UInt16(bytes.octet(index))
            for _ in 0..<8 { sum = sum & 1 != 0 ? sum >> 1 ^ 0xA6BC : sum >> 1 }
        }
        return ~sum
    }
}
