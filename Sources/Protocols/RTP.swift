// SPDX-License-Identifier: Apache-2.0
//
// Real-time transport (RFC 3550) with the profile for audio and video (RFC 3551).
//
// Reads   one packet per UDP datagram, both directions; RTCP on the same ports (RTCP.swift).
// Writes  one `RTPRecord` for each source and direction, path "rtp".
// Leaves  payloads, whether they are encrypted (SRTP has the same header); RTP inside of TCP.

package import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  |V=2|P|X|  CC   |M|     PT      |        sequence number        |
//  |                           timestamp                           |
//  |                     synchronisation source                    |
//  |                    contributing sources ...                   |
/// The header of a packet (RFC 3550 section 5.1).
struct RTPHeader {
    static let byteCount = 12

    let payloadType: UInt8
    let sequence: UInt16
    let timestamp: UInt32
    let source: UInt32
    /// Octets of the payload, without padding.
    let payloadByteCount: Int

    /// Nil where this is no packet: another version, a type of RTCP, lengths that exceed the datagram.
    init?(_ bytes: RawSpan, wireLength: Int) {
        guard bytes.byteCount >= RTPHeader.byteCount, bytes.octet(0) & 0xC0 == 0x80 else { return nil }
        let first = bytes.octet(0)
        payloadType = bytes.octet(1) & 0x7F
        // RFC 5761 section 4: these are types of RTCP with their first bit off.
        guard !(64...95).contains(payloadType) else { return nil }
        sequence = bytes.load(2)
        timestamp = bytes.load(4)
        source = bytes.load(8)
        let length = max(wireLength, bytes.byteCount)
        var at = RTPHeader.byteCount &+ 4 &* Int(first & 15)
        if first & 0x10 != 0 {
            if at &+ 4 <= bytes.byteCount {
                at &+= 4 &+ 4 &* Int(bytes.load(at &+ 2, as: UInt16.self))
            } else if length == bytes.byteCount {
                return nil
            }
        }
        var padding = 0
        if first & 0x20 != 0, length == bytes.byteCount {
            padding = Int(bytes.octet(length &- 1))
            guard padding > 0 else { return nil }
        }
        guard at &+ padding <= length else { return nil }
        payloadByteCount = length &- at &- padding
    }

    /// Whether the type is one that is in use: given by RFC 3551 or agreed on by both ends.
    var isUsual: Bool { payloadType >= 96 || RTPPayload.find(payloadType) != nil }
}

/// Payload types that need no agreement (RFC 3551 section 6).
struct RTPPayload {
    let name: StaticString
    /// Ticks of the timestamp in a second.
    let rate: UInt32

    static func find(_ type: UInt8) -> RTPPayload? {
        switch type {
        case 0: RTPPayload(name: "PCMU", rate: 8000)
        case 3: RTPPayload(name: "GSM", rate: 8000)
        case 4: RTPPayload(name: "G723", rate: 8000)
        case 5: RTPPayload(name: "DVI4", rate: 8000)
        case 6: RTPPayload(name: "DVI4", rate: 16_000)
        case 7: RTPPayload(name: "LPC", rate: 8000)
        case 8: RTPPayload(name: "PCMA", rate: 8000)
        case 9: RTPPayload(name: "G722", rate: 8000)
        case 10, 11: RTPPayload(name: "L16", rate: 44_100)
        case 12: RTPPayload(name: "QCELP", rate: 8000)
        case 13: RTPPayload(name: "CN", rate: 8000)
        case 14: RTPPayload(name: "MPA", rate: 90_000)
        case 15: RTPPayload(name: "G728", rate: 8000)
        case 16: RTPPayload(name: "DVI4", rate: 11_025)
        case 17: RTPPayload(name: "DVI4", rate: 22_050)
        case 18: RTPPayload(name: "G729", rate: 8000)
        case 25: RTPPayload(name: "CelB", rate: 90_000)
        case 26: RTPPayload(name: "JPEG", rate: 90_000)
        case 28: RTPPayload(name: "nv", rate: 90_000)
        case 31: RTPPayload(name: "H261", rate: 90_000)
        case 32: RTPPayload(name: "MPV", rate: 90_000)
        case 33: RTPPayload(name: "MP2T", rate: 90_000)
        case 34: RTPPayload(name: "H263", rate: 90_000)
        default: nil
        }
    }
}

