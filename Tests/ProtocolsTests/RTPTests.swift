// SPDX-License-Identifier: Apache-2.0
//
// RTP and RTCP: sources, what is lost of them, their jitter, reports on them, and what a call announces.

import Testing
import Wire

@testable import Protocols
@testable import Records

private let logs = [RTPRecord.makeSchema(), RTCPRecord.makeSchema()]

private func media(
    _ sequence: Int, _ timestamp: Int, type: UInt8 = 0, source: Int = 0x1234_5678, payload: Int = 160
) -> [UInt8] {
    [0x80, type] + wide(sequence) + long(timestamp) + long(source) + [UInt8](repeating: 0x55, count: payload)
}

/// A report of a sender: packets and octets sent, and blocks on sources.
private func senderReport(_ source: Int, middle: Int = 0xAABB_CCDD, blocks: [[UInt8]] = []) -> [UInt8] {
    let body = long(source) + wide(0x1111) + long(middle) + wide(0x2222) + long(160) + long(50) + long(8000)
    return [0x80 | UInt8(blocks.count), 200] + wide(6 + 6 * blocks.count) + body + blocks.flatMap { $0 }
}

private func receiverReport(_ source: Int, blocks: [[UInt8]]) -> [UInt8] {
    [0x80 | UInt8(blocks.count), 201] + wide(1 + 6 * blocks.count) + long(source) + blocks.flatMap { $0 }
}

private func block(_ source: Int, fraction: UInt8, lost: Int, jitter: Int, last: Int = 0, since: Int = 0) -> [UInt8] {
    long(source) + [fraction] + long(lost).dropFirst() + long(50) + long(jitter) + long(last) + long(since)
}

private func description(_ source: Int, _ name: String, tool: String = "") -> [UInt8] {
    var items = [1, UInt8(name.utf8.count)] + octets(name)
    if !tool.isEmpty { items += [6, UInt8(tool.utf8.count)] + octets(tool) }
    items.append(0)
    while items.count % 4 != 0 { items.append(0) }
    return [0x81, 202] + wide(1 + items.count / 4) + long(source) + items
}

@Suite("RTP") struct RTPTests {
    static let call = Conversation(
        turns: (0..<5).flatMap { index -> [(Direction, [UInt8])] in
            [
                (.originator, media(65_534 + index, 160 * index)),
                (.responder, media(100 + index, 160 * index, type: 8, source: 0x7777_0001)),
            ]
        } + [
            (.originator, senderReport(0x1234_5678) + description(0x1234_5678, "a@example.org", tool: "phone")),
            (.responder, receiverReport(0x7777_0001, blocks: [block(0x1234_5678, fraction: 64, lost: -1, jitter: 7)])),
        ], port: 20_000, logs: logs, isDatagrams: true, make: { RTP() })

