// SPDX-License-Identifier: Apache-2.0
//
// The control protocol of RTP (RFC 3550 section 6).
//
// Reads   compound packets: reports of senders and receivers, descriptions, goodbyes, feedback (RFC 4585).
// Writes  one `RTCPRecord` for each reporter and source it reports on, path "rtcp".
// Leaves  application packets, extended reports (RFC 3611), what SRTCP hides.

package import Records
import Wire

//  |V=2|P|  count  |     type      |  length in words, less one    |
/// One packet of a compound.
struct RTCPPacket {
    static let senderReport: UInt8 = 200
    static let receiverReport: UInt8 = 201
    static let description: UInt8 = 202
    static let goodbye: UInt8 = 203
    static let feedback: ClosedRange<UInt8> = 205...206

    let count: Int
    let type: UInt8
    let body: Range<Int>

    /// Whether the second octet is a type of RTCP and no payload type of RTP (RFC 5761 section 4).
    static func isType(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 8 && bytes.octet(0) & 0xC0 == 0x80 && (192...223).contains(bytes.octet(1))
    }

    /// The packet at `at`; nil where its length exceeds what is there.
    init?(_ bytes: RawSpan, at: Int) {
        guard bytes.byteCount &- at >= 4, bytes.octet(at) & 0xC0 == 0x80 else { return nil }
        count = Int(bytes.octet(at) & 31)
        type = bytes.octet(at &+ 1)
        let end = at &+ 4 &+ 4 &* Int(bytes.load(at &+ 2, as: UInt16.self))
        guard end <= bytes.byteCount else { return nil }
        body = at &+ 4..<end
    }

    /// A compound begins with a report and its lengths add up to the datagram's (RFC 3550 appendix A.2).
    static func isCompound(_ bytes: RawSpan, wireLength: Int) -> Bool {
        guard isType(bytes), bytes.octet(0) & 0x20 == 0,
            bytes.octet(1) == senderReport || bytes.octet(1) == receiverReport
        else { return false }
        var at = 0
        while at < bytes.byteCount {
            guard let packet = RTCPPacket(bytes, at: at) else { return wireLength > bytes.byteCount && at > 0 }
            guard (192...223).contains(packet.type) else { return false }
            at = packet.body.upperBound
        }
        return true
    }
}

/// What one end says of one source, first report to last.
package struct RTCPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var reporter: UInt32 = 0
    var name = Text.absent
    var tool = Text.absent
    var duration: Int64 = 0
    var packets: UInt64 = 0
    var sentPackets: UInt64?
    var sentBytes: UInt64?
    var feedback: UInt64 = 0
    var source: UInt32?
    var reports: UInt64 = 0
    var lost: Int64?
    var lostFraction: Double?
    var jitter: UInt64?
    var roundTrip: Int64?
    var reason = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.rtcp
    package static let summary: StaticString = "What one end of a media session reports of one source."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent the reports.")
        row.count("ssrc", UInt64(reporter), "Number of the reporter (SSRC).")
        row.text("cname", name, in: text, "Canonical name of the reporter, often user and host.", isKey: true)
        row.text("tool", tool, in: text, "Program of the reporter.")
        row.interval("duration", duration, "From the reporter's first packet to its last.")
        row.count("packets", packets, "Compound packets of the reporter.")
        row.count("sender_packets", sentPackets, "Media packets that the reporter says it has sent.")
        row.count("sender_bytes", sentBytes, "Octets of media that it says it has sent.")
        row.count("feedback", feedback, "Packets of the reporter that ask for repair or report loss at once.")
        row.count("source_ssrc", source.map { UInt64($0) }, "The source that is reported on, if any.")
        row.count("reports", reports, "Reports on that source.")
        row.integer("lost", lost, "Packets of it lost so far, by the last report; duplicates make it less than none.")
        row.real("max_fraction_lost", lostFraction, "The highest share of packets lost between two reports, 0 to 1.")
        row.count("jitter", jitter, "Jitter by the last report, in ticks of the media's clock.")
        row.interval("rtt", roundTrip, "Shortest time from here to the reporter and back, by its reports.")
        row.text("bye", reason, in: text, "Why the reporter left, in its words; empty where it did not say.")
    }
}