/// One source of media in one direction, first packet to last.
package struct RTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var source: UInt32 = 0
    var payloadType: UInt64 = 0
    var codec = Text.absent
    var media = Text.absent
    var duration: Int64 = 0
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var lost: UInt64 = 0
    var disordered: UInt64 = 0
    var duplicated: UInt64 = 0
    var jitter: Int64?
    var jitterMax: Int64?
    var announcer: UID?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.rtp
    package static let summary: StaticString = "One source of audio, video or the like, in one direction."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.count("ssrc", UInt64(source), "Number of the source (SSRC).")
        row.count("payload_type", payloadType, "Type of the payload, that of the first packet.")
        row.text("codec", codec, in: text, "Name of the payload, where it is fixed or was announced.")
        row.text("media", media, in: text, "Kind of media, as announced: `audio`, `video` and others.")
        row.interval("duration", duration, "From the first packet to the last.")
        row.count("packets", packets, "Packets seen.")
        row.count("bytes", bytes, "Octets of their payloads.")
        row.count("lost", lost, "Packets missing between the first sequence number and the last.")
        row.count("out_of_order", disordered, "Packets that came after one with a higher number.")
        row.count("duplicates", duplicated, "Packets that had the number of the packet before.")
        row.interval("jitter", jitter, "Interarrival jitter at the end (RFC 3550, 6.4.1); unset without a known clock.")
        row.interval("max_jitter", jitterMax, "The highest that this was.")
        row.uid("setup_uid", announcer, "Connection whose session description announced these ports.")
    }
}

/// One source at work.
struct RTPStream {
    /// A number further ahead than this is a new beginning (RFC 3550 appendix A.1).
    private static let dropoutMax: UInt16 = 3000
    /// A number this far back came late.
    private static let disorderMax: UInt16 = 100

    let direction: Direction
    let source: UInt32
    let payloadType: UInt8
    let first: Timestamp
    var last: Timestamp
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var disordered: UInt64 = 0
    var duplicated: UInt64 = 0
    var codec = Text.absent
    var media = Text.absent
    /// Packets one behind the other, up to 255.
    private(set) var run: UInt8 = 0
    /// The longest of these.
    private(set) var longestRun: UInt8 = 0

    // Numbers, extended over their wrapping.
    private var base: UInt64
    private var highest: UInt64
    private var received: UInt64 = 0
    private var lostBefore: UInt64 = 0
    private var resumesAt: UInt16?

    // Jitter, in sixteenths of a nanosecond as the RFC's sample keeps it.
    private var rate: UInt32
    private var jitter: Int64 = 0
    private var jitterMax: Int64 = 0
    private var lastTimestamp: UInt32
    private var lastArrival: Timestamp
    private var hasJitter = false

    init(_ header: RTPHeader, from direction: Direction, rate: UInt32, at now: Timestamp) {
        self.direction = direction
        source = header.source
        payloadType = header.payloadType
        first = now
        last = now
        base = UInt64(header.sequence)
        // One before, so that the first packet is the next one.
        highest = UInt64(header.sequence) &- 1
        self.rate = rate
        lastTimestamp = header.timestamp
        lastArrival = now
    }

    var lost: UInt64 { lostBefore &+ missing }
    /// Nanoseconds; nil without a clock or with one packet alone.
    var jitterNow: Int64? { hasJitter ? jitter >> 4 : nil }
    var jitterHighest: Int64? { hasJitter ? jitterMax >> 4 : nil }

    private var missing: UInt64 {
        let expected = highest &+ 1 &- base
        return expected > received ? expected &- received : 0
    }

    mutating func take(_ header: RTPHeader, at now: Timestamp) {
        packets &+= 1
        bytes &+= UInt64(header.payloadByteCount)
        number(header.sequence)
        // Other payloads of the source, such as tones and noise, may have another clock.
        if header.payloadType == payloadType {
            if packets > 1 { spread(header.timestamp, at: now) }
            (lastTimestamp, lastArrival) = (header.timestamp, now)
        }
        last = max(last, now)
    }

    private mutating func number(_ sequence: UInt16) {
        let step = sequence &- UInt16(truncatingIfNeeded: highest)
        switch step {
        case 0: duplicated &+= 1
        case 1..<RTPStream.dropoutMax:
            highest &+= UInt64(step)
            received &+= 1
            run = step <= 4 ? min(run, 254) &+ 1 : 1
            longestRun = max(longestRun, run)
            resumesAt = nil
        case (0 &- RTPStream.disorderMax)...:
            disordered &+= 1
            received &+= 1
        default:
            run = 0
            // Twice in order somewhere else: the source has begun anew.
            guard resumesAt == sequence else {
                resumesAt = sequence &+ 1
                return
            }
            lostBefore &+= missing
            base = UInt64(sequence) &- 1
            highest = UInt64(sequence)
            received = 2
            run = 2
            resumesAt = nil
        }
    }

    //  D = (arrival - arrival before) - (timestamp - timestamp before);  J += (|D| - J) / 16
    private mutating func spread(_ timestamp: UInt32, at now: Timestamp) {
        guard rate > 0 else { return }
        let ticks = Int64(Int32(bitPattern: timestamp &- lastTimestamp))
        let distance = now.since(lastArrival) &- ticks &* 1_000_000_000 / Int64(rate)
        // A jump of years is a damaged capture, not a late packet.
        guard distance.magnitude < 1 << 56 else { return }
        jitter &+= Int64(distance.magnitude) &- (jitter &+ 8) >> 4
        jitterMax = max(jitterMax, jitter)
        hasJitter = true
    }
}