    @Test func `two ends of a call are two sources and two reporters`() {
        let outcome = Self.call.play()
        let first = "is_orig=T ssrc=305419896 payload_type=0 codec=PCMU packets=5 bytes=800"
        let second = "is_orig=F ssrc=2004287489 payload_type=8 codec=PCMA packets=5 bytes=800"
        let none = " lost=0 out_of_order=0 duplicates=0"
        #expect(
            outcome.rows == [
                first + none, second + none,
                "is_orig=T ssrc=305419896 cname=a@example.org tool=phone packets=1 sender_packets=50 "
                    + "sender_bytes=8000 feedback=0 reports=0",
                "is_orig=F ssrc=2004287489 packets=1 feedback=0 source_ssrc=305419896 reports=1 jitter=7",
            ])
        #expect(outcome.analyzer.isConfirmed)
    }

    @Test func `cuts, lost packets and damage do no harm`() {
        // A damaged packet may be the first of another source, which is no row, or split one in two.
        Self.call.expectRobust(rowsMax: 6)
    }

    private static func one(_ packets: [(sequence: Int, timestamp: Int, milliseconds: Int64)]) throws -> LogRow {
        let bench = DatagramBench(RTP(), port: 20_000, logs: logs)
        for packet in packets { bench.datagram(media(packet.sequence, packet.timestamp), at: packet.milliseconds) }
        bench.finish()
        return try #require(bench.rows(.rtp).first)
    }

    @Test func `what is missing, late and doubled is counted, and a new beginning is no loss`() throws {
        var packets = [1, 2, 3, 4, 7, 6, 8, 8, 9].map {
            (sequence: $0, timestamp: 160 * $0, milliseconds: Int64(20 * $0))
        }
        let row = try Self.one(packets)
        #expect(row.number("packets") == 9)
        #expect(row.number("lost") == 1)
        #expect(row.number("out_of_order") == 1)
        #expect(row.number("duplicates") == 1)
        packets += [30_000, 30_001, 30_002].map { (sequence: $0, timestamp: 160 * $0, milliseconds: Int64(200)) }
        #expect(try Self.one(packets).number("lost") == 1)
    }

    @Test func `jitter is that of RFC 3550`() throws {
        // 20 ms apart; the third comes 16 ms late: D is 16, then -16.
        let row = try Self.one([
            (1, 0, 0), (2, 160, 20), (3, 320, 56), (4, 480, 60), (5, 640, 80), (6, 800, 100),
        ])
        var jitter = 0.0
        for distance in [0.0, 0.016, 0.016, 0, 0] { jitter += (distance - jitter) / 16 }
        let found = try #require(row.seconds("jitter"))
        #expect(abs(found - jitter) < 1e-7)
        #expect(abs(try #require(row.seconds("max_jitter")) - (0.001 + 0.015 / 16)) < 1e-7)
        #expect(row.seconds("duration") == 0.1)
    }

    @Test func `an end that had a report and says for how long tells the way there and back`() throws {
        let bench = DatagramBench(RTP(), port: 20_001, logs: logs)
        bench.datagram(senderReport(1_000_000, middle: 0x0102_0304) + description(1_000_000, "a"), at: 0)
        let answer = receiverReport(
            2_000_000, blocks: [block(1_000_000, fraction: 128, lost: 3, jitter: 9, last: 0x0102_0304, since: 65_536)])
        bench.datagram(answer + description(2_000_000, "b"), from: .responder, at: 1040)
        bench.finish()
        let row = try #require(bench.rows(.rtcp).last)
        #expect(row.seconds("rtt") == 0.04)
        #expect(row.number("lost") == 3)
        #expect(row.number("max_fraction_lost").map { Double(bitPattern: $0) } == 0.5)
        #expect(bench.context.serviceChanges == [.confirmed(.rtcp)])
        #expect(bench.rows(.rtp).isEmpty)
    }

    @Test func `a few packets are no media, and neither are numbers without order`() {
        for numbers in [[1, 2, 3], [1, 100, 7, 9000, 3, 44, 500], [5, 5, 5, 5, 5, 5, 5]] {
            let bench = DatagramBench(RTP(), port: 20_000, logs: logs)
            for number in numbers { bench.datagram(media(number, number)) }
            bench.finish()
            #expect(!bench.analyzer.isConfirmed && bench.rows(.rtp).isEmpty)
        }
        let bench = DatagramBench(RTP(), port: 20_000, logs: logs)
        for number in 0..<40 where !bench.analyzer.isDetached { bench.datagram(media(number * 777, 0)) }
        #expect(bench.analyzer.isDetached)
    }

    @Test func `sources without end are bounded`() {
        let bench = DatagramBench(RTP(), port: 20_000, logs: logs)
        for source in 0..<300 { for number in 0..<4 { bench.datagram(media(number, 0, source: 70_000 + source)) } }
        for source in 0..<300 { bench.datagram(senderReport(source) + description(source, "x")) }
        bench.finish()
        #expect(bench.rows(.rtp).count == RTP.streamsMax)
        #expect(bench.rows(.rtcp).count == RTCPReports.reportersMax)
        #expect(bench.weirds == [.rtp_too_many_sources, .rtp_too_many_sources])
    }

    private static func isPacket(_ octets: [UInt8]) -> Bool {
        RTPHeader(octets.octets, wireLength: octets.count) != nil
    }
    private static func isCompound(_ octets: [UInt8]) -> Bool {
        RTCPPacket.isCompound(octets.octets, wireLength: octets.count)
    }

    @Test func `impossible lengths are no packets`() {
        let packet = media(1, 1, payload: 8)
        #expect(Self.isPacket(packet))
        for first: UInt8 in [0x00, 0x40, 0xC0, 0x8F, 0x90, 0xA0] {
            var wrong = packet
            wrong[0] = first
            if first == 0xA0 { wrong[wrong.count - 1] = 200 }
            #expect(!Self.isPacket(wrong), "\(first)")
        }
        let report = senderReport(1_000_000)
        #expect(Self.isCompound(report))
        for count in 0..<report.count { #expect(!Self.isCompound(Array(report[..<count]))) }
    }

    @Test func `the probe takes media and reports, not questions of DNS or others`() {
        #expect(verdict(RTPProbe.packet, media(1, 1)) == .matches)
        #expect(verdict(RTPProbe.packet, media(1, 1, type: 111)) == .matches)
        #expect(verdict(RTPProbe.packet, media(1, 1, type: 50)) == .never)
        #expect(verdict(RTPProbe.packet, media(1, 1, source: 1)) == .never)
        #expect(verdict(RTPProbe.packet, (senderReport(1_000_000) + description(1_000_000, "a"))) == .matches)
        let question: [UInt8] = [0x80, 0x00, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 0x77, 0x77, 0x77, 0, 0, 1, 0, 1]
        #expect(verdict(RTPProbe.packet, question) == .never)
        #expect(!Self.call.playHTTP().analyzer.isConfirmed)
    }
}