/// The reports on one connection.
struct RTCPReports {
    /// Reporters, and sources that are reported on; what is beyond is not told of and counted by an anomaly.
    static let reportersMax = 32
    static let blocksMax = 64
    private static let textBytesMax = 16_384

    /// One reporter.
    private struct Reporter {
        let direction: Direction
        let number: UInt32
        let first: Timestamp
        var last: Timestamp
        var packets: UInt64 = 0
        var sent: (packets: UInt32, bytes: UInt32)?
        var feedback: UInt64 = 0
        var name = Text.absent
        var tool = Text.absent
        var reason = Text.absent
        /// The middle of the time in its last report as a sender, and when that passed here.
        var mark: (time: UInt32, passed: Timestamp)?
    }

    /// What a reporter says of one source.
    private struct Block {
        let reporter: Int
        let source: UInt32
        var reports: UInt64 = 0
        var lost: Int32 = 0
        var lostFraction: UInt8 = 0
        var jitter: UInt32 = 0
        var roundTrip: Int64?
    }

    /// The name of the protocol stands in `service`.
    var isNamed = false
    private var reporters: [Reporter] = []
    private var blocks: [Block] = []
    /// Reports about sources for which there was no room.
    private var refusedBlocks = 0
    private var isFull = false
    private var text = TextBuffer()
    private var record = RTCPRecord()

    mutating func clear() {
        reporters.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        text.clear()
        (isNamed, isFull, refusedBlocks) = (false, false, 0)
    }

    /// Reads a compound; false where it is none. Once media or reports were seen, packets by themselves are
    /// taken too (RFC 5506).
    mutating func take(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        guard RTCPPacket.isCompound(bytes, wireLength: wireLength) || isNamed && RTCPPacket.isType(bytes) else {
            return false
        }
        var at = 0
        var current: Int?
        while let packet = RTCPPacket(bytes, at: at) {
            at = packet.body.upperBound
            let body = bytes.extracting(packet.body)
            guard body.byteCount >= 4 else { continue }
            // Chunks of a description say themselves whom they describe.
            let number: UInt32 = body.load(0)
            if packet.type != RTCPPacket.goodbye || packet.count > 0 {
                guard let place = reporter(number, direction, &context) else { return true }
                if current == nil {
                    current = place
                    reporters[place].packets &+= 1
                    reporters[place].last = context.now
                }
                read(packet, body, place, context.now)
            }
        }
        return true
    }

    private mutating func read(_ packet: RTCPPacket, _ body: RawSpan, _ place: Int, _ now: Timestamp) {
        switch packet.type {
        case RTCPPacket.senderReport:
            //  SSRC | NTP time (8) | RTP time (4) | packets (4) | octets (4) | blocks
            guard body.byteCount >= 24 else { return }
            reporters[place].sent = (body.load(16), body.load(20))
            reporters[place].mark = (body.load(6), now)
            readBlocks(body, from: 24, packet.count, place, now)
        case RTCPPacket.receiverReport: readBlocks(body, from: 4, packet.count, place, now)
        case RTCPPacket.description: describe(body, place)
        case RTCPPacket.goodbye:
            let length = 4 &* packet.count
            guard reporters[place].reason.isAbsent else { return }
            guard length < body.byteCount else {
                reporters[place].reason = text.add("")
                return
            }
            let count = min(Int(body.octet(length)), body.byteCount &- length &- 1)
            reporters[place].reason = add(body.extracting(length &+ 1 ..< length &+ 1 &+ count))
        default: if RTCPPacket.feedback.contains(packet.type) { reporters[place].feedback &+= 1 }
        }
    }

    //  source (4) | fraction lost (1) | lost (3) | highest number (4) | jitter (4) | last report (4) | since (4)
    private mutating func readBlocks(_ body: RawSpan, from start: Int, _ count: Int, _ place: Int, _ now: Timestamp) {
        var at = start
        for _ in 0..<count {
            guard body.byteCount &- at >= 24 else { return }
            defer { at &+= 24 }
            guard let index = block(place, body.load(at)) else { continue }
            blocks[index].reports &+= 1
            let lost: UInt32 = body.load(at &+ 4)
            blocks[index].lostFraction = max(blocks[index].lostFraction, UInt8(truncatingIfNeeded: lost >> 24))
            // Twenty-four bits with a sign.
            blocks[index].lost = Int32(bitPattern: lost << 8) >> 8
            blocks[index].jitter = body.load(at &+ 12)
            let last: UInt32 = body.load(at &+ 16)
            guard last != 0 else { continue }
            roundTrip(index, last, since: body.load(at &+ 20), now)
        }
    }