/// RTP and RTCP on one connection.
final class RTP: Analyzer {
    /// Sources of one connection that are told apart; packets of others are counted by an anomaly.
    static let streamsMax = 64
    /// So many packets of one source, one behind the other, are media.
    static let runMin: UInt8 = 4
    /// Datagrams without such a run after which it is something else.
    static let patience = 24
    /// Datagrams of no kind that may be among them: holes in firewalls are made with anything.
    static let strangersMax = 4

    private var streams: [RTPStream] = []
    /// Where the last packet belonged; most often the next one does too.
    private var recent = 0
    private var control = RTCPReports()
    private var datagrams = 0
    private var strangers = 0
    private var isFull = false
    private var record = RTPRecord()
    private var text = TextBuffer()

    init() { super.init(kind: .rtp) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount > 0 else { return }
        if RTCPPacket.isType(bytes) {
            if control.take(bytes, wireLength: wireLength, from: direction, &context) {
                if !control.isNamed {
                    control.isNamed = true
                    context.serviceChanges.append(.confirmed(.rtcp))
                }
            } else {
                stranger(&context)
            }
            return
        }
        guard let header = RTPHeader(bytes, wireLength: wireLength) else {
            // STUN, DTLS and TURN share the ports (RFC 7983).
            if !(0...3).contains(bytes.octet(0)), !(16...79).contains(bytes.octet(0)) { stranger(&context) }
            return
        }
        take(header, from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        if isConfirmed {
            for stream in streams where stream.longestRun >= 2 { write(stream, &context) }
        }
        if control.isNamed { control.write(&context) }
        clear()
    }

    override func reset() {
        super.reset()
        clear()
    }

    private func clear() {
        streams.removeAll(keepingCapacity: true)
        control.clear()
        text.clear()
        (recent, datagrams, strangers, isFull) = (0, 0, 0, false)
    }

    private func stranger(_ context: inout AnalyzerContext) {
        guard !isConfirmed, !control.isNamed else { return }
        strangers &+= 1
        if strangers > RTP.strangersMax { violation(&context) }
    }

    private func take(_ header: RTPHeader, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let place = place(of: header, from: direction, &context) else { return }
        streams[place].take(header, at: context.now)
        guard !isConfirmed else { return }
        if streams[place].run >= RTP.runMin { return confirm(&context) }
        datagrams &+= 1
        if datagrams > RTP.patience { violation(&context) }
    }

    /// The source of a packet, a new one if there is room.
    private func place(
        of header: RTPHeader, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Int? {
        if recent < streams.count, streams[recent].source == header.source, streams[recent].direction == direction {
            return recent
        }
        for index in streams.indices
        where streams[index].source == header.source && streams[index].direction == direction {
            recent = index
            return index
        }
        guard streams.count < RTP.streamsMax else {
            if !isFull { context.weird(.rtp_too_many_sources, source: "RTP") }
            isFull = true
            return nil
        }
        let known = RTPPayload.find(header.payloadType)
        var rate = known?.rate ?? 0
        var (codec, media) = (known.map { text.add($0.name) } ?? .absent, Text.absent)
        if let announced = announced(header.payloadType, from: direction, context) {
            if announced.rate > 0 { (rate, codec) = (announced.rate, text.add(announced.codec)) }
            media = text.add(announced.media)
        }
        var stream = RTPStream(header, from: direction, rate: rate, at: context.now)
        (stream.codec, stream.media) = (codec, media)
        recent = streams.count
        streams.append(stream)
        return recent
    }

    /// What the session description of the receiver, or else that of the sender, says of a type.
    private func announced(
        _ type: UInt8, from direction: Direction, _ context: borrowing AnalyzerContext
    ) -> SDPFormat? {
        guard let announcedBy, let call = context.announcers[announcedBy] as? SIP else { return nil }
        let id = direction == .originator ? context.id : context.id.flipped
        return call.media.format(type, id.responder, id.responderPort)
            ?? call.media.format(type, id.originator, id.originatorPort)
    }

    private func write(_ stream: RTPStream, _ context: inout AnalyzerContext) {
        record.text.clear()
        record.ts = stream.first
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = stream.direction == .originator
        record.source = stream.source
        record.payloadType = UInt64(stream.payloadType)
        record.codec = record.text.add(stream.codec, of: text)
        record.media = record.text.add(stream.media, of: text)
        record.duration = stream.last.since(stream.first)
        record.packets = stream.packets
        record.bytes = stream.bytes
        record.lost = stream.lost
        record.disordered = stream.disordered
        record.duplicated = stream.duplicated
        record.jitter = stream.jitterNow
        record.jitterMax = stream.jitterHighest
        record.announcer = announcedBy
        context.output.emit(record)
    }
}

/// One packet of RTP, which says little, or of RTCP, which says more. What follows decides.
enum RTPProbe {
    static func packet(_ bytes: RawSpan) -> ProbeVerdict {
        if RTCPPacket.isType(bytes) {
            return RTCPPacket.isCompound(bytes, wireLength: bytes.byteCount) ? .matches : .never
        }
        guard let header = RTPHeader(bytes, wireLength: bytes.byteCount), header.isUsual,
            header.payloadByteCount > 0, header.source >> 16 != 0
        else { return .never }
        return .matches
    }
}