@Suite("announced media") struct AnnouncedMediaTests {
    static let offer =
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 49170/2 RTP/AVP 0 97\n"
        + "a=rtpmap:97 iLBC/16000\nm=video 51372 RTP/SAVPF 99\nc=IN IP6 2001:db8::1\na=rtpmap:99 H264/90000\n"
        + "a=rtcp:53020 IN IP4 192.0.2.9\nm=image 5000 udptl t38\nm=audio 53 RTP/AVP 0\n"
        + "m=audio 6000 RTP/AVP 8\na=rtcp-mux\n"

    private static func invite(_ body: String) -> [UInt8] {
        let length = wire(body).count
        return wire(
            "INVITE sip:b@example.org SIP/2.0\nCall-ID: 1\nContent-Type: application/sdp\nContent-Length: \(length)\n\n"
                + body)
    }

    private static func announcements(_ context: borrowing AnalyzerContext) -> [String] {
        context.requests.compactMap {
            guard case .expect(let found) = $0 else { return nil }
            return "\(found.responder) \(found.port)"
        }
    }

    @Test func `a description announces media and their reports`() {
        let bench = SIPTests.bench([Self.invite(Self.offer)])
        #expect(
            Self.announcements(bench.context) == [
                "192.0.2.1 49170", "192.0.2.1 49171", "2001:db8::1 51372", "192.0.2.9 53020", "192.0.2.1 6000",
            ])
    }

    @Test func `a description that is cut or out of order does no harm`() {
        let whole = wire(Self.offer)
        for count in 0..<whole.count {
            let bench = SIPTests.bench([Self.invite(String(decoding: whole[..<count], as: UTF8.self))])
            #expect(Self.announcements(bench.context).count <= 5)
        }
        let many = "v=0\nc=IN IP4 192.0.2.1\n" + (0..<900).map { "m=audio \(2000 + $0) RTP/AVP 0\n" }.joined()
        #expect(Self.announcements(SIPTests.bench([Self.invite(many)]).context).count == 32)
        let wrong =
            "v=0\nc=IN IP4 999.0.2.1\nm=audio 99999 RTP/AVP 0\nm=\nm=audio\nc=\na=rtcp:\na=rtpmap:\na=rtpmap:0 x/\n"
        #expect(Self.announcements(SIPTests.bench([Self.invite(wrong)]).context).isEmpty)
    }

    @Test func `media know what the call has said of them`() throws {
        let bench = DatagramBench(SIP(), port: 5060, logs: logs + [SIPRecord.makeSchema()])
        bench.datagram(Self.invite(Self.offer))
        let reader = RTP()
        reader.announcedBy = UID(value: 99)
        bench.context.uid = UID(value: 100)
        bench.context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0002), responder: Address(v4: 0xC000_0201), originatorPort: 7000,
            responderPort: 49_170, transport: .udp, protocolNumber: 17)
        for number in 0..<6 {
            let packet = media(number, 320 * number, type: 97)
            bench.context.now = Timestamp(nanoseconds: Int64(number) * 20_000_000)
            reader.datagram(packet.octets, wireLength: packet.count, from: .originator, &bench.context)
        }
        reader.finish(&bench.context)
        let row = try #require(bench.rows(.rtp).first)
        #expect(row.text("codec") == "iLBC" && row.text("media") == "audio")
        #expect(row.number("setup_uid") == 99)
        #expect(row.seconds("jitter") == 0)
    }
}