    /// The report that this one answers has passed here, and the reporter says how long it had it.
    private mutating func roundTrip(_ index: Int, _ last: UInt32, since: UInt32, _ now: Timestamp) {
        let direction = reporters[blocks[index].reporter].direction
        for other in reporters where other.direction != direction {
            guard let mark = other.mark, mark.time == last else { continue }
            // In units of 1/65536 second.
            let held = (Int64(since) &* 1_000_000_000) >> 16
            let trip = now.since(mark.passed) &- held
            guard trip >= 0 else { return }
            blocks[index].roundTrip = min(blocks[index].roundTrip ?? .max, trip)
            return
        }
    }

    //  source (4) | items: type (1), length (1), text | a zero, and more up to four octets
    private mutating func describe(_ body: RawSpan, _ place: Int) {
        // Of a mixer's chunks the first is its own.
        var at = 4
        while body.byteCount &- at >= 2, body.octet(at) != 0 {
            let count = Int(body.octet(at &+ 1))
            guard count <= body.byteCount &- at &- 2 else { return }
            let value = body.extracting(at &+ 2 ..< at &+ 2 &+ count)
            switch body.octet(at) {
            case 1: if reporters[place].name.isAbsent { reporters[place].name = add(value) }
            case 6: if reporters[place].tool.isAbsent { reporters[place].tool = add(value) }
            default: break
            }
            at &+= 2 &+ count
        }
    }

    private mutating func add(_ value: RawSpan) -> Text {
        text.add(value, limit: max(0, RTCPReports.textBytesMax &- text.bytes.count))
    }

    private mutating func reporter(
        _ number: UInt32, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> Int? {
        for index in reporters.indices
        where reporters[index].number == number && reporters[index].direction == direction { return index }
        guard reporters.count < RTCPReports.reportersMax else {
            if !isFull { context.weird(.rtp_too_many_sources, source: "RTCP") }
            isFull = true
            return nil
        }
        reporters.append(Reporter(direction: direction, number: number, first: context.now, last: context.now))
        return reporters.count &- 1
    }

    private mutating func block(_ reporter: Int, _ source: UInt32) -> Int? {
        for index in blocks.indices where blocks[index].reporter == reporter && blocks[index].source == source {
            return index
        }
        guard blocks.count < RTCPReports.blocksMax else {
            refusedBlocks &+= 1
            return nil
        }
        blocks.append(Block(reporter: reporter, source: source))
        return blocks.count &- 1
    }

    // MARK: rows

    mutating func write(_ context: inout AnalyzerContext) {
        context.limits.met(.sources, refusedBlocks)
        refusedBlocks = 0
        for (place, reporter) in reporters.enumerated() where reporter.packets > 0 {
            begin(reporter, context)
            var hasBlock = false
            for block in blocks where block.reporter == place {
                hasBlock = true
                record.source = block.source
                record.reports = block.reports
                record.lost = Int64(block.lost)
                record.lostFraction = Double(block.lostFraction) / 256
                record.jitter = UInt64(block.jitter)
                record.roundTrip = block.roundTrip
                context.output.emit(record)
            }
            if !hasBlock { context.output.emit(record) }
        }
    }

    private mutating func begin(_ reporter: Reporter, _ context: borrowing AnalyzerContext) {
        record.text.clear()
        record.ts = reporter.first
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = reporter.direction == .originator
        record.reporter = reporter.number
        record.name = record.text.add(reporter.name, of: text)
        record.tool = record.text.add(reporter.tool, of: text)
        record.reason = record.text.add(reporter.reason, of: text)
        record.duration = reporter.last.since(reporter.first)
        record.packets = reporter.packets
        record.sentPackets = reporter.sent.map { UInt64($0.packets) }
        record.sentBytes = reporter.sent.map { UInt64($0.bytes) }
        record.feedback = reporter.feedback
        (record.source, record.reports, record.lost, record.lostFraction) = (nil, 0, nil, nil)
        (record.jitter, record.roundTrip) = (nil, nil)
    }
}
